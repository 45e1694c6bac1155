"""The filter of the run table as text, its error in place, and the builder that writes the text."""

from __future__ import annotations

import streamlit as st

from pilothouse.experiments import query
from pilothouse.kit.errors import Invalid
from pilothouse_app.parts.run_columns import Catalog
from pilothouse_app.parts.run_state import State, chosen, held
from pilothouse_app.parts.workspace import workspace

EXAMPLE = "metrics.roc_auc > 0.8 and params.kind = 'tree'"


def filter_box(state: State, known: Catalog) -> None:
    """The text of the filter, and the button that opens the builder."""
    st.text_input(
        "Filter",
        key=held("runs_filter", state.filter),
        placeholder=f"Filter, such as  {EXAMPLE}",
        icon=":material/filter_alt:",
        label_visibility="collapsed",
        width="stretch",
        on_change=chosen,
        args=("runs_filter", "filter", lambda typed: (typed or "").strip()),
    )


def filter_error(state: State) -> None:
    """What is wrong with the filter, under it: the column and the words that would be right."""
    wrong = wrong_filter(state)
    if wrong is None:
        return
    words = wrong.fields.get("filter") or wrong.message
    st.markdown(
        f":red[:material/error: {words[:1].upper() + words[1:]}] {wrong.hint}", key="runs_wrong"
    )


def wrong_filter(state: State) -> Invalid | None:
    """Why the filter means nothing, when it does not."""
    if not state.filter:
        return None
    try:
        query.parse(state.filter)
        workspace().experiments.ids(state.meant, most=1)
    except Invalid as wrong:
        return wrong
    return None
