"""Windows of a deployment: their span as text, their columns, and the choice of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from pilothouse.monitoring.windows import span_text
from pilothouse_app.components.formats import share
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.features.monitoring.metrics import Metric, metric_text, metric_title

if TYPE_CHECKING:
    import pandas as pd


SPAN_WIDTH, MAX_SPAN_WIDTH = 176, 380  # of days, and of hours in a zone with a long name
Height = int | Literal["stretch", "content"]


def window_columns(metric: str, output: str, width: int = SPAN_WIDTH) -> dict[str, Any]:
    """The columns of a table of windows, with the titles of its metric and its output."""
    columns = {
        "span": name_column("Window", width=width),
        "status": status_column(width=92),
        "version": number_column("Version", 0, width=66),
        "value": text_column(metric, width=110),
        "drift_status": status_column("Drift", width=92),
        "drifted": number_column("Drifted", 0, width=62, help="Columns over their threshold"),
        "output": text_column(output, width=130, help="Mean of the window"),
        "rows": number_column("Rows", 0, width=76),
        "labelled": text_column("Labelled", width=78),
        "revision": number_column("Revision", 0, width=72, help="Evaluated again as labels came"),
        "evaluated_at": when_column("Evaluated", width=110),
    }
    absent = [name for name, title in (("value", metric), ("output", output)) if not title]
    return {name: column for name, column in columns.items() if name not in absent}


def window_table(windows: pd.DataFrame, metrics: dict[str, Metric], *, height: Height) -> None:
    """Draw the windows; a click opens one."""
    keys = [key for key in windows["metric"] if key]
    outputs = dict.fromkeys(title for row in windows["output_summary"] for title in row)
    output = next(iter(outputs), "")
    rows = display_windows(windows)
    pairs = zip(rows["metric"], rows["value"], strict=True)
    rows = rows.assign(
        value=[metric_text(metrics.get(key), value) for key, value in pairs],
        output=[metric_text(None, row.get(output)) for row in rows["output_summary"]],
    )
    longest = max(map(len, rows["span"]), default=0)
    width = max(SPAN_WIDTH, min(7 * longest, MAX_SPAN_WIDTH))
    title = metric_title(metrics, keys[-1]) if keys else ""
    columns = window_columns(title, output, width)
    table(rows, columns, key="windows", alt="Windows", opens=("window", "id"), height=height)


def display_windows(windows: pd.DataFrame) -> pd.DataFrame:
    """The frame of windows with their span as text, the newest first."""
    ends = zip(windows["start"], windows["end"], windows["zone"], strict=True)
    spans = [span_text(start, end, zone) for start, end, zone in ends]
    labelled = [share(coverage) for coverage in windows["coverage"]]
    return windows.assign(span=spans, labelled=labelled).sort_values("start", ascending=False)


def choose_window(windows: pd.DataFrame, key: str) -> str:
    """Choose a window; the newest by default."""
    rows = display_windows(windows)
    names = dict(zip(rows["id"].astype(str), rows["span"], strict=True))
    return st.selectbox(
        "Window",
        list(names),
        format_func=names.__getitem__,
        key=key,
        label_visibility="collapsed",
        width=220,
    )
