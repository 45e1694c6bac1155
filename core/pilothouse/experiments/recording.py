"""Recording a run: parameters once, metrics with their history and summary, tags, files, inputs.

Metrics take the driver's batch insert: as ORM objects a point would cost twenty times as much.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments import keys
from pilothouse.experiments.lifecycle import OPEN, check_open, require_open
from pilothouse.experiments.metrics import packed_history
from pilothouse.experiments.metrics.directions import directions
from pilothouse.experiments.metrics.kinds import Direction
from pilothouse.experiments.metrics.summary import (
    MICROSECOND,
    History,
    MetricSummary,
    Points,
    history_of,
    merge,
    summarise,
)
from pilothouse.experiments.tables import (
    ENDED,
    Block,
    Metric,
    Param,
    Run,
    RunArtifact,
    RunInput,
    RunMetric,
    RunTag,
)
from pilothouse.kit.clock import EPOCH
from pilothouse.kit.errors import Conflict, Invalid, Refused
from pilothouse.storage import Store

MAX_KEY_LENGTH = 250
MAX_VALUE_LENGTH = 6000
INSTANTS = ("first_at", "last_at")
NUMBERS = ("first", "last", "min", "max", "best")
Named = tuple[str, str]  # a metric by its run and its key
ParamValue = str | int | float | bool | None | Sequence[Any] | Mapping[str, Any]

# Built once: a batch of points is the hot path, and making a statement costs as much as sending it.
_SUMMARY = tuple(MetricSummary.__dataclass_fields__)
_KNOWN = ", ".join(f"m.{name}" for name in ("id", "key", *_SUMMARY))
HELD = "SELECT h.version FROM experiments_hold h WHERE h.owner = r.id AND h.closed LIMIT 1"
SERIES = (
    f"SELECT r.id, r.name, r.archived_at, r.compacted_at, r.status, ({HELD}), b.count, {_KNOWN} "
    f"FROM {Run.__tablename__} r "
    f"LEFT JOIN {RunMetric.__tablename__} m ON m.run_id = r.id AND m.key IN ({{keys}}) "
    f"LEFT JOIN {Block.__tablename__} b ON b.series = m.id WHERE r.id IN ({{runs}})"
)
MERGE = (
    update(RunMetric)
    .where(col(RunMetric.id) == bindparam("series"))
    .values({name: bindparam(name) for name in _SUMMARY})
)
_FRESH = ("run_id", "key", *_SUMMARY)
INSERT_FRESH = f"INSERT INTO {RunMetric.__tablename__} ({', '.join(_FRESH)}) VALUES"
MAX_FRESH, MAX_LISTED = 1000, 20
WIDTH, LONG = 5, 50
APPEND = f"INSERT INTO {Metric.__tablename__} (series, step, at, value, nan) VALUES"


def log_params(session: Session, run_id: str, params: Mapping[str, ParamValue]) -> None:
    """Keep parameters, each once; the same value again is fine.

    Raises Conflict when one has another value already; nothing is written then.
    """
    require_open(session, run_id)
    texts = {_key(key, "parameter"): param_text(value) for key, value in params.items()}
    known = _known_params(session, run_id, texts)
    for key, value in texts.items():
        if key in known and known[key] != value:
            raise Conflict(
                f"the parameter {key!r} is {known[key]!r} and cannot become {value!r}.",
                hint="A parameter is written once; start another run for another value.",
            )
    rows = [
        {"run_id": run_id, "key": key, "value": value, "number": _number(value)}
        for key, value in texts.items()
        if key not in known
    ]
    if rows:
        session.connection().execute(insert(Param), rows)
        keys.register_keys(session, run_id, keys.PARAM, texts.keys() - known.keys())


def param_text(value: ParamValue) -> str:
    """A parameter as the text that is kept: as Python writes it, containers as JSON."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, (Mapping, list, tuple)):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    else:
        text = str(value)
    if len(text) > MAX_VALUE_LENGTH:
        raise Invalid(f"a parameter's value is longer than {MAX_VALUE_LENGTH} characters.")
    return text


def _known_params(session: Session, run_id: str, wanted: Iterable[str]) -> dict[str, str]:
    query = select(col(Param.key), col(Param.value)).where(
        col(Param.run_id) == run_id, col(Param.key).in_(list(wanted))
    )
    return {row.key: row.value for row in session.execute(query)}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _key(key: str, noun: str) -> str:
    if not key or len(key) > MAX_KEY_LENGTH or key != key.strip():
        raise Invalid(
            f"{key[:40]!r} cannot name a {noun}.",
            hint=f"A name has 1 to {MAX_KEY_LENGTH} characters and no space at its ends.",
        )
    return key


def log_points(
    session: Session, store: Store, run_id: str, batch: Iterable[Points], *, watch: bool = True
) -> None:
    """Append to histories and bring their summaries along, in the caller's transaction.

    Points may come in any order; the same one again (step, instant and value) stays one. They may
    come after the run has ended and its histories are blocks: they are rows until the next time.
    Then they are written into the activity log, and a metric on which a version rests takes none:
    Refused. Whoever brings whole runs from elsewhere does not `watch` for that.
    """
    log_points_of(session, store, [(run_id, batch)], watch=watch)


def log_points_of(
    session: Session,
    store: Store,
    batches: Iterable[tuple[str, Iterable[Points]]],
    *,
    watch: bool = True,
) -> None:
    """What `log_points` does, for many runs at the price of one."""
    runs: set[str] = set()
    histories: dict[Named, History] = {}
    for run_id, batch in batches:
        runs.add(run_id)
        _collect(histories, run_id, batch, store)
    known, late = _series(session, runs, {key for _, key in histories})
    known = {name: each for name, each in known.items() if name in histories}
    late = late if watch else {}
    for run_id in late:
        _check_held(session, late[run_id], run_id, known, histories)
    better = directions(session, {key for _, key in histories})
    fresh = {name: summarise(each, better[name[1]]) for name, each in histories.items()}
    _merge_known(session, known, fresh, better)
    series = {name: each.id for name, each in known.items()}
    series |= _insert_fresh(session, {n: s for n, s in fresh.items() if n not in known})
    blocked = {each.id for each in known.values() if each.has_block}
    _append(session, {series[name]: history for name, history in histories.items()}, blocked)
    for run_id in late:
        _record_late(session, store, run_id, late[run_id], known, fresh)


@dataclass(frozen=True)
class _Late:
    """A run whose points come after its end, and the version that rests on it, if one does."""

    name: str
    version: str


def _check_held(
    session: Session,
    late: _Late,
    run_id: str,
    known: Mapping[Named, _Series],
    histories: Mapping[Named, History],
) -> None:
    """Raise Refused when a metric on which a version rests would get a point it does not have."""
    if not late.version:
        return
    for (run, key), history in histories.items():
        if run == run_id and (run, key) in known:
            there = packed_history.read(session, [known[run, key].id])[known[run, key].id]
            old = there.history()
            points = set(map(old.key, range(len(old))))
            if any(history.key(place) not in points for place in range(len(history))):
                last = known[run, key].summary.last
                raise Refused(
                    f"the model version {late.version} rests on run {late.name!r} ({run_id}): its "
                    f"metric {key!r} is {last:g} and stays so.",
                    hint="Log to another run, or under another name.",
                )


def _record_late(
    session: Session,
    store: Store,
    run_id: str,
    late: _Late,
    known: Mapping[Named, _Series],
    fresh: Mapping[Named, MetricSummary],
) -> None:
    after = {key: fresh[run, key].last for run, key in fresh if run == run_id}
    before = {key: known[run, key].summary.last for run, key in known if run == run_id}
    if after:
        activity.record(
            session,
            store,
            "amended",
            "run",
            run_id,
            name=late.name,
            before={"metrics": _figures(before)} if before else None,
            after={"metrics": _figures(after)},
            reason="after the run had ended",
        )


def _figures(values: Mapping[str, float]) -> dict[str, float | str]:
    """Figures as the activity log keeps them: JSON has no word for what is no number."""
    first = list(values.items())[:MAX_LISTED]
    plain = {key: value if math.isfinite(value) else str(value) for key, value in first}
    more = len(values) - len(first)
    return plain | ({"…": f"{more} more"} if more else {})


def _collect(
    histories: dict[Named, History], run_id: str, batch: Iterable[Points], store: Store
) -> None:
    now = store.now()
    for stretch in batch:
        name, history = (run_id, _key(stretch.key, "metric")), history_of(stretch, now)
        if name in histories:
            histories[name].extend(history)
        elif history:
            histories[name] = history


@dataclass(frozen=True)
class _Series:
    """What is known of a metric that the run has already."""

    id: int
    summary: MetricSummary
    has_block: bool


def _series(
    session: Session, runs: Set[str], wanted: Set[str]
) -> tuple[dict[Named, _Series], dict[str, _Late]]:
    """What is known of metrics, and the runs among theirs that have ended or are held."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        # Held first and read then: what waits for a lock reads what was before it. In one order
        # everywhere, or two writers would wait for each other.
        for run_id in sorted(runs):
            connection.execute(OPEN, {"run": run_id})
    found = _rows(connection, list(runs), list(wanted))
    row_of = {row[0]: row for row in found}
    late: dict[str, _Late] = {}
    for run_id in runs:
        row = row_of.get(run_id)
        check_open(run_id, row and {"name": row[1], "archived_at": row[2]})
        if row and (row[4] in ENDED or row[5]):
            late[run_id] = _Late(row[1], row[5] or "")
        if row and row[3] is not None:
            connection.execute(update(Run).where(col(Run.id) == run_id).values(compacted_at=None))
    known = {}
    for run_id, _, _, _, _, _, block, number, key, *summary in found:
        if number is not None:
            told = dict(zip(_SUMMARY, summary, strict=True))
            told |= {name: EPOCH + told[name] * MICROSECOND for name in INSTANTS}
            known[run_id, key] = _Series(number, summary_of(told), block is not None)
    return known, late


def _rows(connection: Connection, runs: Sequence[str], keys: Sequence[str]) -> Sequence[Any]:
    mark = _mark(connection)
    marks = {"keys": ", ".join([mark] * len(keys)) or "NULL", "runs": ", ".join([mark] * len(runs))}
    return connection.exec_driver_sql(SERIES.format(**marks), (*keys, *runs)).all()


def summary_of(row: Mapping[Any, Any]) -> MetricSummary:
    """The summary in a `RunMetric` row's columns."""
    words = {name: row[name] for name in MetricSummary.__dataclass_fields__}
    return MetricSummary(
        **words | {name: math.nan if row[name] is None else row[name] for name in NUMBERS}
    )


def _columns(summary: MetricSummary) -> dict[str, Any]:
    words = dict(vars(summary))
    return words | {name: None for name in NUMBERS if math.isnan(words[name])}


def _merge_known(
    session: Session,
    known: Mapping[Named, _Series],
    fresh: Mapping[Named, MetricSummary],
    better: Mapping[str, Direction],
) -> None:
    rows = [
        {"series": each.id} | _columns(merge(each.summary, fresh[name], better[name[1]]))
        for name, each in known.items()
    ]
    if rows:
        session.connection().execute(MERGE, rows)


def _insert_fresh(session: Session, fresh: Mapping[Named, MetricSummary]) -> dict[Named, int]:
    """New series; as a plain statement, since they are most of what a first batch costs."""
    connection, numbers = session.connection(), dict[Named, int]()
    rows = [(*name, *_bare(summary)) for name, summary in fresh.items()]
    for start in range(0, len(rows), MAX_FRESH):
        part = rows[start : start + MAX_FRESH]
        values = _marks(connection, len(_FRESH), len(part))
        sql = f"{INSERT_FRESH} {values} RETURNING run_id, key, id"
        found = connection.exec_driver_sql(sql, tuple(chain.from_iterable(part)))
        numbers |= {(run_id, key): number for run_id, key, number in found}
    for run_id in sorted({run_id for run_id, _ in fresh}):
        keys.register_keys(session, run_id, keys.METRIC, [k for run, k in fresh if run == run_id])
    return numbers


def _bare(summary: MetricSummary) -> Iterable[Any]:
    """The columns as a driver takes them."""
    words = _columns(summary)
    for name in INSTANTS:
        words[name] = (words[name] - EPOCH) // MICROSECOND
    return words.values()


def _mark(connection: Connection) -> str:
    """Where a value goes."""
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


def _marks(connection: Connection, width: int, rows: int) -> str:
    """Where the values of so many rows go."""
    return ", ".join([f"({', '.join([_mark(connection)] * width)})"] * rows)


def _append(session: Session, histories: dict[int, History], blocked: Set[int]) -> None:
    told = sum(map(len, histories.values()))
    if blocked:
        histories |= packed_history.unseen(session, {n: histories[n] for n in blocked})
    flat = list(chain.from_iterable(history.flat(n) for n, history in histories.items()))
    if _send(session.connection(), flat) != told:
        _recount(session, list(histories))


def _send(connection: Connection, flat: list[Any]) -> int:
    """Insert rows, laid end to end, `LONG` to a statement; return how many were new.

    SQLite takes fifty at once nearly twice as fast as single rows, and more hardly faster.
    """
    size = WIDTH * LONG
    whole = len(flat) - len(flat) % size
    parts = [tuple(flat[start : start + size]) for start in range(0, whole, size)]
    rest = [tuple(flat[whole:])] if whole < len(flat) else []
    return sum(
        connection.exec_driver_sql(
            f"{APPEND} {_marks(connection, WIDTH, len(some[0]) // WIDTH)} ON CONFLICT DO NOTHING",
            some,
        ).rowcount
        for some in (parts, rest)
        if some
    )


def _recount(session: Session, series: Sequence[int]) -> None:
    """Only a count can be wrong when points came twice: the rest of a summary does not add up."""
    rows = select(func.count()).where(col(Metric.series) == col(RunMetric.id)).scalar_subquery()
    block = select(col(Block.count)).where(col(Block.series) == col(RunMetric.id)).scalar_subquery()
    session.connection().execute(
        update(RunMetric)
        .where(col(RunMetric.id).in_(series))
        .values(count=rows + func.coalesce(block, 0))
    )


def tag(session: Session, run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags, in place of what they were."""
    require_open(session, run_id)
    for key, value in tags.items():
        session.merge(RunTag(run_id=run_id, key=_key(key, "tag"), value=str(value)))
    keys.register_keys(session, run_id, keys.TAG, tags)


def untag(session: Session, run_id: str, keys: Iterable[str]) -> None:
    """Take tags off; one that is not there is no error."""
    require_open(session, run_id)
    session.execute(
        delete(RunTag).where(col(RunTag.run_id) == run_id, col(RunTag.key).in_(list(keys)))
    )


def log_input(session: Session, run_id: str, dataset: str, role: str) -> None:
    """Say that the run read a dataset version ("flights@2") in a role ("training")."""
    require_open(session, run_id)
    session.merge(RunInput(run_id=run_id, dataset=dataset, role=role))


def log_artifact(session: Session, run_id: str, path: str, digest: str, size: int) -> None:
    """Name kept bytes as a file of the run; a path given again is the newer file.

    Raises Invalid when the path leaves the run's folder.
    """
    require_open(session, run_id)
    checked = artifact_path(path)
    session.merge(RunArtifact(run_id=run_id, path=checked, digest=digest, size=size))


def artifact_path(path: str) -> str:
    """The path in its one form. Raises Invalid when it is empty, absolute or climbs."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise Invalid(
            f"{path!r} is no path inside a run.", hint="Give one such as curves/roc.json."
        )
    return "/".join(parts)
