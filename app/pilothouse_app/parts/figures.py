"""Showing a chart: the figure comes from `charts/`, the appearance from the visitor's theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    import plotly.graph_objects as go

CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
}


def dark() -> bool:
    """Whether the visitor sees the dark theme."""
    return bool(st.context.theme.type == "dark")


def figure(fig: go.Figure, *, key: str, alt: str, height: int = 300) -> None:
    """Draw a Plotly figure; `alt` says in a sentence what it shows."""
    st.plotly_chart(fig, theme=None, config=CONFIG, key=key, height=height, alt=alt)


def echart(spec: dict[str, Any], *, key: str, alt: str, height: int = 340) -> None:
    """Draw an ECharts specification."""
    st.echarts_chart(spec, theme=None, key=key, height=height, alt=alt)
