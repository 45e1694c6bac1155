"""Dataset versions on a page: their profile as rows and charts, and a few of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.data.schema import NAMES
from pilothouse_app.components.formats import DASH, count, day, number
from pilothouse_app.components.table import (
    histogram_column,
    name_column,
    number_column,
    percent_column,
    text_column,
)

if TYPE_CHECKING:
    from pilothouse.data.info import ColumnProfile, Profile
    from pilothouse.data.personal_data.masked_data import MaskedData
    from pilothouse.workspace import Workspace

PREVIEW_ROWS = 200
PROFILE_COLUMNS = {
    "column": name_column("Column", width=144),
    "type": text_column("Type", width=96),
    "shape": histogram_column("Distribution", width=104),
    "missing": percent_column("Missing", width=70),
    "distinct": number_column("Distinct", 0, width=74),
    "low": text_column("Min", width=90),
    "high": text_column("Max", width=90),
    "typical": text_column("Typical", width=110),
}


def matching_rows(frame: pd.DataFrame, text: str, columns: Sequence[str]) -> pd.DataFrame:
    """The rows that contain every word of the text in one of the columns."""
    text_of_rows = frame[list(columns)].fillna("").agg(" ".join, axis=1).str.lower()
    for word in text.lower().split():
        frame, text_of_rows = (
            frame[text_of_rows.str.contains(word, regex=False)],
            text_of_rows[text_of_rows.str.contains(word, regex=False)],
        )
    return frame


def profile_rows(profile: Profile) -> pd.DataFrame:
    """A row per column: type, missing, distinct, range, and its distribution."""
    return pd.DataFrame([_row(column) for column in profile.columns])


def _row(column: ColumnProfile) -> dict[str, Any]:
    return {
        "column": column.name,
        "type": NAMES[column.type],
        "missing": column.missing_share,
        "distinct": column.distinct,
        "shape": list(column.counts) or [times for _, times in column.top],
        "typical": column.top[0][0]
        if column.top
        else profile_value(column, column.quantiles.get(0.5)),
        "low": profile_value(column, column.low),
        "high": profile_value(column, column.high),
    }


def default_column(profile: Profile) -> str:
    """The column to show first: not constant, and no identifier, whose values all differ."""
    names = [column.name for column in profile.columns if 1 < column.distinct < column.rows]
    return names[0] if names else profile.columns[0].name


def profile_value(column: ColumnProfile, value: float | None) -> str:
    """A number of a profile as text of its column's type: times are stored in milliseconds."""
    if value is None:
        return DASH
    if column.type == "time":
        return day(datetime.fromtimestamp(value / 1000, UTC))
    if column.type == "integer" or float(value).is_integer():
        return count(value)
    return number(value, 2) if abs(value) >= 1 else f"{value:.3g}"


def bins(column: ColumnProfile) -> tuple[list[str], list[int]]:
    """The labels and counts of a column's histogram, or of its most frequent values."""
    if column.top:
        return [name for name, _ in column.top], [times for _, times in column.top]
    edges = column.edges
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    return [profile_value(column, middle) for middle in middles], list(column.counts)


def quantile_values(column: ColumnProfile) -> dict[str, str]:
    """The quantiles as names and values of a short list."""
    names = {0.0: "Min", 0.05: "5 %", 0.25: "25 %", 0.5: "Median", 0.75: "75 %", 0.95: "95 %",
             1.0: "Max"}  # fmt: skip
    return {
        name: profile_value(column, column.quantiles[share])
        for share, name in names.items()
        if share in column.quantiles
    }


def preview(ws: Workspace, data: MaskedData, ref: str) -> pd.DataFrame:
    """The first rows of a version, masked as `data` masks them."""
    masked = tuple(sorted(data.masking(ref).kinds))
    return _preview(str(ws.folder), ws.data.version(ref).digest, masked, _data=data, _ref=ref)


@st.cache_data(max_entries=16, ttl=600, show_spinner="Reading the first rows")
def _preview(
    folder: str, digest: str, masked: tuple[str, ...], _data: MaskedData, _ref: str
) -> pd.DataFrame:
    # The same bytes with the same masks look the same; the folder keys the cache too.
    return _data.first_rows(_ref, PREVIEW_ROWS)
