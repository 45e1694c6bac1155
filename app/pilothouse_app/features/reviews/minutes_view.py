"""The minutes of a review on a page, and as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.reviews.minutes import OPEN
from pilothouse_app.components.header import section
from pilothouse_app.components.links import ICONS, address, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.reviews import ItemMinutes, Minutes
    from pilothouse.reviews.minutes import Remark


def download_buttons(review: str) -> None:
    """The minutes as a page and as Markdown; both are made when they are asked for."""
    reviews = workspace().reviews
    st.download_button(
        "HTML",
        lambda: reviews.minutes_html(review),
        file_name="minutes.html",
        mime="text/html",
        icon=":material/download:",
        help="One file that needs nothing else; a browser prints it as PDF",
        key="minutes_html",
    )
    st.download_button(
        "Markdown",
        lambda: reviews.minutes_markdown(review),
        file_name="minutes.md",
        mime="text/markdown",
        icon=":material/download:",
        key="minutes_markdown",
    )


def minutes_view(minutes: Minutes) -> None:
    """Every item with what became of it."""
    changes_since(minutes)
    for number, point in enumerate(minutes.points, 1):
        with st.container(border=True, key=f"point_{number}"):
            _point(number, point)


def changes_since(minutes: Minutes) -> None:
    """What changed between the review before and this one, in one line."""
    if minutes.changes:
        counts = " · ".join(f"{literal(what)} {count}" for what, count in minutes.changes)
        section("Since the last review", counts)


def remarks(lines: tuple[Remark, ...]) -> None:
    """What was done and said, a line each."""
    for line in lines:
        text = f": {literal(line.text)}" if line.text else ""
        st.markdown(f":gray[{line.at:%H:%M}] **{literal(line.by)}** {line.verb}{text}")


def outcome_text(point: ItemMinutes, nothing: str = OPEN) -> str:
    """The last decision and who took it; or that there was none."""
    if point.outcome == OPEN:
        return f":gray[{nothing}]"
    last = point.decisions[-1]
    return f":green[**{last.verb}**] by {literal(last.by)}"


def _point(number: int, point: ItemMinutes) -> None:
    item = point.item
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        link(address(item.kind, item.ref), f"{number}. {item.title}", icon=ICONS.get(item.kind))
        st.markdown(outcome_text(point), width="content")
    st.markdown(f":gray[{literal(item.message)}]")
    remarks((*point.decisions, *point.notes))
