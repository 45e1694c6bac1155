"""Due windows: those with predictions or labels received since their evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice, pairwise, takewhile
from operator import gt

from sqlmodel import Session, col, select, tuple_, update

from pilothouse.deployments import commands
from pilothouse.deployments.log_rules.deletions import deleted_before
from pilothouse.deployments.prediction_log import receipts
from pilothouse.kit.errors import Unavailable
from pilothouse.monitoring import monitors
from pilothouse.monitoring.counted_windows import LATEST, CountedWindows
from pilothouse.monitoring.deleted_rows import lacks_rows
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.received_data import ReceivedData, read_received
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.window_cuts import cut
from pilothouse.monitoring.window_data import LOGGED_AFTER
from pilothouse.monitoring.windows import Span, WindowScheme
from pilothouse.storage import Store

RUNNING = "running"  # what a person wants of a deployment
MAX_EMPTY = 8
MAX_DUE = 400  # at once, the oldest first: what is left is due the next time
MAX_AT_ONCE = 400  # spans of one statement
MAX_TRIES = 20  # while files are being merged


@dataclass(frozen=True)
class JudgedWindows:
    """Until when the windows of a deployment include all data; None of those that were removed.

    `busy` are those with rows.
    """

    until: dict[Span, datetime | None]
    busy: frozenset[Span]


def due(store: Store, deployment: str, until: datetime) -> list[Span]:
    """The ended windows to evaluate, oldest first, with a few empty ones after a busy one.

    Only a few: one event with a wrong date, decades away, must not cost decades of windows. After
    the newest busy window there are some only of a deployment that runs and whose predictions come
    as they happen: it has fallen silent, while a replay of old data has just ended.

    What has no news is not looked at again the next time.
    """
    began = store.now()
    with store.read() as session:
        config = monitors.monitor_info(session, deployment).config
        is_running = commands.require(session, deployment).desired_state == RUNNING
        judged = _judged(session, deployment, config.scheme)
        deleted = deleted_before(session, deployment)
    if not config.enabled:
        return []

    ended = until - timedelta(hours=config.evaluate_after)
    windows = _windows(store, deployment, config.scheme, ended)
    received = _read(store, deployment, config, windows, judged, until)
    busy = sorted({*filter(config.scheme.is_window, received.newest), *judged.busy})
    if not busy:
        return []
    # Windows of predictions are never empty: a silent deployment has none.
    has_gaps = not config.scheme.is_counted
    spans = list(_with_gaps(busy, config.scheme)) if has_gaps else busy
    if has_gaps and is_running and _is_live(store, deployment, spans[-1], until):
        spans += islice(config.scheme.windows_from(spans[-1].end), MAX_EMPTY)
    due_now = [
        span
        for span in spans
        if span.end <= ended
        and (span not in judged.until or _is_news(received.newest.get(span), judged.until[span]))
        and not lacks_rows(span, deleted, is_judged=span in judged.until)
    ]
    with store.write() as session:
        seen_through = min(began, until) - LOGGED_AFTER
        _mark_seen(session, deployment, judged, frozenset(due_now), seen_through)
    return due_now[:MAX_DUE]


def _judged(session: Session, deployment: str, scheme: WindowScheme) -> JudgedWindows:
    names = ("start", "end", "size", "rows", "removed_at", "heard_until", "evaluated_at")
    query = select(*[getattr(Window, name) for name in names])
    query = query.where(Window.deployment == deployment)
    judged: dict[Span, datetime | None] = {}
    busy: set[Span] = set()
    for start, end, size, rows, removed_at, heard_until, evaluated_at in session.execute(query):
        span = Span(start, end, size or 0)
        includes = None if removed_at else heard_until or evaluated_at
        judged[span] = _later(judged.get(span), includes)
        if rows:
            busy.add(span)
    judged = {span: at for span, at in judged.items() if scheme.is_window(span)}
    return JudgedWindows(judged, frozenset(busy & judged.keys()))


def _windows(
    store: Store, deployment: str, scheme: WindowScheme, ended: datetime
) -> WindowScheme | CountedWindows:
    """What says which window an event falls in: the calendar, or what was received so far."""
    return cut(store, deployment, scheme.length, ended) if scheme.is_counted else scheme


def _read(
    store: Store,
    deployment: str,
    config: MonitorConfig,
    windows: WindowScheme | CountedWindows,
    judged: JudgedWindows,
    until: datetime,
) -> ReceivedData:
    judged_until = judged.until
    if isinstance(windows, CountedWindows):  # what waits for a window has nothing to be judged
        judged_until = {**judged_until, **dict.fromkeys(windows.waiting, LATEST)}
    for _ in range(MAX_TRIES):
        try:
            return read_received(store.folder, deployment, config, windows, judged_until, until)
        except FileNotFoundError:  # merged meanwhile
            continue
    raise Unavailable(
        f"the log of {deployment!r} changes faster than it can be read.",
        hint="Try again in a moment.",
    )


def _mark_seen(
    session: Session,
    deployment: str,
    judged: JudgedWindows,
    with_news: frozenset[Span],
    seen_through: datetime,
) -> None:
    """Note that the windows without news include all data that were received until now."""
    without_news = [
        span
        for span, at in judged.until.items()
        if at is not None and at < seen_through and span not in with_news
    ]
    for first in range(0, len(without_news), MAX_AT_ONCE):
        part = without_news[first : first + MAX_AT_ONCE]
        session.execute(
            update(Window)
            .where(
                col(Window.deployment) == deployment,
                col(Window.removed_at).is_(None),
                tuple_(col(Window.start), col(Window.end)).in_([(s.start, s.end) for s in part]),
            )
            .values(heard_until=seen_through)
        )


def _is_live(store: Store, deployment: str, newest: Span, until: datetime) -> bool:
    """Whether the newest events were received within about a window of when they happened."""
    import pyarrow.compute as pc

    end = min(newest.end, until)
    last = answered = None
    tables = receipts.prediction_times(store.folder, deployment, lambda _: True, newest.start, end)
    for table in tables:
        inside = pc.and_(
            pc.greater_equal(table["event_at"], newest.start), pc.less(table["event_at"], end)
        )
        rows = table.filter(inside)
        if not rows.num_rows:
            continue
        latest = pc.max(rows["event_at"]).as_py()
        if last is None or latest > last:
            at_latest = rows.filter(pc.equal(rows["event_at"], pc.max(rows["event_at"])))
            last, answered = latest, pc.min(at_latest["received_at"]).as_py()
    return last is not None and answered is not None and answered - last <= newest.length


def _later(first: datetime | None, second: datetime | None) -> datetime | None:
    return max((at for at in (first, second) if at is not None), default=None)


def _is_news(newest: datetime | None, received_until: datetime | None) -> bool:
    return newest is not None and received_until is not None and newest > received_until


def _with_gaps(busy: list[Span], scheme: WindowScheme) -> Iterator[Span]:
    """Busy windows, each with the first empty ones between it and the next busy one."""
    for span, following in pairwise([*busy, busy[-1]]):
        yield span
        empty = takewhile(partial(gt, following), scheme.windows_from(span.end))
        yield from islice(empty, MAX_EMPTY)
