"""Empty states: why a page shows nothing, and the next step."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pilothouse_app.components.links import PageAddress, link
from pilothouse_app.components.markdown import literal


def empty(
    title: str,
    text: str,
    *,
    icon: str = ":material/inbox:",
    action: tuple[str, Callable[[], None]] | None = None,
    to: tuple[str, PageAddress] | None = None,
    key: str = "empty",
    border: bool = True,
) -> None:
    """An empty state. `action` is a button (label, what it does), `to` a link (label, address)."""
    with st.container(border=border, horizontal_alignment="center", key=f"{key}_box"):
        st.space("small")
        st.markdown(f"### :gray[{icon}]", text_alignment="center", anchors=False)
        st.markdown(f"**{literal(title)}**  \n:gray[{text}]", text_alignment="center")
        if action and st.button(action[0], type="primary", key=f"{key}_action"):
            action[1]()
        if to:
            link(to[1], to[0], icon=":material/arrow_forward:")
        st.space("small")


def nothing_found(what: str, *, more: str = "", key: str = "nothing") -> None:
    """The empty state of a filter without matches; `more` names another possible reason."""
    empty(
        f"No {what} match",
        f"{more} Clear the search or a filter to see more.".strip(),
        icon=":material/filter_alt_off:",
        key=key,
    )
