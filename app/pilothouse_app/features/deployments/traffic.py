"""The traffic of a deployment: tiles and two charts over a span of hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.charts.traffic import latency, requests
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.formats import DASH, count, is_missing, number
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

SPANS = {"1 h": 1.0, "6 h": 6.0, "24 h": 24.0, "7 d": 168.0}


@st.cache_data(ttl=2, max_entries=32, show_spinner=False)
def _cached_traffic(folder: str, deployment: str, hours: float) -> pd.DataFrame:
    """Traffic by time, read at most once in two seconds however many look at it."""
    return workspace().deployments.traffic(deployment, hours)


def deployment_traffic(deployment: str, hours: float) -> pd.DataFrame:
    """Traffic of a deployment of this workspace."""
    frame: pd.DataFrame = _cached_traffic(str(workspace().folder), deployment, hours)
    return frame


def traffic_tiles(frame: pd.DataFrame, span: str) -> None:
    """Requests, rows and errors of the span, and the newest latencies."""
    kpi_row(
        [
            Kpi("Requests", count(frame["requests"].sum()), f"in {span}"),
            Kpi("Rows predicted", count(frame["rows"].sum()), f"in {span}"),
            Kpi("Latency p50", newest_ms(frame, "p50_ms"), "latest"),
            Kpi("Latency p95", newest_ms(frame, "p95_ms"), "latest"),
            Kpi("Errors", count(frame["errors"].sum()), f"in {span}"),
        ]
    )


def newest_ms(frame: pd.DataFrame, column: str) -> str:
    """The last latency there is."""
    values = frame[column].dropna()
    value = float(values.iloc[-1]) if len(values) else None
    return DASH if is_missing(value) else f"{number(value, 1)} ms"


def traffic_charts(frame: pd.DataFrame, hours: float, *, key: str, height: int = 240) -> None:
    """Requests at the left, latencies at the right, over the whole span."""
    now = datetime.now(UTC)
    span = (now - timedelta(hours=hours), now)
    left, right = st.columns(2, gap="medium")
    with left:
        section("Requests")
        alt = "Requests over time, failed ones in red"
        figure(requests(frame, span, dark=dark()), key=f"{key}_requests", height=height, alt=alt)
    with right:
        section("Latency", "from request to response")
        alt = "Median and 95th percentile of latency over time"
        figure(latency(frame, span, dark=dark()), key=f"{key}_latency", height=height, alt=alt)
