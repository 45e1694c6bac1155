"""Runs in groups: a row for each, with mean, deviation and interval; a click opens its members."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.run_table.groups import MAX_BY
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, is_missing, title
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.table import (
    DOWN,
    UP,
    button_column,
    number_column,
    table,
    text_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.columns import (
    DEFAULT_METRICS,
    ColumnCatalog,
    decimals_of,
    default_keys,
    split_aggregate,
)
from pilothouse_app.features.experiments.formatting import trainer_title
from pilothouse_app.features.experiments.pager import table_footer
from pilothouse_app.features.experiments.state import COUNT, State, sync_widget, update_state

if TYPE_CHECKING:
    from pilothouse.experiments.run_table.filters import RunFilter

RUN_FIELDS = ("trainer", "experiment", "status", "user", "seed", "commit", "source")
MAX_METRICS = 4


def group_run_filter(state: State) -> RunFilter:
    """The filter of the table: of all matching runs, or of the members of the opened group."""
    if not state.in_group:
        return state.run_filter
    values = [json.loads(value) for value in state.within]
    return workspace().experiments.group_filter(state.run_filter, state.by, values)


def group_by(state: State, catalog: ColumnCatalog) -> None:
    """What the groups are made by."""
    options = [*(f"params.{key}" for key in catalog.params), *RUN_FIELDS]
    options += [f"tags.{key}" for key in catalog.tags]
    options += [column for column in state.by if column not in options]

    st.multiselect(
        "Group by",
        options,
        key=sync_widget("runs_by", list(state.by)),
        format_func=catalog.title,
        placeholder="Group by …",
        label_visibility="collapsed",
        width="stretch",
        max_selections=MAX_BY,
        on_change=_on_group,
        args=(options,),
    )


def _on_group(options: list[str]) -> None:
    update_state(by=tuple(by for by in st.session_state["runs_by"] if by in options), within=())


def breadcrumb(state: State, catalog: ColumnCatalog) -> None:
    """Where one is inside the groups, and the way back to all of them."""
    if not state.in_group:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "All groups",
            icon=":material/arrow_back:",
            type="tertiary",
            key="runs_groups",
            on_click=update_state,
            kwargs={"within": ()},
        )
        pairs = zip(state.by, state.within, strict=False)
        values = [
            f"{catalog.title(by)}: **{literal(_value_title(by, json.loads(value)))}**"
            for by, value in pairs
        ]
        st.markdown(f":gray[:material/chevron_right:] {' · '.join(values)}", width="content")


def group_table(state: State, catalog: ColumnCatalog, columns: Sequence[str]) -> None:
    """Draw a page of groups."""
    if not state.by:
        empty(
            "Choose what to group by",
            "Runs with the same value become one row with mean, standard deviation and confidence "
            "interval, for example the seeds of one configuration.",
            icon=":material/workspaces:",
            key="nothing",
        )
        return

    experiments, metrics = workspace().experiments, _metrics(columns, state)
    sort = state.sort if state.sort in (*metrics, *state.by) else COUNT
    ordered = replace(state, sort=sort, ascending=state.ascending and sort == state.sort)
    body = st.container()
    cache_key = f"groups {state.by!r} {state.run_filter!r}"
    page = table_footer(
        state,
        cached(cache_key, lambda: experiments.group_count(state.run_filter, state.by)),
        "group",
    )
    frame = experiments.groups(
        state.run_filter, state.by, metrics, sort, not ordered.ascending, page, state.size
    )
    rows, looks = _table_data(frame, ordered, catalog, metrics)

    with body, fill_window("runs", reserve=17.2, most=34 + 30 * max(1, len(frame))):
        table(
            rows,
            looks,
            key="runs_grouped",
            alt="Groups of runs",
            sorts=lambda column: _on_sort(column, (*metrics, COUNT), state),
            height="stretch",
        )


def _on_sort(column: str, sortable: Sequence[str], state: State) -> None:
    if column in sortable:
        ascending = not state.ascending if column == state.sort else False
        update_state(sort=column, ascending=ascending)


def _metrics(columns: Sequence[str], state: State) -> list[str]:
    chosen = [column for column in columns if column.startswith("metrics.")]
    defaults = default_keys(state).metrics[:DEFAULT_METRICS]
    return (chosen or [f"metrics.{key}" for key in defaults])[:MAX_METRICS]


def _table_data(
    frame: pd.DataFrame, state: State, catalog: ColumnCatalog, metrics: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    values = [[_plain(row[by]) for by in state.by] for _, row in frame.iterrows()]
    keys = [json.dumps(group) for group in values]
    cells: dict[str, Any] = {
        "id": keys,
        "group": [" · ".join(map(_value_title, state.by, group)) for group in values],
        COUNT: frame[COUNT],
    }
    head = " · ".join(catalog.title(by) for by in state.by)
    looks: dict[str, Any] = {
        "group": button_column(head, _open_group, width=220, pinned=True, alignment="left"),
        COUNT: number_column(_count_header(state), 0, width=76),
    }  # fmt: skip

    for column in metrics:
        digits = decimals_of(catalog.kinds.of(split_aggregate(column.partition(".")[2])[0]).format)
        cells[column] = frame[column]
        cells[f"{column}.std"] = frame[f"{column}.std"]
        cells[f"{column}.range"] = _ranges(frame, column, digits)
        head = catalog.header(column, state)
        looks[column] = number_column(f"{head}, mean", digits, width=max(120, 70 + 8 * len(head)))
        looks[f"{column}.std"] = number_column("± std", digits, width=104)
        looks[f"{column}.range"] = text_column("95 % interval", width=150)

    return pd.DataFrame(cells), looks


def _count_header(state: State) -> str:
    return f"Runs {UP if state.ascending else DOWN}" if state.sort == COUNT else "Runs"


def _ranges(frame: pd.DataFrame, column: str, digits: int) -> list[str]:
    pairs = zip(frame[f"{column}.low"], frame[f"{column}.high"], frame[f"{column}.n"], strict=True)
    return [
        DASH if is_missing(low) else f"{low:.{digits}f} to {high:.{digits}f} (n {int(n)})"
        for low, high, n in pairs
    ]


def _open_group(key: str) -> None:
    update_state(within=tuple(json.dumps(value) for value in json.loads(key)))


def _plain(value: Any) -> Any:
    """A value as JSON has it, whatever number type the frame holds it in."""
    if is_missing(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _value_title(by: str, value: Any) -> str:
    if value is None:
        return f"no {by.partition('.')[2] or by}"
    if by == "trainer":
        return trainer_title(value)
    return title(value) if by == "status" else str(value)
