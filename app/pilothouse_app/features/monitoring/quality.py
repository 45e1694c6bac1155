"""Data quality in plain words: which checks of a column breach, and what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.monitoring.check_titles import signal_title
from pilothouse.monitoring.checks import CUSTOM, DATA_QUALITY
from pilothouse_app.components.formats import number, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.status import colour, status_title

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

BREACHES = ("fail", "warn", "error")


def column_quality(results: pd.DataFrame, column: str) -> None:
    """The checks of a column's data that breach, a line each; else how many there are."""
    chosen = results[(results["signal"] == DATA_QUALITY) & (results["column"] == column)]
    breaches = records(chosen[chosen["status"].isin(BREACHES)])
    for row in breaches:
        st.markdown(quality_line(row))
    judged = int((chosen["status"] == "ok").sum())
    if not breaches and judged:
        st.markdown(f":small[:gray[{plural(judged, 'check')} of its data: ok]]")


def window_quality(results: pd.DataFrame) -> None:
    """The checks of the window as a whole that breach: traffic, schema, people's own."""
    is_decided = results["signal"].isin((DATA_QUALITY, CUSTOM)) & (results["column"] == "")
    chosen = results[is_decided]
    breaches = records(chosen[chosen["status"].isin(BREACHES)])
    if breaches:
        section("Data of the window", "traffic, schema, rows as a whole, and checks of your own")
    for row in breaches:
        st.markdown(quality_line(row))


def quality_line(row: Mapping[str, Any]) -> str:
    """A breach in Markdown: its status, the check, what it is about, and the limit."""
    status = str(row["status"])
    badge = f":{colour(status)}-badge[{status_title(status)}]"
    about = literal(str(row["message"]))
    if status == "error":
        return f"{badge} **{signal_title(str(row['signal']), str(row['check']))}**: {about}"
    limit = number(row["threshold" if status == "fail" else "warn"], 2)
    score = number(row["score"], 3)
    note = f":gray[(score {score}, limit {limit})]"
    return f"{badge} **{signal_title(str(row['signal']), str(row['check']))}**: {about} {note}"
