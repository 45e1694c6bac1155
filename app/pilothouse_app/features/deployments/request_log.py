"""The log of a deployment on its page: predictions, requests, replays, and how long it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.deployments.request_log import OUTCOMES
from pilothouse_app.components.empty_state import nothing_found
from pilothouse_app.components.filters import (
    choose_or_all,
    days,
    filter_bar,
    pager,
    search,
    switch,
)
from pilothouse_app.components.formats import count, title
from pilothouse_app.components.header import section
from pilothouse_app.components.table import number_column, table, when_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.details import predictions_table, recent_predictions
from pilothouse_app.features.deployments.replay_view import replay_view
from pilothouse_app.features.deployments.retention import deleted_note, retention_view
from pilothouse_app.features.personal_data.masked import masked_log

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from pilothouse.deployments.info import DeploymentInfo

PREDICTIONS, REQUESTS, REPLAYS, RETENTION = "Predictions", "Requests", "Replays", "Retention"
SIZE = 100
MAX_ROWS = 5_000  # of more, days further back are not read
COLUMNS = {
    "received_at": when_column("Received (UTC)", relative=False, width=180),
    "status": number_column("Status", 0, width=80),
    "version": number_column("Version", 0, width=80),
    "rows": number_column("Rows", 0, width=80),
    "latency_ms": number_column("Latency (ms)", 2),
}


def request_log(deployment: DeploymentInfo) -> None:
    """The rows that were predicted, the requests that came, replays of them, how long all stay."""
    views = [PREDICTIONS, REQUESTS, *([REPLAYS] if deployment.model else []), RETENTION]
    if deployment.external:
        views.remove(REQUESTS)  # they were not requests for predictions
    with filter_bar():
        view = switch("log_view", views, "Log")
        if view == PREDICTIONS:
            prediction_id = search("log_id", "Prediction id", resets="log_page", width=320)
            span = days("log_days", "Days", resets="log_page")
        elif view == REQUESTS:
            frame = _request_rows(deployment.name)
    if view == RETENTION:
        retention_view(deployment.name)
        return
    deleted_note(deployment.name)
    if view == PREDICTIONS:
        _predictions(deployment, prediction_id, span)
    elif view == REQUESTS:
        _requests(frame)
    else:
        replay_view(deployment)


def _predictions(
    deployment: DeploymentInfo,
    prediction_id: str,
    span: tuple[datetime | None, datetime | None],
) -> None:
    """The one of an id, those of some days by page, or the newest."""
    if prediction_id:
        frame = masked_log().find_predictions(deployment.name, [prediction_id])
        if frame.empty:
            nothing_found("predictions", key="no_logged_id")
            return
        predictions_table(deployment, frame, title="Predictions of this id")
    elif span != (None, None):
        frame = masked_log().predictions(deployment.name, *span)
        if frame.empty:
            nothing_found("predictions", key="no_logged_days")
            return
        newest = frame.iloc[::-1].reset_index(drop=True)
        page = pager(len(newest), key="log_page", size=SIZE)
        rows = newest.iloc[(page - 1) * SIZE : page * SIZE].reset_index(drop=True)
        predictions_table(deployment, rows, title=f"{count(len(newest))} predictions")
    else:
        recent_predictions(deployment)


def _request_rows(name: str) -> pd.DataFrame:
    """The requests of the chosen days, outcome and version, with their filters."""
    span = days("log_days", "Days (the last one)", resets="log_page")
    outcome = choose_or_all(
        "log_outcome", list(OUTCOMES), "Every outcome", format_func=title, resets="log_page",
        width=160,
    )  # fmt: skip
    frame = workspace().deployments.requests(name, *span, outcome=outcome, limit=MAX_ROWS)
    versions = sorted({str(version) for version in frame["version"]})
    version = choose_or_all(
        "log_version", versions, "Every version", format_func=lambda v: f"Version {v}",
        resets="log_page", width=160,
    )  # fmt: skip
    return frame[frame["version"] == int(version)] if version else frame


def _requests(frame: pd.DataFrame) -> None:
    if frame.empty:
        nothing_found("requests", key="no_logged_requests")
        return
    amount = f"the newest {count(MAX_ROWS)}" if len(frame) == MAX_ROWS else count(len(frame))
    section("Requests", f"{amount}, the newest first; of the last day unless days are chosen")
    page = pager(len(frame), key="log_page", size=SIZE)
    rows = frame.iloc[(page - 1) * SIZE : page * SIZE].reset_index(drop=True)
    with table_height("requests", len(rows), reserve=20) as height:
        table(rows, COLUMNS, key="requests", alt="Requests", height=height)
