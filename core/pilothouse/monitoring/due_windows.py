"""Due windows: those with predictions or labels received since their evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from pilothouse.deployments import commands
from pilothouse.deployments.prediction_log import log
from pilothouse.monitoring import monitors
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import Period, Span, window_of, windows_between
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

    newest = _newest(rows, config.period)
    spans = list(_with_gaps(sorted(newest), config.period))
    if is_running and _is_live(rows, spans[-1]):
        spans += windows_between(spans[-1].end, until, config.period)[:MAX_EMPTY]
    return [
        span
        for span in spans
        if span.end <= until and (span not in judged or _is_news(newest.get(span), judged[span]))
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


def _newest(rows: pd.DataFrame, period: Period) -> dict[Span, datetime]:
    """When the newest prediction or label of each busy window was received."""
    by_day = rows.assign(day=rows["event_at"].dt.floor("D")).groupby("day", as_index=False)
    newest: dict[Span, datetime] = {}
    for row in by_day["received_at"].max().itertuples():
        span = window_of(row.day.to_pydatetime(), period)
        newest[span] = max(row.received_at, newest.get(span, row.received_at))
    return newest


def _with_gaps(busy: list[Span], period: Period) -> Iterator[Span]:
    """Busy windows, each with the first empty ones between it and the next busy one."""
    for span, following in zip(busy, [*busy[1:], busy[-1]], strict=True):
        yield span
        yield from windows_between(span.end, following.start, period)[:MAX_EMPTY]


def _received(store: Store, deployment: str) -> pd.DataFrame:
    """Each prediction's event time, and when it or its label was last received.

    `answered_at` is when the prediction itself was.
    """
    columns = ["prediction_id", "event_at", "received_at"]
    rows = log.predictions(store.folder, deployment, columns=columns)
    labels = log.labels(store.folder, deployment).set_index("prediction_id")["received_at"]
    label_times = rows["prediction_id"].map(labels)
    return rows.assign(
        answered_at=rows["received_at"],
        received_at=rows["received_at"].where(~(label_times > rows["received_at"]), label_times),
    )
