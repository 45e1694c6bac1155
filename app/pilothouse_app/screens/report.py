"""One drift report: its making while it is made, then its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.monitoring.windows import span_text
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import ago, count, size
from pilothouse_app.components.header import facts, header
from pilothouse_app.components.links import address, link, query_param, screen
from pilothouse_app.components.live import live
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.reports import report_page, report_path
from pilothouse_app.features.pipelines.jobs import progress_line

if TYPE_CHECKING:
    from pilothouse.monitoring.report_requests import ReportInfo

SCREEN = Screen(
    title="Report",
    path="report",
    icon=":material/lab_profile:",
    summary="One drift report",
    parent="monitoring",
)


def render() -> None:
    """The report the address names."""
    report_id = query_param("id")
    if not report_id:
        with header("Report", back=("Monitoring", screen("monitoring"))):
            pass
        empty("Which report?", "The address names none.", to=("Monitoring", screen("monitoring")))
        return

    report = workspace().monitoring.report(report_id)
    window = workspace().monitoring.window(report.window_id)
    span = span_text(window.start, window.end, window.zone)
    back = (f"{window.deployment}, {span}", address("window", window.id))

    with header("Drift report", status=report.status, note=span, back=back):
        if report.digest:
            st.link_button(
                "Open in new tab",
                report_path(report.id),
                icon=":material/open_in_new:",
                key="alone",
            )
        else:
            link(address("job", report.job_id), "Job", icon=":material/manufacturing:")

    if report.digest:
        _facts(report)
        report_page(report.id)
    else:
        job = workspace().jobs.job(report.job_id)
        live(lambda: _making(report.id), key="report_live", busy=not job.ended)


def _facts(report: ReportInfo) -> None:
    facts(
        {
            "Rows": count(report.rows),
            "Reference rows": count(report.reference_rows),
            "Size": size(report.bytes),
            "Created": ago(report.made_at),
            "By": "Evidently",
        }
    )


def _making(report_id: str) -> bool:
    """The job that makes it; whether it is still at it."""
    report = workspace().monitoring.report(report_id)
    job = workspace().jobs.job(report.job_id)
    progress_line(job)
    if not job.ended:
        st.markdown(":gray[The report appears here when it is ready, in about half a minute.]")
    return not job.ended
