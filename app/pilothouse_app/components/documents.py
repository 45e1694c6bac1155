"""Evaluation documents on a page: a figure or a table under their title, whatever the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pilothouse_app.charts.documents import figure_of, is_table, table_of, title_of
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, number_column, table, text_column
from pilothouse_app.components.table_height import limited_height

MAX_ROWS = 12  # of a table, before it scrolls


def document_box(document: Mapping[str, Any], *, key: str, about: str, height: int = 260) -> None:
    """A document (one for which `is_document`) in a box; `about` names what was evaluated.

    Call it within a cell of a grid or a column. `key` must be unique on the page.
    """
    title = title_of(document) or "Evaluation"
    with st.container(border=True, height="stretch"):
        section(literal(title))
        if is_table(document):
            document_table(document, key=key, alt=f"{title} of {about}")
        else:
            drawn = figure_of(document, dark=dark())
            figure(drawn, key=key, height=height, alt=f"{title} of {about}")


def document_table(document: Mapping[str, Any], *, key: str, alt: str) -> None:
    """The table of a document: its first column names the rows."""
    frame = pd.DataFrame(table_of(document))
    first, *others = frame.columns
    looks = {first: name_column(first), **{name: column_look(name, frame[name]) for name in others}}
    frame[first] = frame[first].map(str)
    height = limited_height(len(frame), MAX_ROWS)
    table(frame, looks, key=key, ids=first, alt=alt, height=height)


def column_look(name: str, values: pd.Series[Any]) -> Any:
    """How a column of a document's table is drawn: as numbers or as text."""
    if not pd.api.types.is_numeric_dtype(values):
        return text_column(name)
    return number_column(name, 0 if pd.api.types.is_integer_dtype(values) else 3)
