"""The foot of the run table: which rows these are, how many to a page, and the pages."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.formats import count, plural
from pilothouse_app.components.table import ticked, untick
from pilothouse_app.features.experiments.state import SIZES, State, change, chosen, sync_widget

TABLE = "runs"


def table_footer(state: State, found: int, noun: str) -> int:
    """Which rows these are, how many to a page, and the pages; the page that is shown."""
    pages = max(1, -(-found // state.size))
    page = min(state.page, pages)
    first = (page - 1) * state.size + 1
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key="runs_foot",
    ):
        last = min(found, first + state.size - 1)
        which = f"{count(first)} to {count(last)} of {plural(found, noun)}"
        which = which if pages > 1 else plural(found, noun)
        _told(which)
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            if found > SIZES[0]:
                st.selectbox(
                    "Rows to a page",
                    SIZES,
                    format_func=lambda size: f"{size} rows",
                    key=sync_widget("runs_size", state.size),
                    on_change=chosen,
                    args=("runs_size", "size"),
                    label_visibility="collapsed",
                    width=110,
                )
            if pages > 1:
                key = f"runs_page_{page}"  # whose value is the page until somebody chooses another
                st.pagination(pages, default=page, key=key, on_change=_paged, args=(key,))
    return page


def _told(which: str) -> None:
    chosen = ticked(TABLE)
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        also = f" · {count(len(chosen))} ticked" if chosen else ""
        st.markdown(f":small[:gray[{which}{also}]]", width="content")
        if chosen:
            st.button(
                "Untick all", type="tertiary", on_click=untick, args=(TABLE,), key="runs_clear"
            )


def _paged(key: str) -> None:
    change(page=int(st.session_state[key]))
