"""One window: how good, what drifted and how, every result, and its reports."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.monitoring.check_titles import signal_title
from pilothouse.monitoring.checks import ESTIMATED_PERFORMANCE, SIGNALS
from pilothouse.monitoring.windows import span_text
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_or_all, filter_bar, switch
from pilothouse_app.components.formats import ago, count, plural, share, title
from pilothouse_app.components.header import facts, header
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import PageAddress, address, go, link, query_param, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.status import status_title
from pilothouse_app.components.table import number_column, status_column, table, text_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.comments.thread import comment_thread
from pilothouse_app.features.deployments.retention import unmonitored_note
from pilothouse_app.features.monitoring.drift import (
    output_distributions,
    ranking_and_distributions,
)
from pilothouse_app.features.monitoring.groups import groups_view
from pilothouse_app.features.monitoring.metrics import (
    Metric,
    metric_text,
    metric_title,
    monitored_metrics,
)
from pilothouse_app.features.monitoring.performance import performance_view
from pilothouse_app.features.monitoring.quality import window_quality
from pilothouse_app.features.monitoring.reports import download_page, report_frame, report_table
from pilothouse_app.features.monitoring.requests import requests_view
from pilothouse_app.features.monitoring.skew import window_skew
from pilothouse_app.features.monitoring.trends import summary_kpi
from pilothouse_app.features.monitoring.window_exports import window_export_button

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.api import WindowInfo

SCREEN = Screen(
    title="Window",
    path="window",
    icon=":material/date_range:",
    summary="One window of a deployment",
    parent="monitoring",
)
VIEWS = ("drift", "performance", "segments", "skew", "requests", "results", "reports")
RESULTS = {
    "what": text_column("Column", width=150),
    "status": status_column(width=104),
    "check": text_column("Check", width=150),
    "score": number_column("Score", 4, width=80),
    "warn": number_column("Warning limit", 3, width=80),
    "threshold": number_column("Limit", 3, width=72),
    "noise": number_column(
        "Chance",
        4,
        width=80,
        help="A score breaches when it is also beyond what chance alone gives",
    ),
    "noise_method": text_column("Chance by", width=104),
    "reference": number_column("Reference", 4, width=88),
    "n_current": number_column("Rows", 0, width=76),
    "n_reference": number_column("Reference rows", 0, width=112),
    "message": text_column("Note"),
}


def render() -> None:
    """The window the address names."""
    window_id = query_param("id")
    if not window_id:
        with header("Window", back=("Monitoring", screen("monitoring"))):
            pass
        empty("Which window?", "The address names none.", to=("Monitoring", screen("monitoring")))
        return

    window = workspace().monitoring.window(window_id)
    back = ("Monitoring", screen("monitoring", monitoring_deployment=window.deployment))
    name = f"{window.deployment}, {span_text(window.start, window.end, window.zone)}"
    with header(name, status=window.status, back=back):
        _remove_button(window, back[1])
        download_page(
            partial(workspace().monitoring.window_page, window.id),
            f"{window.deployment}-{window.start:%Y-%m-%d}.html",
            key="window_page",
        )
        window_export_button(window)
        _report_button(window)
    if window.rows_deleted:
        st.markdown(
            ":gray[Rows of this window were deleted by retention. "
            "Its results stay as they were judged.]"
        )
    _facts(window)
    metrics = monitored_metrics(window.deployment)
    _tiles(window, metrics)

    with filter_bar():
        view = switch("window_view", VIEWS, "Show", format_func=title)
        signal = ""
        if view == "results":
            signal = choose_or_all(
                "window_signal", SIGNALS, "All signals", format_func=title, width=180
            )

    if view == "drift":
        unmonitored_note(window.deployment)
        window_quality(workspace().monitoring.results(window.id))
        ranking_and_distributions(window.id, key="window")
        output_distributions(window.id, key="window")
    elif view == "performance":
        performance_view(window, metrics)
    elif view == "segments":
        groups_view(workspace().monitoring.results(window.id))
    elif view == "skew":
        window_skew(window.id)
    elif view == "requests":
        requests_view(workspace().monitoring.results(window.id))
    elif view == "results":
        _results(workspace().monitoring.results(window.id), signal)
    else:
        _reports(window)
    comment_thread("window", window.id)


def _remove_button(window: WindowInfo, back: PageAddress) -> None:
    if st.button("Remove", icon=":material/delete:", key="window_remove"):
        confirm(
            "Remove this window",
            f"Lists, trends and alerts of **{literal(window.deployment)}** no longer include it. "
            + _after_removal(window),
            verb="Remove",
            command=lambda reason: workspace().monitoring.remove_window(window.id, reason),
            done="The window is removed",
            then=back,
        )


def _after_removal(window: WindowInfo) -> str:
    if window.rows_deleted:
        return "Rows of it were deleted by retention, so it cannot come back."
    start = f"Its {count(window.rows)} predictions are kept; "
    return f"{start}it comes back only when it is evaluated manually."


def _report_button(window: WindowInfo) -> None:
    if st.button(
        "Drift report",
        type="primary",
        icon=":material/lab_profile:",
        disabled=window.rows_deleted,
        help="Its rows were deleted by retention"
        if window.rows_deleted
        else "Evidently's report of this window, made by a job and kept",
        key="window_report",
    ):
        report = workspace().monitoring.request_report(window.id)
        toast_next("The report is being made")
        go(address("report", report))


def _facts(window: WindowInfo) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if window.version_ref:
            link(
                address("version", window.version_ref),
                window.version_ref,
                icon=":material/deployed_code:",
            )
        link(
            address("deployment", window.deployment),
            window.deployment,
            icon=":material/rocket_launch:",
        )
        evaluated = f"{ago(window.evaluated_at)}, revision {window.revision}"
        facts(
            {
                "Drift": status_title(window.drift_status),
                "Observed": status_title(window.performance_status),
                "Evaluated": evaluated,
            }
        )


def _tiles(window: WindowInfo, metrics: dict[str, Metric]) -> None:
    kpis = [
        _metric_kpi(window, metrics) if window.metric else None,
        Kpi("Drifted columns", f"{window.drifted} of {window.columns}", "over their limit"),
        summary_kpi(window.output_summary, window.label_summary),
        Kpi("Predictions", count(window.rows), "in this window"),
        Kpi("Labelled", share(window.coverage), plural(window.labelled, "label")),
    ]
    kpi_row([kpi for kpi in kpis if kpi is not None])


def _metric_kpi(window: WindowInfo, metrics: dict[str, Metric]) -> Kpi:
    """The metric that decides; while it is not observed, as it is estimated."""
    name, metric = metric_title(metrics, window.metric), metrics.get(window.metric)
    if window.value is not None:
        return Kpi(name, metric_text(metric, window.value), "observed")
    results = workspace().monitoring.results(window.id)
    estimated = results[(results["signal"] == ESTIMATED_PERFORMANCE) & results["primary"]]
    if not estimated["score"].notna().any():
        return Kpi(name, metric_text(metric, None), "too few labels")
    score = float(estimated["score"].iloc[0])
    return Kpi(name, metric_text(metric, score), "estimated; too few labels")


def _results(results: pd.DataFrame, signal: str) -> None:
    chosen = results[results["signal"] == signal] if signal else results
    if chosen.empty:
        nothing_found("results")
        return

    rows = chosen.assign(
        what=[str(column) if column else "All rows" for column in chosen["column"]],
        check=[
            signal_title(str(signal), str(check))
            for signal, check in zip(chosen["signal"], chosen["check"], strict=True)
        ],
    )

    with table_height("results", len(rows), reserve=24) as height:
        table(rows, RESULTS, key=f"results_{signal}", alt="Results", height=height)


def _reports(window: WindowInfo) -> None:
    reports = report_frame(workspace().monitoring.reports(window.id))
    if reports.empty:
        empty(
            "No report has been made",
            "Evidently's report shows every column in detail; it is made on demand and kept.",
            icon=":material/lab_profile:",
            key="no_reports",
        )
        return
    report_table(reports)
