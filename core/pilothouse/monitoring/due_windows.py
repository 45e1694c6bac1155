"""Due windows: those with predictions or labels received since their evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice, pairwise, takewhile
from operator import gt
from typing import TYPE_CHECKING, Any

from sqlmodel import select

from pilothouse.deployments import commands
from pilothouse.deployments.prediction_log import log
from pilothouse.monitoring import monitors
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import Span, WindowScheme
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

RUNNING = "running"  # what a person wants of a deployment
MAX_EMPTY = 8
MAX_DUE = 400  # at once, the oldest first: what is left is due the next time


def due(store: Store, deployment: str, until: datetime) -> list[Span]:
    """The ended windows to evaluate, oldest first, with a few empty ones after a busy one.

    Only a few: one event with a wrong date, decades away, must not cost decades of windows. After
    the newest busy window there are some only of a deployment that runs and whose predictions come
    as they happen: it has fallen silent, while a replay of old data has just ended.
    """
    with store.read() as session:
        config = monitors.monitor_info(session, deployment).config
        is_running = commands.require(session, deployment).desired_state == RUNNING
        query = select(Window).where(Window.deployment == deployment)
        judged: dict[Span, datetime | None] = {}
        for window in session.exec(query):
            span = Span(window.start, window.end)
            judged[span] = _later(judged.get(span), _received_until(window))

    rows = _received(store, deployment)
    rows = rows[rows["event_at"] < until]
    if not config.enabled or rows.empty:
        return []

    scheme, ended = config.scheme, until - timedelta(hours=config.evaluate_after)
    newest = _newest(rows, config)
    spans = list(_with_gaps(sorted(newest), scheme))
    if is_running and _is_live(rows, spans[-1]):
        spans += islice(scheme.windows_from(spans[-1].end), MAX_EMPTY)
    return [
        span
        for span in spans
        if span.end <= ended and (span not in judged or _is_news(newest.get(span), judged[span]))
    ][:MAX_DUE]


def _is_live(rows: pd.DataFrame, newest: Span) -> bool:
    """Whether the newest events were received within about a window of when they happened."""
    last = rows.loc[rows["event_at"].idxmax()]
    return bool(last["answered_at"] - last["event_at"] <= newest.end - newest.start)


def _received_until(window: Window) -> datetime | None:
    """Until when an evaluated window includes all data; None when it was removed."""
    return None if window.removed_at else window.heard_until or window.evaluated_at


def _later(first: datetime | None, second: datetime | None) -> datetime | None:
    return max((at for at in (first, second) if at is not None), default=None)


def _is_news(newest: datetime | None, received_until: datetime | None) -> bool:
    return newest is not None and received_until is not None and newest > received_until


def _newest(rows: pd.DataFrame, config: MonitorConfig) -> dict[Span, datetime | None]:
    """Of each busy window when the newest prediction or label was received.

    Those that were received after the monitor had given up on the window do not count.
    """
    import pandas as pd

    scheme, hours = config.scheme, config.give_up_after
    rows = rows.sort_values("event_at", ignore_index=True)
    at = rows["event_at"]
    newest: dict[Span, datetime | None] = {}
    first = 0
    while first < len(rows):  # one turn for each busy step
        windows = scheme.windows_with(at.iloc[first].to_pydatetime())
        last = int(at.searchsorted(pd.Timestamp(windows[0].end)))
        received = [rows[name].iloc[first:last] for name in ("answered_at", "labelled_at")]
        for window in windows:
            limit = None if hours is None else window.end + timedelta(hours=hours)
            latest = [_latest(times, limit) for times in received]
            newest[window] = _later(_later(*latest), newest.get(window))
        first = last
    return newest


def _latest(times: pd.Series[Any], limit: datetime | None) -> datetime | None:
    """The latest of some times, up to a limit."""
    latest = (times if limit is None else times[times <= limit]).max()
    return latest.to_pydatetime() if latest == latest else None


def _with_gaps(busy: list[Span], scheme: WindowScheme) -> Iterator[Span]:
    """Busy windows, each with the first empty ones between it and the next busy one."""
    for span, following in pairwise([*busy, busy[-1]]):
        yield span
        empty = takewhile(partial(gt, following), scheme.windows_from(span.end))
        yield from islice(empty, MAX_EMPTY)


def _received(store: Store, deployment: str) -> pd.DataFrame:
    """Each prediction's event time, when it was received, and when its label last was."""
    columns = ["prediction_id", "event_at", "received_at"]
    rows = log.predictions(store.folder, deployment, columns=columns)
    labels = log.labels(store.folder, deployment).set_index("prediction_id")["received_at"]
    labelled = rows["prediction_id"].map(labels)
    return rows.rename(columns={"received_at": "answered_at"}).assign(labelled_at=labelled)
