"""Recording a run: parameters once, metrics with history and summary, tags, files, inputs.

PERF: points are inserted through the driver in batches; as ORM objects a point would cost twenty
times as much (`tests/bench/run.py ingest`).
"""

from __future__ import annotations

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
from pilothouse.experiments.lifecycle import SELECT_FOR_UPDATE, check_open, require_open
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
from pilothouse.experiments.params import ParamValue, param_number, param_text
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
INSTANTS = ("first_at", "last_at")
NUMBERS = ("first", "last", "min", "max", "best")
MetricKey = tuple[str, str]  # a metric by its run and its key

# PERF: statements are built once; building one costs as much as sending it.
_SUMMARY = tuple(MetricSummary.__dataclass_fields__)
_SELECTED = ", ".join(f"m.{name}" for name in ("id", "key", *_SUMMARY))
SELECT_HOLD = "SELECT h.version FROM experiments_hold h WHERE h.owner = r.id AND h.closed LIMIT 1"
SELECT_SERIES = (
    f"SELECT r.id, r.name, r.archived_at, r.compacted_at, r.status, ({SELECT_HOLD}), b.count, "
    f"{_SELECTED} "
    f"FROM {Run.__tablename__} r "
    f"LEFT JOIN {RunMetric.__tablename__} m ON m.run_id = r.id AND m.key IN ({{keys}}) "
    f"LEFT JOIN {Block.__tablename__} b ON b.series = m.id WHERE r.id IN ({{runs}})"
)
UPDATE_SUMMARY = (
    update(RunMetric)
    .where(col(RunMetric.id) == bindparam("series"))
    .values({name: bindparam(name) for name in _SUMMARY})
)
_SERIES_COLUMNS = ("run_id", "key", *_SUMMARY)
INSERT_SERIES = f"INSERT INTO {RunMetric.__tablename__} ({', '.join(_SERIES_COLUMNS)}) VALUES"
MAX_SERIES_PER_INSERT, MAX_LISTED = 1000, 20
POINT_COLUMNS, POINTS_PER_INSERT = 5, 50
INSERT_POINT = f"INSERT INTO {Metric.__tablename__} (series, step, at, value, nan) VALUES"


def log_params(session: Session, run_id: str, params: Mapping[str, ParamValue]) -> None:
    """Log parameters, each once; logging the same value again changes nothing.

    Raises Conflict when one has another value already; nothing is written then.
    """
    require_open(session, run_id)
    texts = {_key(key, "parameter"): param_text(value) for key, value in params.items()}
    existing = _existing_params(session, run_id, texts)

    for key, value in texts.items():
        if key in existing and existing[key] != value:
            raise Conflict(
                f"the parameter {key!r} is {existing[key]!r} and cannot become {value!r}.",
                hint="A parameter is written once; start another run for another value.",
            )

    rows = [
        {"run_id": run_id, "key": key, "value": value, "number": param_number(value)}
        for key, value in texts.items()
        if key not in existing
    ]
    if rows:
        session.connection().execute(insert(Param), rows)
        keys.register_keys(session, run_id, keys.PARAM, texts.keys() - existing.keys())


def _existing_params(session: Session, run_id: str, keys_to_find: Iterable[str]) -> dict[str, str]:
    query = select(col(Param.key), col(Param.value)).where(
        col(Param.run_id) == run_id, col(Param.key).in_(list(keys_to_find))
    )
    return {row.key: row.value for row in session.execute(query)}


def _key(key: str, noun: str) -> str:
    if not key or len(key) > MAX_KEY_LENGTH or key != key.strip():
        raise Invalid(
            f"{key[:40]!r} cannot name a {noun}.",
            hint=f"A name has 1 to {MAX_KEY_LENGTH} characters and no space at its ends.",
        )
    return key


def log_points(
    session: Session, store: Store, run_id: str, batch: Iterable[Points], *, check_late: bool = True
) -> None:
    """Append points to histories and update their summaries, in the caller's transaction.

    Points may come in any order; a repeated one (same step, instant and value) is stored once.
    Points may also come after the run has ended and its histories are packed: they stay rows until
    the next packing. With `check_late` (imports switch it off) such points are recorded in the
    audit log, and Refused is raised when a model version depends on the metric.
    """
    log_points_of_runs(session, store, [(run_id, batch)], check_late=check_late)


def log_points_of_runs(
    session: Session,
    store: Store,
    batches: Iterable[tuple[str, Iterable[Points]]],
    *,
    check_late: bool = True,
) -> None:
    """`log_points` for many runs, with the statements of one."""
    runs: set[str] = set()
    histories: dict[MetricKey, History] = {}
    for run_id, batch in batches:
        runs.add(run_id)
        _collect(histories, run_id, batch, store)

    existing, late = _existing_series(session, runs, {key for _, key in histories})
    existing = {name: series_row for name, series_row in existing.items() if name in histories}
    late = late if check_late else {}

    for run_id in late:
        _check_held(session, late[run_id], run_id, existing, histories)

    better = directions(session, {key for _, key in histories})
    fresh = {name: summarise(series_row, better[name[1]]) for name, series_row in histories.items()}
    _update_summaries(session, existing, fresh, better)
    series = {name: series_row.id for name, series_row in existing.items()}
    series |= _insert_series(session, {n: s for n, s in fresh.items() if n not in existing})
    blocked = {series_row.id for series_row in existing.values() if series_row.has_block}
    _append(session, {series[name]: history for name, history in histories.items()}, blocked)

    for run_id in late:
        _record_late(session, store, run_id, late[run_id], existing, fresh)


@dataclass(frozen=True)
class _LateRun:
    """A run that gets points after its end, and the model version that depends on it, if any."""

    name: str
    version: str


def _check_held(
    session: Session,
    late: _LateRun,
    run_id: str,
    existing: Mapping[MetricKey, _Series],
    histories: Mapping[MetricKey, History],
) -> None:
    """Raise Refused when a metric that a version depends on would get a new point."""
    if not late.version:
        return
    for (run, key), history in histories.items():
        if run == run_id and (run, key) in existing:
            there = packed_history.read(session, [existing[run, key].id])[existing[run, key].id]
            old = there.history()
            points = set(map(old.key, range(len(old))))
            if any(history.key(index) not in points for index in range(len(history))):
                last = existing[run, key].summary.last
                raise Refused(
                    f"the model version {late.version} rests on run {late.name!r} ({run_id}): its "
                    f"metric {key!r} is {last:g} and cannot change.",
                    hint="Log to another run, or under another name.",
                )


def _record_late(
    session: Session,
    store: Store,
    run_id: str,
    late: _LateRun,
    existing: Mapping[MetricKey, _Series],
    fresh: Mapping[MetricKey, MetricSummary],
) -> None:
    after = {key: fresh[run, key].last for run, key in fresh if run == run_id}
    before = {key: existing[run, key].summary.last for run, key in existing if run == run_id}
    if after:
        activity.record(
            session,
            store,
            "amended",
            "run",
            run_id,
            name=late.name,
            before={"metrics": _json_metrics(before)} if before else None,
            after={"metrics": _json_metrics(after)},
            reason="after the run had ended",
        )


def _json_metrics(values: Mapping[str, float]) -> dict[str, float | str]:
    """Metrics as the audit log stores them; NaN and infinity as text, since JSON has neither."""
    first = list(values.items())[:MAX_LISTED]
    plain = {key: value if math.isfinite(value) else str(value) for key, value in first}
    more = len(values) - len(first)
    return plain | ({"…": f"{more} more"} if more else {})


def _collect(
    histories: dict[MetricKey, History], run_id: str, batch: Iterable[Points], store: Store
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
    """A stored series of a run: its id, its summary, and whether it has a packed block."""

    id: int
    summary: MetricSummary
    has_block: bool


def _existing_series(
    session: Session, runs: Set[str], metric_keys: Set[str]
) -> tuple[dict[MetricKey, _Series], dict[str, _LateRun]]:
    """The stored series of these metrics, and the runs that have ended or that a version holds."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        # Lock first and read then: a statement that waits for a lock reads what was there before.
        # Always in one order, or two writers would deadlock.
        for run_id in sorted(runs):
            connection.execute(SELECT_FOR_UPDATE, {"run": run_id})

    rows = _series_rows(connection, list(runs), list(metric_keys))
    row_of = {row[0]: row for row in rows}
    late: dict[str, _LateRun] = {}

    for run_id in runs:
        row = row_of.get(run_id)
        check_open(run_id, row and {"name": row[1], "archived_at": row[2]})
        if row and (row[4] in ENDED or row[5]):
            late[run_id] = _LateRun(row[1], row[5] or "")
        if row and row[3] is not None:
            connection.execute(update(Run).where(col(Run.id) == run_id).values(compacted_at=None))

    existing = {}
    for run_id, _, _, _, _, _, block, number, key, *summary in rows:
        if number is not None:
            values = dict(zip(_SUMMARY, summary, strict=True))
            values |= {name: EPOCH + values[name] * MICROSECOND for name in INSTANTS}
            existing[run_id, key] = _Series(number, summary_of(values), block is not None)

    return existing, late


def _series_rows(connection: Connection, runs: Sequence[str], keys: Sequence[str]) -> Sequence[Any]:
    mark = _mark(connection)
    marks = {"keys": ", ".join([mark] * len(keys)) or "NULL", "runs": ", ".join([mark] * len(runs))}
    return connection.exec_driver_sql(SELECT_SERIES.format(**marks), (*keys, *runs)).all()


def summary_of(row: Mapping[Any, Any]) -> MetricSummary:
    """The summary in a `RunMetric` row's columns."""
    values = {name: row[name] for name in MetricSummary.__dataclass_fields__}
    return MetricSummary(
        **values | {name: math.nan if row[name] is None else row[name] for name in NUMBERS}
    )


def _columns(summary: MetricSummary) -> dict[str, Any]:
    values = dict(vars(summary))
    return values | {name: None for name in NUMBERS if math.isnan(values[name])}


def _update_summaries(
    session: Session,
    existing: Mapping[MetricKey, _Series],
    fresh: Mapping[MetricKey, MetricSummary],
    better: Mapping[str, Direction],
) -> None:
    rows = [
        {"series": series.id} | _columns(merge(series.summary, fresh[name], better[name[1]]))
        for name, series in existing.items()
    ]
    if rows:
        session.connection().execute(UPDATE_SUMMARY, rows)


def _insert_series(
    session: Session, fresh: Mapping[MetricKey, MetricSummary]
) -> dict[MetricKey, int]:
    """Insert new series and return their ids.

    PERF: a plain statement, since new series are most of the cost of a first batch.
    """
    connection, numbers = session.connection(), dict[MetricKey, int]()
    rows = [(*name, *_driver_values(summary)) for name, summary in fresh.items()]
    for start in range(0, len(rows), MAX_SERIES_PER_INSERT):
        part = rows[start : start + MAX_SERIES_PER_INSERT]
        values = _marks(connection, len(_SERIES_COLUMNS), len(part))
        sql = f"{INSERT_SERIES} {values} RETURNING run_id, key, id"
        inserted = connection.exec_driver_sql(sql, tuple(chain.from_iterable(part)))
        numbers |= {(run_id, key): number for run_id, key, number in inserted}
    for run_id in sorted({run_id for run_id, _ in fresh}):
        keys.register_keys(session, run_id, keys.METRIC, [k for run, k in fresh if run == run_id])
    return numbers


def _driver_values(summary: MetricSummary) -> Iterable[Any]:
    """The values of the columns in the types of the driver."""
    values = _columns(summary)
    for name in INSTANTS:
        values[name] = (values[name] - EPOCH) // MICROSECOND
    return values.values()


def _mark(connection: Connection) -> str:
    """The driver's placeholder of a value."""
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


def _marks(connection: Connection, width: int, rows: int) -> str:
    """The placeholders of the values of `rows` rows."""
    return ", ".join([f"({', '.join([_mark(connection)] * width)})"] * rows)


def _append(session: Session, histories: dict[int, History], blocked: Set[int]) -> None:
    sent = sum(map(len, histories.values()))
    if blocked:
        histories |= packed_history.drop_known_points(session, {n: histories[n] for n in blocked})
    flat = list(chain.from_iterable(history.flattened(n) for n, history in histories.items()))
    if _insert_points(session.connection(), flat) != sent:
        _recount(session, list(histories))


def _insert_points(connection: Connection, flat: list[Any]) -> int:
    """Insert rows, laid end to end, `LONG` to a statement; return how many were new.

    PERF: SQLite inserts fifty rows at once nearly twice as fast as single ones; more gain little.
    """
    size = POINT_COLUMNS * POINTS_PER_INSERT
    whole = len(flat) - len(flat) % size
    parts = [tuple(flat[start : start + size]) for start in range(0, whole, size)]
    rest = [tuple(flat[whole:])] if whole < len(flat) else []

    inserted = 0
    for statements in filter(None, (parts, rest)):
        values = _marks(connection, POINT_COLUMNS, len(statements[0]) // POINT_COLUMNS)
        sql = f"{INSERT_POINT} {values} ON CONFLICT DO NOTHING"
        inserted += connection.exec_driver_sql(sql, statements).rowcount
    return inserted


def _recount(session: Session, series: Sequence[int]) -> None:
    """Count the points of series again.

    When points are repeated, only `count` is wrong: it is added up, while the other parts of a
    summary (first, last, extremes) do not change by a repetition.
    """
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
    """Remove tags; a missing one is no error."""
    require_open(session, run_id)
    session.execute(
        delete(RunTag).where(col(RunTag.run_id) == run_id, col(RunTag.key).in_(list(keys)))
    )


def log_input(session: Session, run_id: str, dataset: str, role: str) -> None:
    """Record that the run read a dataset version ("flights@2") in a role ("training")."""
    require_open(session, run_id)
    session.merge(RunInput(run_id=run_id, dataset=dataset, role=role))


def log_artifact(session: Session, run_id: str, path: str, digest: str, size: int) -> None:
    """Add stored bytes as a file of the run; an existing path is replaced.

    Raises Invalid when the path leaves the run's folder.
    """
    require_open(session, run_id)
    checked = artifact_path(path)
    session.merge(RunArtifact(run_id=run_id, path=checked, digest=digest, size=size))


def artifact_path(path: str) -> str:
    """The normalised path. Raises Invalid when it is empty, absolute or contains `..`."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise Invalid(
            f"{path!r} is not a path inside a run.", hint="Give one such as curves/roc.json."
        )
    return "/".join(parts)
