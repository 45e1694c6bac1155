"""Runs in groups: a row for each, with mean, deviation and interval; a click opens its members."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.run_table.groups import MAX_BY
from pilothouse_app.components.diff import literal
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, missing, title
from pilothouse_app.components.layout import fill
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.table import (
    DOWN,
    UP,
    number_column,
    press_column,
    table,
    text_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.columns import (
    USUAL_METRICS,
    Catalog,
    digits_of,
    metric_part,
    usual_keys,
)
from pilothouse_app.features.experiments.pager import table_footer
from pilothouse_app.features.experiments.state import COUNT, State, change, sync_widget

if TYPE_CHECKING:
    from pilothouse.experiments.run_table.filters import RunFilter

OWN = ("trainer", "experiment", "status", "user", "seed", "commit", "source")
MAX_METRICS = 4


def filter_of_group(state: State) -> RunFilter:
    """The runs that are looked at: all that are meant, or the members of the opened group."""
    if not state.inside:
        return state.meant
    values = [json.loads(value) for value in state.within]
    return workspace().experiments.group_filter(state.meant, state.by, values)


def group_by(state: State, known: Catalog) -> None:
    """What the groups are made by."""
    options = [*(f"params.{key}" for key in known.params), *OWN]
    options += [f"tags.{key}" for key in known.tags]
    options += [column for column in state.by if column not in options]
    st.multiselect(
        "Group by",
        options,
        key=sync_widget("runs_by", list(state.by)),
        format_func=known.words,
        placeholder="Group by …",
        label_visibility="collapsed",
        width="stretch",
        max_selections=MAX_BY,
        on_change=_grouped,
        args=(options,),
    )


def _grouped(options: list[str]) -> None:
    change(by=tuple(by for by in st.session_state["runs_by"] if by in options), within=())


def trail(state: State, known: Catalog) -> None:
    """Where one is inside the groups, and the way back to all of them."""
    if not state.inside:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "All groups",
            icon=":material/arrow_back:",
            type="tertiary",
            key="runs_groups",
            on_click=change,
            kwargs={"within": ()},
        )
        pairs = zip(state.by, state.within, strict=False)
        words = [
            f"{known.words(by)}: **{literal(_words(by, json.loads(value)))}**"
            for by, value in pairs
        ]
        st.markdown(f":gray[:material/chevron_right:] {' · '.join(words)}", width="content")


def group_rows(state: State, known: Catalog, columns: Sequence[str]) -> None:
    """Draw a page of groups."""
    if not state.by:
        empty(
            "Choose what to group by",
            "Runs that agree in it become one row with mean, deviation and interval: "
            "seeds of one configuration, folds, trainers.",
            icon=":material/workspaces:",
            key="nothing",
        )
        return
    room, metrics = workspace().experiments, _metrics(columns, state)
    sort = state.sort if state.sort in (*metrics, *state.by) else COUNT
    ordered = replace(state, sort=sort, rising=state.rising and sort == state.sort)
    body = st.container()
    asked = f"groups {state.by!r} {state.meant!r}"
    page = table_footer(
        state, cached(asked, lambda: room.group_count(state.meant, state.by)), "group"
    )
    frame = room.groups(state.meant, state.by, metrics, sort, not ordered.rising, page, state.size)
    shown, looks = _drawn(frame, ordered, known, metrics)
    with body, fill("runs", reserve=17.2, most=34 + 30 * max(1, len(frame))):
        table(
            shown,
            looks,
            key="runs_grouped",
            alt="Groups of runs",
            sorts=lambda column: _sorts(column, (*metrics, COUNT), state),
            height="stretch",
        )


def _sorts(column: str, known: Sequence[str], state: State) -> None:
    if column in known:
        rising = not state.rising if column == state.sort else False
        change(sort=column, rising=rising)


def _metrics(columns: Sequence[str], state: State) -> list[str]:
    found = [column for column in columns if column.startswith("metrics.")]
    usual = usual_keys(state).metrics[:USUAL_METRICS]
    return (found or [f"metrics.{key}" for key in usual])[:MAX_METRICS]


def _drawn(
    frame: pd.DataFrame, state: State, known: Catalog, metrics: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    values = [[_plain(row[by]) for by in state.by] for _, row in frame.iterrows()]
    keys = [json.dumps(each) for each in values]
    cells: dict[str, Any] = {
        "id": keys,
        "group": [" · ".join(map(_words, state.by, each)) for each in values],
        COUNT: frame[COUNT],
    }
    head = " · ".join(known.words(by) for by in state.by)
    looks: dict[str, Any] = {
        "group": press_column(head, _enter, width=220, pinned=True, alignment="left"),
        COUNT: number_column(_head(state), 0, width=76),
    }  # fmt: skip
    for column in metrics:
        digits = digits_of(known.kinds.of(metric_part(column.partition(".")[2])[0]).format)
        cells[column] = frame[column]
        cells[f"{column}.std"] = frame[f"{column}.std"]
        cells[f"{column}.range"] = _ranges(frame, column, digits)
        head = known.head(column, state)
        looks[column] = number_column(f"{head}, mean", digits, width=max(120, 70 + 8 * len(head)))
        looks[f"{column}.std"] = number_column("± deviation", digits, width=104)
        looks[f"{column}.range"] = text_column("95 % interval", width=150)
    return pd.DataFrame(cells), looks


def _head(state: State) -> str:
    return f"Runs {UP if state.rising else DOWN}" if state.sort == COUNT else "Runs"


def _ranges(frame: pd.DataFrame, column: str, digits: int) -> list[str]:
    pairs = zip(frame[f"{column}.low"], frame[f"{column}.high"], frame[f"{column}.n"], strict=True)
    return [
        DASH if missing(low) else f"{low:.{digits}f} to {high:.{digits}f} (n {int(n)})"
        for low, high, n in pairs
    ]


def _enter(key: str) -> None:
    change(within=tuple(json.dumps(value) for value in json.loads(key)))


def _plain(value: Any) -> Any:
    """A value as JSON has it, whatever number type the frame holds it in."""
    if missing(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _words(by: str, value: Any) -> str:
    if value is None:
        return f"no {by.partition('.')[2] or by}"
    return title(value) if by in ("trainer", "status") else str(value)
