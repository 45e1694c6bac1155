"""Which windows have something new in them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from pilothouse.deployments import log
from pilothouse.monitoring import monitors
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import Span, tile, window_of
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd


def due(store: Store, deployment: str, until: datetime) -> list[Span]:
    """The ended windows to judge, oldest first; empty ones between busy ones are judged too."""
    with store.read() as session:
        plan = monitors.monitor_info(session, deployment).plan
        query = select(Window.start, Window.end, Window.evaluated_at)
        judged = {
            Span(start, end): at
            for start, end, at in session.exec(query.where(Window.deployment == deployment))
        }
    rows = _received(store, deployment)
    if not plan.enabled or not len(rows):
        return []
    first, last = rows["event_at"].min(), rows["event_at"].max()
    last_end = window_of(last.to_pydatetime(), plan.period).end
    spans = tile(first.to_pydatetime(), min(until, last_end), plan.period)
    newest = {
        span: rows.loc[rows["event_at"].between(span.start, span.end, "left"), "received_at"].max()
        for span in spans
    }
    return [
        span
        for span in spans
        if span.end <= until and (span not in judged or newest[span] > judged[span])
    ]


def _received(store: Store, deployment: str) -> pd.DataFrame:
    """Each prediction's event time, and when it or its label was last heard of."""
    columns = ["prediction_id", "event_at", "received_at"]
    rows = log.predictions(store.folder, deployment, columns=columns)
    labels = log.labels(store.folder, deployment).set_index("prediction_id")["received_at"]
    told = rows["prediction_id"].map(labels)
    return rows.assign(received_at=rows["received_at"].where(~(told > rows["received_at"]), told))
