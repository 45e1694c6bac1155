"""Live parts: one flat polling fragment a page, slow when idle, quick while something runs."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.charting import dark
from pilothouse_app.components.links import follow_pending
from pilothouse_app.components.toasts import toast_next, toasts_wait


def live(
    body: Callable[[], object],
    *,
    key: str,
    busy: bool,
    state: object = None,
    idle_seconds: float | None = None,
) -> None:
    """Draw `body` and redraw it alone: every second while busy, else every `idle_seconds`.

    `body` returns the state that the rest of the page was drawn for: whether something runs now, or
    what `state` says. When that changes, or the visitor's appearance does, the whole page runs
    once, so that the rest of it follows. No widget whose value matters may
    stand inside; a table whose rows open objects may.
    """
    appearance, drawn_for = dark(), busy if state is None else state

    @st.fragment(run_every=1.5 if busy else idle_seconds, key=key)
    def part() -> None:
        follow_pending()
        if body() != drawn_for or dark() != appearance or toasts_wait():
            st.rerun()

    part()


def refresh_when_changed(
    read: Callable[[], object], *, key: str, message: str = "", seconds: float = 3.0
) -> None:
    """Run the page again when what it was drawn for changes elsewhere, in a tab or a program.

    `read` asks for little, such as the status of one object; nothing is drawn while it stays so.
    `message` then says what happened, since a dialog that was open is closed by it.
    """
    drawn_for = read()

    def changed() -> object:
        try:
            current = read()
        except PilothouseError:  # it is gone, or cannot be read: the page says so when it runs
            return None
        if message and current != drawn_for:
            toast_next(message, icon=":material/sync:")
        return current

    live(changed, key=key, busy=False, state=drawn_for, idle_seconds=seconds)
