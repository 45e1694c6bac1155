"""Which windows have something new in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from pilothouse.deployments import log
from pilothouse.monitoring import monitors
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import Period, Span, tile, window_of
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MOST_EMPTY = 8


def due(store: Store, deployment: str, until: datetime) -> list[Span]:
    """The ended windows to judge, oldest first; a few empty ones after a busy one are judged too.

    No more than a few: one event with a wrong date, decades away, must not cost decades of windows.
    """
    with store.read() as session:
        plan = monitors.monitor_info(session, deployment).plan
        query = select(Window.start, Window.end, Window.evaluated_at)
        judged = {
            Span(start, end): at
            for start, end, at in session.exec(query.where(Window.deployment == deployment))
        }
    rows = _received(store, deployment)
    rows = rows[rows["event_at"] < until]
    if not plan.enabled or rows.empty:
        return []
    newest = _newest(rows, plan.period)
    return [
        span
        for span in _with_gaps(sorted(newest), plan.period)
        if span.end <= until
        and (span not in judged or (span in newest and newest[span] > judged[span]))
    ]


def _newest(rows: pd.DataFrame, period: Period) -> dict[Span, datetime]:
    """When something of each busy window was last heard of."""
    heard = rows.assign(day=rows["event_at"].dt.floor("D")).groupby("day", as_index=False)
    found: dict[Span, datetime] = {}
    for row in heard["received_at"].max().itertuples():
        span = window_of(row.day.to_pydatetime(), period)
        found[span] = max(row.received_at, found.get(span, row.received_at))
    return found


def _with_gaps(busy: list[Span], period: Period) -> Iterator[Span]:
    """Busy windows, each with the first empty ones between it and the next busy one."""
    for span, following in zip(busy, [*busy[1:], busy[-1]], strict=True):
        yield span
        yield from tile(span.end, following.start, period)[:MOST_EMPTY]


def _received(store: Store, deployment: str) -> pd.DataFrame:
    """Each prediction's event time, and when it or its label was last heard of."""
    columns = ["prediction_id", "event_at", "received_at"]
    rows = log.predictions(store.folder, deployment, columns=columns)
    labels = log.labels(store.folder, deployment).set_index("prediction_id")["received_at"]
    told = rows["prediction_id"].map(labels)
    return rows.assign(received_at=rows["received_at"].where(~(told > rows["received_at"]), told))
