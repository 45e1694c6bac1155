"""The filter of the run table as text, and what is wrong with it in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import Invalid
from pilothouse_app.components.formats import sentence
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.state import State, on_widget_change, sync_widget

if TYPE_CHECKING:
    from pilothouse.experiments.run_table.filters import RunFilter

EXAMPLE = "metrics.accuracy > 0.8 and params.kind = 'tree'"


def filter_box(state: State) -> None:
    """The text of the filter."""
    st.text_input(
        "Filter",
        key=sync_widget("runs_filter", state.filter),
        placeholder=f"Filter, such as  {EXAMPLE}",
        icon=":material/filter_alt:",
        label_visibility="collapsed",
        width="stretch",
        on_change=on_widget_change,
        args=("runs_filter", "filter", lambda typed: (typed or "").strip()),
    )


def filter_error(error: Invalid | None) -> None:
    """What is wrong with the filter, under it: the column and the words that would be right."""
    if error is None:
        return
    message = error.fields.get("filter") or error.message
    with st.container(key="runs_wrong"):
        text = literal(sentence(message))
        st.markdown(f":red[:material/error: {text}.] :gray[{literal(error.hint)}]")


def count_or_error(run_filter: RunFilter) -> tuple[int, Invalid | None]:
    """How many runs match, or the error of an invalid filter."""
    try:
        return cached_count(run_filter), None
    except Invalid as wrong:
        return 0, wrong


def cached_count(run_filter: RunFilter) -> int:
    """How many runs match a filter."""
    return cached(f"count {run_filter!r}", lambda: workspace().experiments.count(run_filter))
