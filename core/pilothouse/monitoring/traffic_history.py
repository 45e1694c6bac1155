"""Reads what a deployment sends: its predictions in a window, and what earlier windows had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, func, select

from pilothouse.deployments.prediction_log import log
from pilothouse.monitoring.checks import DATA_QUALITY, OF_GROUPS, PREDICTION_DRIFT
from pilothouse.monitoring.service_history import read_service
from pilothouse.monitoring.tables import CheckResult, Window, of_newest_revision
from pilothouse.monitoring.traffic import MAX_EARLIER, MIN_EARLIER, Traffic
from pilothouse.monitoring.windows import DAY, Span, WindowScheme, zone_named
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

FRESHNESS = "freshness"
WITH_VALUES = ("psi", "unseen", "out_of_range")  # whose rows are those with a value
AHEAD = timedelta(minutes=10)  # clocks differ by seconds; a wrong time zone by half an hour or more


def read_traffic(
    store: Store, deployment: str, scheme: WindowScheme, span: Span, frame: pd.DataFrame
) -> Traffic:
    """The traffic of a window; `frame` are the predictions of all versions in it."""
    with store.read() as session:
        # Windows of predictions end with one, and have as many of them as others.
        windows = [] if span.size else _earlier_windows(session, deployment, scheme, span)
        earlier = _comparable(windows, scheme, span)
        silence = _silence(session, deployment, earlier)
    ahead, received = _ahead(store, deployment, span, frame)
    newest = frame["event_at"].max().to_pydatetime() if len(frame) else None
    return Traffic(
        rows=len(frame),
        silent_share=None if newest is None or span.size else (span.end - newest) / span.length,
        ahead=ahead,
        received=received,
        has_ended=span.end <= store.now(),
        earlier_rows=tuple(rows for _, rows in earlier),
        earlier_silence=silence,
        service=read_service(store, deployment, span, [at for at, _ in earlier]),
    )


def _earlier_windows(
    session: Session, deployment: str, scheme: WindowScheme, span: Span
) -> list[tuple[datetime, int]]:
    """Start and rows of all versions of earlier windows of that kind, the newest first.

    The first window of the deployment is left out: it hardly ever is a whole one.
    """
    is_there = Window.deployment == deployment, col(Window.removed_at).is_(None)
    first = session.exec(select(func.min(Window.start)).where(*is_there)).one()
    query = select(Window.start, Window.end, Window.size, Window.rows).where(
        *is_there, Window.end <= span.start, Window.start != first
    )
    if span.length < DAY:  # PERF: a year has very many hours
        query = query.where(col(Window.start).in_(_weeks_before(scheme, span.start)))
    rows: dict[datetime, int] = defaultdict(int)
    for start, end, size, count in session.exec(query):
        if scheme.are_alike(Span(start, end, size or 0), span):
            rows[start] += count
    return sorted(rows.items(), reverse=True)


def _weeks_before(scheme: WindowScheme, start: datetime) -> list[datetime]:
    """The same time by the clocks of the zone, on the same day of the weeks before."""
    local = start.astimezone(zone_named(scheme.zone))
    weeks = range(1, MAX_EARLIER + 1)
    return [(local - timedelta(weeks=n)).astimezone(UTC) for n in weeks]


def _comparable(
    earlier: Sequence[tuple[datetime, int]], scheme: WindowScheme, span: Span
) -> Sequence[tuple[datetime, int]]:
    """The windows to compare with: of a day, the same day of the week; none until there are four.

    Saturday's traffic says little about Sunday's, and less about Monday's. Of an hour it is the
    same hour of that day.
    """
    if span.length < 6 * DAY:
        zone = zone_named(scheme.zone)
        weekday = span.start.astimezone(zone).weekday()
        earlier = [(at, n) for at, n in earlier if at.astimezone(zone).weekday() == weekday]
    return earlier[:MAX_EARLIER] if len(earlier) >= MIN_EARLIER else ()


def _silence(
    session: Session, deployment: str, earlier: Sequence[tuple[datetime, int]]
) -> tuple[float, ...]:
    """The silence at the end of those windows that had predictions."""
    query = (
        select(CheckResult.score)
        .join(Window, of_newest_revision())
        .where(
            Window.deployment == deployment,
            CheckResult.signal == DATA_QUALITY,
            CheckResult.check == FRESHNESS,
            col(Window.removed_at).is_(None),
            col(Window.start).in_([at for at, _ in earlier]),
        )
        .order_by(col(Window.start).desc())
    )
    return tuple(score for score in session.exec(query) if score is not None)


def sent_before(store: Store, answered: tuple[str, str, int], span: Span) -> frozenset[str]:
    """The inputs that had a value in any of the last windows before one, of a deployment's version.

    Those windows are the last four with predictions.
    """
    deployment, model, version = answered
    with store.read() as session:
        windows = (
            select(Window.id, Window.revision)
            .where(
                Window.deployment == deployment,
                Window.model == model,
                Window.version == version,
                Window.start < span.start,
                Window.rows > 0,
                col(Window.removed_at).is_(None),
            )
            .order_by(col(Window.start).desc())
            .limit(MIN_EARLIER)
        )
        names: set[str] = set()
        for window, revision in session.exec(windows).all():
            query = select(CheckResult.column).where(
                CheckResult.window_id == window,
                CheckResult.revision == revision,
                col(CheckResult.check).in_(WITH_VALUES),
                col(CheckResult.signal).not_in((PREDICTION_DRIFT, *OF_GROUPS)),
                CheckResult.n_current > 0,
            )
            names |= set(session.exec(query))
        return frozenset(names)


def _ahead(store: Store, deployment: str, span: Span, frame: pd.DataFrame) -> tuple[int, int]:
    """How many predictions are dated after their receipt, and of how many.

    Those of a later window that were received by the end of this one count here, where they are
    missing. PERF: without any prediction that was received in time there are none, as in a replay.
    """
    ahead = _is_ahead(frame)
    count, received = int(ahead.sum()), len(frame)
    if len(frame) and frame["received_at"].min() >= span.end:
        return count, received
    later = log.dated_from(store.folder, deployment, span.end, (span.start, span.end))
    later_ahead = int(_is_ahead(later).sum())
    return count + later_ahead, received + later_ahead


def _is_ahead(frame: pd.DataFrame) -> pd.Series[Any]:
    return frame["event_at"] > frame["received_at"] + AHEAD
