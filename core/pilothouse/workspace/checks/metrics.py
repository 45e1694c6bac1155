"""Metrics of runs: every history can be read, and every summary says what its history says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from sqlmodel import Session, col, select

from pilothouse.experiments.metrics import packed_history
from pilothouse.experiments.metrics.summary import MetricSummary, summarise
from pilothouse.experiments.tables import RunMetric
from pilothouse.kit.errors import Unavailable
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of

AT_ONCE = 500
COMPARED = ("first", "first_step", "last", "last_step", "min", "max", "count")


@checks.register("metrics")
def metrics(store: Store) -> CheckVerdict:
    """Histories are whole, summaries agree with them, versions with the runs they come from."""
    problems: list[str] = []
    count = 0
    with store.read() as session:
        numbers = session.exec(select(RunMetric.id).order_by(col(RunMetric.id))).all()
        for start in range(0, len(numbers), AT_ONCE):
            part = [number for number in numbers[start : start + AT_ONCE] if number is not None]
            rows = session.exec(select(RunMetric).where(col(RunMetric.id).in_(part))).all()
            count += len(rows)
            problems += _problems(session, rows)
            session.expunge_all()
        problems += _versions(session)
    return verdict_of(f"{count} metrics", problems)


def _problems(session: Session, rows: Sequence[RunMetric]) -> Iterator[str]:
    try:
        histories = packed_history.read(session, [row.id or 0 for row in rows])
    except Unavailable:
        if len(rows) == 1:
            yield f"the history of {_name(rows[0])} is damaged"
        else:  # look at each alone, to name the one
            for row in rows:
                yield from _problems(session, [row])
        return
    for row in rows:
        columns = histories.get(row.id or 0)
        if columns is None:
            yield f"the history of {_name(row)} is missing"
            continue
        differing = _differing(row, summarise(columns.history(), "higher"))
        if differing:
            yield f"{differing} of {_name(row)} is not what its history says"


def _differing(row: RunMetric, summary: MetricSummary) -> str:
    """The first figure that differs; the best depends on what people say is better."""
    for name in COMPARED:
        if not _same(getattr(row, name), getattr(summary, name)):
            return name
    return "" if any(_same(row.best, end) for end in (summary.min, summary.max)) else "best"


def _same(stored: float | None, computed: float | None) -> bool:
    missing = [value is None or math.isnan(value) for value in (stored, computed)]
    return all(missing) or (not any(missing) and stored == computed)


def _versions(session: Session) -> Iterator[str]:
    """Versions whose metrics differ from their run's, unless the run was written later."""
    for version in session.exec(select(ModelVersion).where(col(ModelVersion.run_id).is_not(None))):
        query = select(RunMetric).where(RunMetric.run_id == version.run_id)
        for row in session.exec(query):
            registered = version.metrics.get(row.key)
            is_later = row.last_at > version.created_at
            if registered is not None and not is_later and not _same(row.last, registered):
                yield (
                    f"{version.model}@{version.version} was registered with "
                    f"{row.key} {registered}, "
                    f"its run has {row.last}"
                )


def _name(row: RunMetric) -> str:
    return f"{row.key} of run {row.run_id}"
