"""The foot of the run table: which rows these are, how many to a page, and the pages."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.formats import count, plural
from pilothouse_app.components.table import ticked, untick
from pilothouse_app.features.experiments.state import (
    SIZES,
    State,
    on_widget_change,
    sync_widget,
    update_state,
)

TABLE = "runs"


def table_footer(state: State, total: int, noun: str) -> int:
    """Draw the range of rows, the page size and the pager; return the current page."""
    pages = max(1, -(-total // state.size))
    page = min(state.page, pages)
    first = (page - 1) * state.size + 1

    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key="runs_foot",
    ):
        last = min(total, first + state.size - 1)
        which = f"{count(first)} to {count(last)} of {plural(total, noun)}"
        which = which if pages > 1 else plural(total, noun)
        _summary(which)
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            if total > SIZES[0]:
                st.selectbox(
                    "Rows per page",
                    SIZES,
                    format_func=lambda size: f"{size} rows",
                    key=sync_widget("runs_size", state.size),
                    on_change=on_widget_change,
                    args=("runs_size", "size"),
                    label_visibility="collapsed",
                    width=110,
                )
            if pages > 1:
                key = f"runs_page_{page}"  # whose value is the page until somebody chooses another
                st.pagination(pages, default=page, key=key, on_change=_on_page, args=(key,))

    return page


def _summary(which: str) -> None:
    chosen = ticked(TABLE)
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        also = f" · {count(len(chosen))} ticked" if chosen else ""
        st.markdown(f":small[:gray[{which}{also}]]", width="content")
        if chosen:
            st.button(
                "Untick all", type="tertiary", on_click=untick, args=(TABLE,), key="runs_clear"
            )


def _on_page(key: str) -> None:
    update_state(page=int(st.session_state[key]))
