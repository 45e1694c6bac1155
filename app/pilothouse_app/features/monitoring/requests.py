"""Latency and errors of the requests of a window, beside those of earlier windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pilothouse.monitoring.checks import SERVICE
from pilothouse.monitoring.service_checks import NO_REQUESTS, SERVICE_CHECKS
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import count
from pilothouse_app.components.header import section
from pilothouse_app.components.records import records
from pilothouse_app.components.table import status_column, table, text_column

if TYPE_CHECKING:
    from collections.abc import Mapping

VALUES = ("score", "reference", "warn", "threshold", "noise")
COLUMNS = {
    "title": text_column("Of the requests", width=170),
    "status": status_column(width=104),
    "score": text_column("This window", width=104),
    "reference": text_column("Usual", width=96, help="By the windows before it"),
    "warn": text_column("Warns above", width=104),
    "threshold": text_column("Fails above", width=104),
    "noise": text_column("Chance", width=96, help="A breach is also beyond it"),
    "requests": text_column("Requests", width=90),
    "message": text_column("Note"),
}


def requests_view(results: pd.DataFrame) -> None:
    """The figures of the requests received in a window."""
    chosen = results[results["signal"] == SERVICE]
    if chosen.empty or (chosen["message"] == NO_REQUESTS).all():
        empty(
            "No request was received here in this window",
            "Latency and errors are those of predictions that this deployment serves. These came "
            "from elsewhere, were sent later, or are of another version.",
            icon=":material/speed:",
            key="window_no_requests",
        )
        return
    section("Latency and errors", "by time of receipt, against the windows before")
    rows = [_row(row) for row in records(chosen) if row["check"] in SERVICE_CHECKS]
    frame = pd.DataFrame(rows)
    table(frame, COLUMNS, key="window_requests", alt="Latency and errors", ids="title")


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    check = SERVICE_CHECKS[str(row["check"])]
    return {
        **{name: check.value_text(row[name]) for name in VALUES},
        "title": check.label,
        "status": row["status"],
        "requests": count(row["n_current"]),
        "message": row["message"],
    }
