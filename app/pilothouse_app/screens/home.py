"""Home: what is in production, how it does, what needs a person, what runs."""

from __future__ import annotations

from pilothouse_app.parts.empty import empty
from pilothouse_app.parts.header import header
from pilothouse_app.parts.screen import Screen
from pilothouse_app.parts.workspace import workspace

SCREEN = Screen(
    title="Home",
    path="",
    icon=":material/space_dashboard:",
    summary="What is in production, how it does, and what waits for a decision.",
    section="",
    order=0,
)


def render() -> None:
    """Draw the page."""
    ws = workspace()
    with header("Home", note=ws.folder.name):
        pass
    empty("Nothing here yet", "Start the demo to see a model's whole life.")
