"""Showing a chart: the figure comes from `charts/`, the appearance from the visitor's theme."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

if TYPE_CHECKING:
    import plotly.graph_objects as go

ImageFormat = Literal["png", "svg"]
CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
}


def dark() -> bool:
    """Whether the visitor sees the dark theme."""
    return bool(st.context.theme.type == "dark")


def figure(
    fig: go.Figure,
    *,
    key: str,
    alt: str,
    height: int = 300,
    image_format: ImageFormat = "png",
    clicked: Callable[[int], None] | None = None,
) -> None:
    """Draw a Plotly figure; `alt` says in a sentence what it shows.

    The camera of the chart's own bar saves it as a `picture`. `clicked` is called with the number
    of a point of the first trace that has points when somebody clicks on it.
    """
    saved = {"format": image_format, "filename": key, "scale": 2 if image_format == "png" else 1}
    config = {**CONFIG, "toImageButtonOptions": saved}
    options: dict[str, Any] = {}
    if clicked is not None:
        press = clicked

        def on_select() -> None:
            points = st.session_state[key]["selection"]["points"]
            if points:
                press(int(points[0]["point_index"]))

        options = {"on_select": on_select, "selection_mode": "points"}
    st.plotly_chart(fig, theme=None, config=config, key=key, height=height, alt=alt, **options)


def echart(
    spec: dict[str, Any],
    *,
    key: str,
    alt: str,
    height: int = 340,
    image_format: ImageFormat = "png",
) -> None:
    """Draw an ECharts specification; its own bar saves it as a `picture`."""
    drawn: Literal["svg", "canvas"] = "svg" if image_format == "svg" else "canvas"
    st.echarts_chart(spec, theme=None, key=key, height=height, alt=alt, renderer=drawn)
