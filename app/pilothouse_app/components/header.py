"""The first row of every page: back link, title, status and the primary action."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pilothouse_app.components.links import PageAddress, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge


@contextmanager
def header(
    title: str,
    *,
    note: str = "",
    status: str = "",
    back: tuple[str, PageAddress] | None = None,
) -> Iterator[None]:
    """Title (with status) at the left; what is drawn inside the context is at the right.

    `note` is a muted word such as a count; `back` is the labelled way to the list this came from.
    """
    if back:
        link(back[1], back[0], icon=":material/arrow_back:")
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key="page_header",
    ):
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.header(literal(title), anchor=False, width="content")
            if status:
                badge(status)
            if note:
                st.markdown(f":gray[{literal(note)}]", width="content")
        with st.container(
            horizontal=True,
            horizontal_alignment="right",
            vertical_alignment="center",
            width="content",
        ):
            yield


def facts(pairs: dict[str, str]) -> None:
    """A line of short facts under the header: muted name, then value (Markdown)."""
    items = [f":gray[{name}] {value}" for name, value in pairs.items() if value]
    st.markdown(" &nbsp;·&nbsp; ".join(items))


def section(title: str, note: str = "") -> None:
    """The title of a block, with a muted word behind it."""
    st.markdown(f"**{title}**" + (f" &nbsp;:gray[{note}]" if note else ""))
