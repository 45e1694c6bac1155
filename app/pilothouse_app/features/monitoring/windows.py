"""Windows of a deployment: their span as text, their columns, and the choice of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.formats import share
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    text_column,
    when_column,
)

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "span": name_column("Window", width=176),
    "status": status_column(width=92),
    "version": number_column("Version", 0, width=66),
    "roc_auc": number_column("ROC AUC", 3, width=78),
    "drift_status": status_column("Drift", width=92),
    "drifted": number_column("Drifted", 0, width=62, help="Columns over their threshold"),
    "mean_score": number_column("Mean score", 3, width=88),
    "rows": number_column("Rows", 0, width=76),
    "labelled": text_column("Labelled", width=78),
    "revision": number_column("Revision", 0, width=72, help="Evaluated again as labels arrived"),
    "evaluated_at": when_column("Evaluated", width=110),
}


def span_text(start: datetime, end: datetime) -> str:
    """A window's days: `4 to 10 Mar 2013`."""
    last = end - timedelta(microseconds=1)
    ended = f"{last.day} {last:%b %Y}"
    if start.date() == last.date():
        return ended
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day} to {ended}"
    began = f"{start.day} {start:%b}"
    if start.year != last.year:
        began += f" {start.year}"
    return f"{began} to {ended}"


def display_windows(windows: pd.DataFrame) -> pd.DataFrame:
    """The frame of windows with their span as text, the newest first."""
    spans = [span_text(s, e) for s, e in zip(windows["start"], windows["end"], strict=True)]
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
