"""A deployment over its windows: the newest metrics, and their trends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse_app.charts.windows import rows_over_time, score_over_time, status_over_time
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.formats import DASH, count, number, share
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.records import records
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 250


def latest_metrics(windows: pd.DataFrame, auc: pd.DataFrame) -> None:
    """The metrics of the newest window, and the observed performance of the newest labelled one."""
    newest = records(windows.tail(1))[0]
    judged = records(auc[auc["score"].notna()].tail(1))
    observed: dict[str, Any] = judged[0] if judged else {}

    kpi_row(
        [
            Kpi(
                "Newest window",
                f"{newest['start']:%-d %b}",
                f"to {newest['end'] - timedelta(microseconds=1):%-d %b %Y}",
            ),
            Kpi(
                "ROC AUC",
                number(observed.get("score")),
                f"reference {number(observed['reference'])}" if observed else "no labels yet",
            ),
            Kpi(
                "Drifted columns",
                f"{count(newest['drifted'])} of {count(newest['columns'])}",
                "over their limit",
            ),
            Kpi("Mean score", number(newest["mean_score"]), _positive_rate(newest)),
            Kpi("Labelled", share(newest["coverage"], 0), f"of {count(newest['rows'])} rows"),
        ]
    )


def _positive_rate(newest: dict[str, Any]) -> str:
    rate = share(newest["base_rate"])
    return "" if rate == DASH else f"{rate} observed positive"


def trends(deployment: str, windows: pd.DataFrame, auc: pd.DataFrame) -> None:
    """Four small charts on one time axis."""
    left, right = st.columns(2, gap="medium")
    with left:
        _auc(auc)
        section("Scores", "mean score and observed positive rate")
        figure(
            score_over_time(windows, dark=dark(), rate="base_rate"),
            key="monitoring_scores",
            height=HEIGHT,
            alt="Mean score and observed positive rate, by window",
        )
    with right:
        _drifted(deployment)
        section("Predictions", "and how many of them are labelled")
        figure(
            rows_over_time(windows, dark=dark()),
            key="monitoring_rows",
            height=HEIGHT,
            alt="Predictions and labels by window",
        )


def _auc(auc: pd.DataFrame) -> None:
    section("ROC AUC", "observed, as labels arrive")
    if auc.empty or not auc["score"].notna().any():
        st.markdown(":gray[No window has enough labels yet.]")
        return

    last = records(auc[auc["reference"].notna()].tail(1))
    figure(
        status_over_time(
            auc,
            dark=dark(),
            value="score",
            status="status",
            reference=last[0]["reference"] if last else None,
            limit=last[0]["threshold"] if last else None,
        ),
        key="monitoring_auc",
        height=HEIGHT,
        alt="ROC AUC by window, with the reference's own and the limit",
    )


def _drifted(deployment: str) -> None:
    section("Drifted columns", "share over their limit")
    trend = workspace().monitoring.trend(deployment, "drifted_share")
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
