"""Sections of the page of a window for signals that inform: segments, fairness, requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.kit.pages.markup import Html, clip
from pilothouse.kit.pages.page_layout import TableColumn, paragraph, section, table
from pilothouse.monitoring.check_titles import check_title
from pilothouse.monitoring.checks import ERROR, FAIL, INSUFFICIENT, OK, WARN
from pilothouse.monitoring.report_pages.page_layout import badge
from pilothouse.monitoring.report_pages.value_text import number
from pilothouse.monitoring.service_checks import NO_REQUESTS, SERVICE_CHECKS

Row = Mapping[str, Any]
MAX_GROUPS, MAX_NAME = 40, 80
WORST_FIRST = (FAIL, ERROR, WARN, OK, INSUFFICIENT)
GROUPS = (
    TableColumn("Rows"),
    TableColumn("Check"),
    TableColumn("State"),
    TableColumn("This window", number=True),
    TableColumn("Reference", number=True),
    TableColumn("Limit", number=True),
    TableColumn("Chance", number=True),
    TableColumn("Note"),
)
REQUESTS = (
    TableColumn("Of the requests"),
    TableColumn("State"),
    TableColumn("This window", number=True),
    TableColumn("Usual", number=True),
    TableColumn("Limit", number=True),
    TableColumn("Chance", number=True),
    TableColumn("Note"),
)


def groups_section(title: str, rows: Sequence[Row]) -> Html:
    """Groups of rows against the reference, the worst first; nothing where none is declared."""
    if not rows:
        return Html()
    order = sorted(rows, key=lambda row: WORST_FIRST.index(str(row["status"])))
    more = len(rows) - MAX_GROUPS
    rest = paragraph(f"{more} more are not listed.", "note") if more > 0 else Html()
    return section(title, table(GROUPS, map(_group_row, order[:MAX_GROUPS])), rest)


def _group_row(row: Row) -> tuple[str, ...]:
    return (
        clip(str(row["column"]), MAX_NAME),
        check_title(str(row["check"])),
        badge(str(row["status"])),
        *(number(row[name]) for name in ("score", "reference", "threshold", "noise")),
        clip(str(row["message"]), MAX_NAME),
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
