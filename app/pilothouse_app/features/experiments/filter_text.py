"""The filter of the run table as text, and what is wrong with it in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import Invalid
from pilothouse_app.components.diff import literal
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.state import State, chosen, sync_widget

if TYPE_CHECKING:
    from pilothouse.experiments.run_table.filters import RunFilter

EXAMPLE = "metrics.roc_auc > 0.8 and params.kind = 'tree'"


def filter_box(state: State) -> None:
    """The text of the filter."""
    st.text_input(
        "Filter",
        key=sync_widget("runs_filter", state.filter),
        placeholder=f"Filter, such as  {EXAMPLE}",
        icon=":material/filter_alt:",
        label_visibility="collapsed",
        width="stretch",
        on_change=chosen,
        args=("runs_filter", "filter", lambda typed: (typed or "").strip()),
    )


def filter_error(wrong: Invalid | None) -> None:
    """What is wrong with the filter, under it: the column and the words that would be right."""
    if wrong is None:
        return
    words = wrong.fields.get("filter") or wrong.message
    with st.container(key="runs_wrong"):
        told = literal(words[:1].upper() + words[1:])
        st.markdown(f":red[:material/error: {told}.] :gray[{literal(wrong.hint)}]")


def counted(meant: RunFilter) -> tuple[int, Invalid | None]:
    """How many runs are found, or why the filter means nothing."""
    try:
        return count_of(meant), None
    except Invalid as wrong:
        return 0, wrong


def count_of(meant: RunFilter) -> int:
    """How many runs a filter means."""
    return cached(f"count {meant!r}", lambda: workspace().experiments.count(meant))
