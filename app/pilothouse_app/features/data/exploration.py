"""An exploration of a dataset version on a page: associations, outliers, what is missing.

It is computed when the view is opened, on a sample of the rows, and kept for the session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.data.exploration.column_values import MAX_CATEGORIES
from pilothouse.data.exploration.explore import PAIRED_COLUMNS
from pilothouse_app import charts
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import count, plural, title
from pilothouse_app.components.header import section
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    name_column,
    number_column,
    percent_column,
    table,
    text_column,
)
from pilothouse_app.features.data.target_exploration import (
    NAMED,
    choose_target,
    exploration_key,
    target_view,
)
from pilothouse_app.features.personal_data.masked import dataset_notice, masked_data

if TYPE_CHECKING:
    from pilothouse.data.exploration.explore import Exploration
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.data.personal_data.masked_data import MaskedData

PARTS = ("associations", "target", "outliers", "missing")


def exploration_view(version: DatasetVersionInfo, reserve: float) -> None:
    """One of the parts of the exploration, with what it rests on."""
    dataset_notice(version.ref, version.column_names)
    with st.container(horizontal=True, vertical_alignment="center"):
        part = switch("exploration_part", PARTS, "Part", format_func=title)
        explored = explore(version)
        target = choose_target(version, explored.left_out) if part == "target" else ""
        basis = _sample(explored) if part == "target" else _basis(explored)
        st.markdown(f":small[:gray[{basis}]]", width="stretch")
    if part == "target":
        target_view(version, target, reserve)
    else:
        BODIES[part](version, explored, reserve)


def explore(version: DatasetVersionInfo) -> Exploration:
    """The exploration; the same bytes with the same masks are explored once."""
    data, key = exploration_key(version)
    return _explored(*key, _data=data, _ref=version.ref)


@st.cache_data(max_entries=16, ttl=600, show_spinner="Exploring the version")
def _explored(
    folder: str, digest: str, masks: tuple[str, ...], _data: MaskedData, _ref: str
) -> Exploration:
    return _data.explore(_ref)


def _sample(explored: Exploration) -> str:
    if explored.sampled < explored.rows:
        return f"A sample of {count(explored.sampled)} of {count(explored.rows)} rows"
    return plural(explored.rows, "row")


def _basis(explored: Exploration) -> str:
    text = _sample(explored)
    if explored.left_out:
        names = ", ".join(map(literal, explored.left_out[:NAMED]))
        more = len(explored.left_out) - NAMED
        names += f" and {more} more" if more > 0 else ""
        text += f". Not compared: {names} (constant, or a text of over {MAX_CATEGORIES} values)"
    return text


def _associations(version: DatasetVersionInfo, explored: Exploration, reserve: float) -> None:
    if len(explored.paired) < 2:
        empty("No pairs", "Fewer than two columns can be compared.", key="pairs_empty")
        return
    left, right = st.columns([58, 42], gap="small")
    names = explored.paired
    with left, st.container(border=True):
        figure(
            charts.association_matrix(names, _matrix(explored), dark=dark()),
            key="association_matrix",
            height=charts.association_height(len(names)),
            alt="How strongly each pair of columns is associated",
        )
    rows = pd.DataFrame(
        [
            {
                "pair": f"{pair.left} and {pair.right}",
                "strength": pair.strength,
                "measure": pair.measure,
            }
            for pair in explored.associations
        ]
    )
    columns = {
        "pair": name_column("Columns", width=180),
        "strength": number_column("Strength", 2, width=70),
        "measure": text_column("Measure", width=112),
    }
    with right, fill_window("associations", reserve=reserve, most=33 + 30 * len(rows)):
        table(rows, columns, key=f"associations_{version.ref}", ids="pair",
              alt="Pairs of columns by strength", height="stretch")  # fmt: skip
    if len(explored.paired) == PAIRED_COLUMNS:
        st.caption(
            f"The first {PAIRED_COLUMNS} columns. Others: `pilothouse datasets explore "
            f"{version.ref} --column NAME`."
        )


def _matrix(explored: Exploration) -> list[list[float | None]]:
    """Strengths by row and column; a column with itself is left out."""
    positions = {name: at for at, name in enumerate(explored.paired)}
    cells: list[list[float | None]] = [[None] * len(positions) for _ in positions]
    for pair in explored.associations:
        if pair.strength == pair.strength:
            row, column = positions[pair.left], positions[pair.right]
            cells[row][column] = cells[column][row] = pair.strength
    return cells


def _outliers(version: DatasetVersionInfo, explored: Exploration, reserve: float) -> None:
    if not explored.outliers:
        empty("No numbers", "Outliers are those of numbers and times.", key="outliers_empty")
        return
    types = {column.name: column.type for column in version.schema}
    rows = pd.DataFrame(
        [
            {
                "column": column.column,
                "far": column.far,
                "outside": column.outside,
                "usual": _between(column.low, column.high, types[column.column]),
                "range": _between(column.lowest, column.highest, types[column.column]),
            }
            for column in explored.outliers
        ]
    )
    columns = {
        "column": name_column("Column", width=116),
        "far": number_column("Far out", 0, width=60, help="Over 3 interquartile ranges away"),
        "outside": number_column("Outside", 0, width=64, help="Over 1.5 of them away"),
        "usual": text_column("Far out beyond", width=128),
        "range": text_column("Lowest to highest", width=128),
    }
    left, right = st.columns([57, 43], gap="small")
    with left, fill_window("outliers", reserve=reserve, most=33 + 30 * len(rows)):
        table(rows, columns, key=f"outliers_{version.ref}", ids="column",
              alt="Outliers of each number", height="stretch")  # fmt: skip
    with right:
        _unusual(version, explored)


def _between(low: float | None, high: float | None, kind: str) -> str:
    if low is None or high is None:
        return ""
    if kind == "time":
        low_day, high_day = (pd.Timestamp(value, unit="ms") for value in (low, high))
        return f"{low_day:%Y-%m-%d} to {high_day:%Y-%m-%d}"
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e15 else f"{value:.4g}"


def _unusual(version: DatasetVersionInfo, explored: Exploration) -> None:
    section("Unusual rows", "by an isolation forest over the numbers")
    if not explored.unusual_rows:
        empty("None", "No row stands apart from the others.", key="unusual_empty")
        return
    rows = masked_data().rows_at(version.ref, [row.position for row in explored.unusual_rows])
    # The index, for the version may have a column of any name.
    rows.index = pd.Index(
        [f"{row.position + 1:,} ({row.column})" for row in explored.unusual_rows],
        name="Row (mostly by)",
    )
    height = min(38 + 30 * len(rows), 400)
    st.dataframe(rows, key="unusual_rows", row_height=30, height=height,
                 alt="The most unusual rows, and the column that makes each so")  # fmt: skip


def _missing(version: DatasetVersionInfo, explored: Exploration, reserve: float) -> None:
    if not explored.missing:
        empty("Nothing is missing", "Every column has a value in every row.", key="missing_empty")
        return
    rows = pd.DataFrame(
        [
            {
                "columns": ", ".join(pattern.columns) or "(nothing)",
                "number": len(pattern.columns),
                "rows": pattern.rows,
                "share": pattern.share,
            }
            for pattern in explored.missing
        ]
    )
    columns: dict[str, Any] = {
        "columns": name_column("Missing together", width=520),
        "number": number_column("Columns", 0, width=80),
        "rows": number_column("Rows", 0, width=90),
        "share": percent_column("Share", width=80),
    }
    with fill_window("missing", reserve=reserve, most=33 + 30 * len(rows)):
        table(rows, columns, key=f"missing_{version.ref}", ids="columns",
              alt="Columns that are missing in the same rows", height="stretch")  # fmt: skip


BODIES: dict[str, Callable[[DatasetVersionInfo, Exploration, float], None]] = {
    "associations": _associations,
    "outliers": _outliers,
    "missing": _missing,
}
