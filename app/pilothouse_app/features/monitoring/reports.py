"""Reports of windows on a page: their table, and the page itself in a frame of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.base_path import under_base
from pilothouse_app.components.formats import ago
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.table import (
    bytes_column,
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)

if TYPE_CHECKING:
    from pilothouse.monitoring.report_requests import ReportInfo

COLUMNS = {
    "title": name_column("Report", width=180),
    "status": status_column(width=104),
    "rows": number_column("Rows", 0, width=80),
    "reference_rows": number_column("Reference rows", 0, width=110),
    "bytes": bytes_column("Size"),
    "requested_by": text_column("Requested by", width=110),
    "made_at": when_column("Created", width=120),
}


def download_page(make: Callable[[], bytes], name: str, *, key: str) -> None:
    """The button for a page as one HTML file, which is made only when it is pressed."""
    st.download_button(
        "Download page",
        make,
        name,
        "text/html",
        icon=":material/download:",
        key=key,
        on_click="ignore",
        help="One HTML file that needs nothing else; a browser prints it as PDF",
    )


def report_frame(reports: Sequence[ReportInfo]) -> pd.DataFrame:
    """Reports as rows of a table."""
    rows = [
        {
            "id": report.id,
            "title": f"Drift report, {ago(report.created_at)}",
            "status": report.status,
            "rows": report.rows or None,
            "reference_rows": report.reference_rows or None,
            "bytes": report.bytes or None,
            "requested_by": report.requested_by,
            "made_at": report.made_at,
        }
        for report in reports
    ]
    return pd.DataFrame(rows, columns=["id", *COLUMNS])


def report_table(reports: pd.DataFrame) -> None:
    """Draw the reports; a click opens one."""
    table(reports, COLUMNS, key="reports", alt="Reports", opens=("report", "id"))


def report_page(report: str) -> None:
    """The report's own page, served by this app; its scripts can reach nothing else."""
    with fill_window("report", reserve=11, least=480):
        st.iframe(report_path(report), height="stretch", alt="Evidently's drift report")


def report_path(report: str) -> str:
    """Where the app serves a report."""
    return under_base(f"/api/reports/{report}")
