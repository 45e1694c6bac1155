"""A deployment over its windows: the newest metrics, and their trends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.monitoring.checks import ESTIMATED_PERFORMANCE, PERFORMANCE, PRIMARY
from pilothouse.monitoring.window_selection import WindowSelection
from pilothouse.monitoring.windows import DEFAULT_ZONE, is_of_days, span_text, zone_named
from pilothouse_app.charts.windows import lines_over_time, rows_over_time, status_over_time
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.filters import choose_one
from pilothouse_app.components.formats import DASH, count, share
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.records import records
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.clocks import in_own_zone, trend_of
from pilothouse_app.features.monitoring.metrics import (
    Metric,
    metric_text,
    metric_title,
    tick_format,
)
from pilothouse_app.features.monitoring.selection import MOST

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 250
MAX_LINES = 4


def latest_metrics(deployment: str, windows: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    """The metrics of the newest window, and the observed performance of the newest labelled one.

    `windows` are the newest ones.
    """
    newest = records(windows.tail(1))[0]
    kpis = [
        Kpi("Newest window", *_ends(newest)),
        _primary(deployment, metrics),
        Kpi(
            "Drifted columns",
            f"{count(newest['drifted'])} of {count(newest['columns'])}",
            "over their limit",
        ),
        summary_kpi(newest["output_summary"], newest["label_summary"]),
        Kpi("Labelled", share(newest["coverage"], 0), f"of {count(newest['rows'])} rows"),
    ]
    kpi_row([kpi for kpi in kpis if kpi is not None])


def _ends(window: dict[str, Any]) -> tuple[str, str]:
    """When a window begins, and until when it lasts."""
    start, end, zone = window["start"], window["end"], window["zone"]
    began, _, until = span_text(start, end, zone).partition(" to ")
    if until:  # which says the year
        pattern = "%-d %b" if is_of_days(start, end, zone) else "%-d %b, %H:%M"
        began = start.astimezone(zone_named(zone or DEFAULT_ZONE)).strftime(pattern)
    return began, f"to {until}" if until else ""


def _primary(deployment: str, metrics: dict[str, Metric]) -> Kpi | None:
    """The metric that decides, in the newest window that has it; None when nothing is measured."""
    trend = trend_of(deployment, PRIMARY, selection=WindowSelection(MOST))
    judged = records(trend[trend["score"].notna()].tail(1))
    if not judged:
        key = next(iter(metrics), "")
        return Kpi(metric_title(metrics, key), DASH, "no labels yet") if key else None
    row = judged[0]
    key = str(row["check"])
    metric = metrics.get(key)
    return Kpi(
        metric_title(metrics, key),
        metric_text(metric, row["score"]),
        f"reference {metric_text(metric, row['reference'])}",
    )


def summary_kpi(outputs: Mapping[str, float], labels: Mapping[str, float]) -> Kpi | None:
    """The mean of the most telling output that is a number, and what labels are like beside it."""
    for title, value in outputs.items():
        observed = [f"observed: {name} {mean:,.3g}" for name, mean in labels.items()]
        return Kpi(f"{title} (mean)", f"{value:,.4g}", next(iter(observed), ""))
    return None


def trends(deployment: str, selection: WindowSelection, metrics: dict[str, Metric]) -> None:
    """Four small charts on one time axis."""
    windows = in_own_zone(workspace().monitoring.windows(deployment, selection))
    left, right = st.columns(2, gap="medium")
    with left:
        _metric(deployment, selection, metrics)
        section("Answers and labels", "means by window")
        figure(
            lines_over_time(summary_frame(windows), dark=dark()),
            key="monitoring_scores",
            height=HEIGHT,
            alt="Means of answers and labels, by window",
        )
    with right:
        _drifted(deployment, selection)
        section("Predictions", "and how many of them are labelled")
        figure(
            rows_over_time(windows, dark=dark()),
            key="monitoring_rows",
            height=HEIGHT,
            alt="Predictions and labels by window",
        )


def summary_frame(windows: pd.DataFrame) -> pd.DataFrame:
    """The start of each window, the mean of its first output, and the first label summaries."""
    frame = windows[["start"]].copy()
    for column, most in (("output_summary", 1), ("label_summary", MAX_LINES)):
        titles = list(dict.fromkeys(title for row in windows[column] for title in row))[:most]
        for title in titles:
            name = f"{title} (mean)" if column == "output_summary" else title
            frame[name] = [row.get(title) for row in windows[column]]
    return frame


def _metric(deployment: str, selection: WindowSelection, metrics: dict[str, Metric]) -> None:
    """The trend of one of the metrics that the deployment is held to."""
    if not metrics:
        section("Performance", "answers of this kind are not compared with labels")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        section("Performance", "observed; dotted: estimated")
        key = choose_one(
            "monitoring_metric",
            list(metrics),
            "Metric",
            default=next(iter(metrics)),
            format_func=lambda name: metric_title(metrics, name),
        )
    trend = trend_of(deployment, key, signal=PERFORMANCE, selection=selection)
    estimated = trend_of(deployment, key, signal=ESTIMATED_PERFORMANCE, selection=selection)
    if not (trend["score"].notna().any() or estimated["score"].notna().any()):
        st.markdown(":gray[No window has enough labels yet.]")
        return

    compared = (frame[frame["reference"].notna()] for frame in (trend, estimated))
    last = next((records(frame.tail(1)) for frame in compared if len(frame)), [])
    figure(
        status_over_time(
            trend,
            dark=dark(),
            value="score",
            status="status",
            reference=last[0]["reference"] if last else None,
            limit=last[0]["threshold"] if last else None,
            tickformat=tick_format(metrics[key]),
            unit=str(metrics[key]["unit"]),
            error="standard_error",
            estimated=estimated,
        ),
        key=f"monitoring_metric_{key}",
        height=HEIGHT,
        alt=f"{metric_title(metrics, key)} by window, with a band, the reference's and the limit",
    )


def _drifted(deployment: str, selection: WindowSelection) -> None:
    section("Drifted columns", "share over their limit")
    trend = trend_of(deployment, "drifted_share", selection=selection)
    if trend.empty or not trend["score"].notna().any():
        st.markdown(":gray[No window could be evaluated yet.]")
        return

    limit = trend["threshold"].dropna()
    figure(
        status_over_time(
            trend,
            dark=dark(),
            value="score",
            status="status",
            limit=float(limit.iloc[-1]) if len(limit) else None,
            tickformat=".0%",
        ),
        key="monitoring_drifted",
        height=HEIGHT,
        alt="Share of drifted columns by window, with the limit",
    )
