"""Sections of the page of a window for signals that inform: requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.monitoring.report_pages.markup import Html
from pilothouse.monitoring.report_pages.page_layout import TableColumn, badge, section, table
from pilothouse.monitoring.service_checks import NO_REQUESTS, SERVICE_CHECKS

Row = Mapping[str, Any]
REQUESTS = (
    TableColumn("Of the requests"),
    TableColumn("State"),
    TableColumn("This window", number=True),
    TableColumn("Usual", number=True),
    TableColumn("Limit", number=True),
    TableColumn("Chance", number=True),
    TableColumn("Note"),
)


def service_section(rows: Sequence[Row]) -> Html:
    """Latency and errors against the windows before; nothing where no request was received."""
    chosen = [row for row in rows if row["check"] in SERVICE_CHECKS]
    if not chosen or all(row["message"] == NO_REQUESTS for row in chosen):
        return Html()
    note = "Of the requests received in the window, against the windows before it."
    return section("Latency and errors", table(REQUESTS, map(_request_row, chosen)), note=note)


def _request_row(row: Row) -> tuple[str, ...]:
    check = SERVICE_CHECKS[str(row["check"])]
    return (
        check.label,
        badge(str(row["status"])),
        *(check.value_text(row[name]) for name in ("score", "reference", "threshold", "noise")),
        str(row["message"]),
    )
