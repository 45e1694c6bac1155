"""A target of a dataset version on a page: what separates its groups, one column in each of them.

Choosing a target computes what depends on it and nothing else; it is kept for the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.data.exploration.target_relations import SUSPICIOUS
from pilothouse_app import charts
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import count, share
from pilothouse_app.components.header import section
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import bar_column, name_column, table
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.personal_data.masked import masked_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.data.exploration.explore import TargetExploration
    from pilothouse.data.exploration.group_distributions import GroupedColumn
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.data.personal_data.masked_data import MaskedData

NAMED = 5  # columns in a note
LINES_HEIGHT = 260
COLUMNS = {
    "column": name_column("Column", width=150),
    "strength": bar_column("Association", 0.0, 1.0, digits=2, width=130),
    "skill": bar_column("Explains alone", 0.0, 1.0, digits=2, width=130),
}


def exploration_key(
    version: DatasetVersionInfo,
) -> tuple[MaskedData, tuple[str, str, tuple[str, ...]]]:
    """The data as people see it, and what an exploration of it is kept by."""
    data = masked_data()
    masks = tuple(sorted(data.masking(version.ref).kinds))
    return data, (str(workspace().folder), version.digest, masks)


def choose_target(version: DatasetVersionInfo, left_out: Sequence[str]) -> str:
    """The target that the person chooses: one that can be compared with others."""
    chosen = st.selectbox(
        "Target",
        [name for name in version.column_names if name not in left_out],
        index=None,
        placeholder="Choose a target",
        key=f"exploration_target_{version.ref}",
        label_visibility="collapsed",
        width=220,
    )
    return chosen or ""


def target_view(version: DatasetVersionInfo, target: str, reserve: float) -> None:
    """What separates the groups of the target, and the chosen column in each of them."""
    if not target:
        empty(
            "Which target?",
            "Choose one: each other column is then shown by its classes, or by the quarters of its "
            "numbers, and asked how well a small tree of it alone predicts the target.",
            icon=":material/target:",
            key="target_empty",
        )
        return
    data, key = exploration_key(version)
    explored = _explored(*key, target, _data=data, _ref=version.ref)
    if not explored.columns:
        empty("No other column", "Nothing can be compared with the target.", key="alone_empty")
        return
    suspicious = _warn(explored)
    left, right = st.columns([50, 50], gap="small")
    with left:
        column = _choose_column(version, explored, reserve + (5 if suspicious else 0))
    with right, st.container(border=True):
        _column(explored, column)


@st.cache_data(max_entries=32, ttl=600, show_spinner="Exploring the target")
def _explored(
    folder: str, digest: str, masks: tuple[str, ...], target: str, _data: MaskedData, _ref: str
) -> TargetExploration:
    return _data.explore_target(_ref, target)


def _warn(explored: TargetExploration) -> bool:
    """Name the columns that give the target away; whether there are any."""
    suspicious = [relation.column for relation in explored.relations if relation.is_suspicious]
    if suspicious:
        names = ", ".join(map(literal, suspicious[:NAMED]))
        st.warning(
            f"{names}: says almost all of {literal(explored.target)}. Most likely it is the target "
            "in another form, or is known only after it: leave it out of a training.",
            icon=":material/warning:",
        )
    return bool(suspicious)


def _choose_column(
    version: DatasetVersionInfo, explored: TargetExploration, reserve: float
) -> GroupedColumn:
    """The columns by how much they separate the groups; the chosen one, or the first."""
    skills = {relation.column: relation.skill for relation in explored.relations}
    rows = pd.DataFrame(
        [
            {
                "column": column.column,
                "strength": abs(column.strength),
                "skill": skills.get(column.column),
            }
            for column in explored.columns
        ]
    ).astype({"skill": float})
    with fill_window("relations", reserve=reserve + 2, most=33 + 30 * len(rows)):
        chosen = table(
            rows,
            COLUMNS,
            key=f"relations_{version.ref}_{explored.target}",
            ids="column",
            alt="How much each column separates the groups of the target",
            select="one",
            height="stretch",
        )
    st.caption(
        "Explains alone: 0 says nothing of the target, 1 everything; over "
        f"{SUSPICIOUS:g} is seldom honest."
    )
    by_name = {column.column: column for column in explored.columns}
    return by_name.get(chosen[0] if chosen else "", explored.columns[0])


def _column(explored: TargetExploration, column: GroupedColumn) -> None:
    """One column in each group of the target, with the share of missing values."""
    section(literal(column.column), f"by {literal(explored.target)}")
    names = [group.name for group in explored.groups]
    if not column.shares:
        empty("Masked", "This column holds personal data.", key="grouped_empty", border=False)
    elif column.edges:
        chart = charts.group_lines(
            column.edges,
            column.shares,
            names,
            dark=dark(),
            ordered=explored.is_banded,
            others=explored.groups[-1].is_others,
            is_time=column.kind == "time",
        )
        alt = f"{column.column} in each group of {explored.target}"
        figure(chart, key="grouped_column", height=LINES_HEIGHT, alt=alt)
    else:
        chart = charts.group_cells(column.parts, column.shares, names, dark=dark())
        alt = f"{column.column} in each group of {explored.target}"
        height = charts.cells_height(len(column.parts))
        figure(chart, key="grouped_column", height=height, alt=alt)
    lines = (_association(column), _sizes(explored), _missing(explored, column))
    st.markdown("  \n".join(f":small[:gray[{line}]]" for line in lines))


def _association(column: GroupedColumn) -> str:
    if column.strength != column.strength:
        return "Association: too few rows have both values"
    return f"Association: {column.strength:.2f} ({column.measure})"


def _sizes(explored: TargetExploration) -> str:
    sizes = ", ".join(f"{literal(group.name)}: {count(group.rows)}" for group in explored.groups)
    without = f"; {count(explored.without)} without a target" if explored.without else ""
    return f"Rows of {sizes}{without}"


def _missing(explored: TargetExploration, column: GroupedColumn) -> str:
    if not any(column.missing):
        return "Nothing is missing"
    shares = zip(explored.groups, column.missing, strict=True)
    return "Missing of " + ", ".join(f"{literal(g.name)}: {share(part)}" for g, part in shares)
