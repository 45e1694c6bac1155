"""Error boundary of screens: known errors show their message, others get an id in the log."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, Unavailable
from pilothouse.kit.io_errors import to_unavailable
from pilothouse_app.components.links import HOME, PageAddress, link, screen
from pilothouse_app.components.markdown import literal

log = logging.getLogger(__name__)


@contextmanager
def error_boundary(back: tuple[str, PageAddress] | None = None) -> Iterator[None]:
    """Show an error of a screen as a box; the page around it stays.

    `back` is the list that the screen's objects are in: an address of nothing leads there.
    """
    try:
        yield
    except PilothouseError as refusal:
        error_box(refusal)
        if back:
            with st.container(horizontal=True):
                link(back[1], back[0], icon=":material/arrow_back:")
                link(screen(HOME), "Home", icon=":material/space_dashboard:")
    except Exception as error:
        # Streamlit's own stop and rerun are BaseExceptions and pass through.
        show_unexpected(error)


def error_box(error: PilothouseError) -> None:
    """Show an error: its message, the invalid fields, and the hint."""
    # As it is: a message can begin with a name, and a name has the letters that it has.
    lines = [literal(error.message)]
    if isinstance(error, Invalid):
        parts = error.fields.items()
        lines += [f"- **{literal(part)}**: {literal(message)}" for part, message in parts]
    if error.hint:
        lines.append(f"\n{_with_code(error.hint)}")
    st.error("\n".join(lines), title=_title(error), icon=":material/error:")


def _with_code(hint: str) -> str:
    """A hint as it is written, with its commands between backticks as code."""
    parts = hint.split("`")
    if len(parts) % 2 == 0:
        return literal(hint)
    return "".join(
        f"`{part}`" if number % 2 else literal(part) for number, part in enumerate(parts)
    )


def show_unexpected(error: Exception) -> bool:
    """Log an unexpected error under an id and show the id; True tells Streamlit that it was shown.

    What the disk or the database refused is said in words.
    """
    number = uuid.uuid4().hex[:8]
    log.error("screen fault %s", number, exc_info=error)
    if expected := to_unavailable(error):
        error_box(expected)
        return True
    st.error(
        f"This part of the page failed. The log has the details under **{number}**.",
        title="Something went wrong",
        icon=":material/error:",
    )
    return True


def _title(error: PilothouseError) -> str:
    if isinstance(error, NotFound):
        return "Not found"
    if isinstance(error, Invalid):
        return "Invalid input"
    return "Not available now" if isinstance(error, Unavailable) else "Not possible"
