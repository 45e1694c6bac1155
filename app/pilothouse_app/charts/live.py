"""Charts that are updated live: ECharts keeps the drawing and changes only its data.

A Plotly figure is drawn anew by Streamlit whenever anything in it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse_app.charts.base import plain
from pilothouse_app.charts.palette import Palette, palette

if TYPE_CHECKING:
    import pandas as pd

DAY_MS = 86_400_000


def counts_over_time(
    frame: pd.DataFrame,
    *,
    dark: bool,
    at: str,
    parts: Mapping[str, str],
    colours: Mapping[str, str],
    span: tuple[datetime, datetime],
) -> dict[str, Any]:
    """Stacked counts by instant over a span: `parts` maps column to name, `colours` to a role."""
    chosen = palette(dark)
    columns = [column for column in parts if frame[column].any()]
    series = [
        _bars(frame, at, column, parts[column], getattr(chosen, colours[column]))
        for column in columns
    ]
    start, end = (instant.timestamp() * 1000 for instant in span)

    return {
        "animation": False,
        "useUTC": True,
        "textStyle": {"fontFamily": "Inter, system-ui, sans-serif", "color": chosen.text},
        "grid": {"left": 44, "right": 8, "top": 28 if len(columns) > 1 else 10, "bottom": 24},
        "legend": {
            "show": len(columns) > 1,
            "top": 0,
            "left": 0,
            "textStyle": {"color": chosen.muted, "fontSize": 11},
        },
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "time",
            "min": start,
            "max": end,
            "containShape": False,
            **_axis(
                chosen, lines=False, clock="{HH}:{mm}" if end - start <= DAY_MS else "{d} {MMM}"
            ),
        },
        "yAxis": {"type": "value", "minInterval": 1, **_axis(chosen, lines=True)},
        "series": series,
    }


def _bars(frame: pd.DataFrame, at: str, column: str, name: str, colour: str) -> dict[str, Any]:
    instants = (instant.timestamp() * 1000 for instant in frame[at])
    points = zip(instants, frame[column], strict=True)
    return {
        "type": "bar",
        "name": plain(name),
        "stack": "counts",
        "barMinWidth": 2,
        "barMaxWidth": 14,
        "itemStyle": {"color": colour},
        "data": [[instant, int(count)] for instant, count in points if count],
    }


def _axis(colours: Palette, *, lines: bool, clock: str = "") -> dict[str, Any]:
    label = {"color": colours.muted, "fontSize": 11, "hideOverlap": True}
    return {
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        "axisLabel": {**label, "formatter": clock} if clock else label,
        "splitLine": {"show": lines, "lineStyle": {"color": "rgba(120,135,160,0.2)"}},
    }
