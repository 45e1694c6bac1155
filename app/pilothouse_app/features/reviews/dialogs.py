"""Dialogs of a review: who is there when it starts, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import day, plural
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.person import signature
from pilothouse_app.components.workspace import chosen_name, workspace

if TYPE_CHECKING:
    from pilothouse.reviews import Minutes


@st.dialog("Start a review", width="medium", icon=":material/groups:")
def start_dialog(waiting: int) -> None:
    """Title and people; the agenda is what waits now."""
    st.markdown(
        f"Its agenda is {plural(waiting, 'item')} that "
        f"{'waits' if waiting == 1 else 'wait'} for a person now. What is decided while it is "
        "open goes into its minutes."
    )
    ws = workspace()
    title = st.text_input(
        "Title", value=f"Review of {day(ws.store.now())}", max_chars=120, key="review_title"
    )
    others = [person.name for person in ws.people.people() if person.name != chosen_name()]
    people = st.multiselect("Who else is there", others, key="review_people") if others else []
    nameless, sign = signature("review")
    missing = nameless or ("" if title.strip() else "Give a title first")
    if dialog_buttons("Start", "review_start", missing=missing):
        sign()
        started: list[str] = []
        if run_or_show_error(lambda: started.append(workspace().reviews.start(title, people).id)):
            go(address("review", started[0]))


def end_review(minutes: Minutes) -> None:
    """Ask before a review is ended."""
    left = len(minutes.points) - minutes.decided
    confirm(
        "End this review",
        f"{plural(minutes.decided, 'item')} decided, {left} left open. The minutes of "
        f"**{literal(minutes.review.title)}** are written and can no longer be added to.",
        verb="End the review",
        command=lambda _: workspace().reviews.end(minutes.review.id),
        done="The review has ended; these are its minutes",
        icon=":material/flag:",
        needs_reason=False,
    )
