"""The only CSS of the app, in one place, since its test ids may change: filling the window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

RULE = (
    "[data-testid=stLayoutWrapper]:has(> .st-key-{key}){{height:{height}!important;"
    "flex:0 0 {height}!important}}"
    ".st-key-{key}{{height:100%!important}}"
)


STEADY = ".st-key-page_header{min-height:2.75rem}"
# One colour cannot be a readable ground for white and readable text on dark: the chosen part of a
# control takes the colour of links.
CHOSEN = "[data-testid=stButtonGroup] button[data-selected=true] p"


def steady(dark: bool) -> None:
    """Keep the header row equally tall with and without a button; the shell calls it."""
    chosen = f"{CHOSEN}{{color:#7FB0FF}}" if dark else ""
    st.html(f"<style>{STEADY}{chosen}</style>")


@contextmanager
def fill(
    key: str, *, reserve: float = 12, least: int = 260, most: int | None = None
) -> Iterator[None]:
    """A block as tall as the window less `reserve` rem for what stands above and below it.

    Inside, give the one element that grows `height="stretch"`. About 8 rem for a header alone,
    12 with filters, 15 with filters and a pager. It is never taller than `most` pixels.
    """
    height = f"max(calc(100vh - {reserve}rem),{least}px)"
    if most is not None:
        height = f"min({most}px,{height})"
    st.html(f"<style>{RULE.format(key=f'fill_{key}', height=height)}</style>")
    with st.container(key=f"fill_{key}", height=500, border=False):
        yield
