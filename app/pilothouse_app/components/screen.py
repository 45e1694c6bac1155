"""The declaration of a screen: a file in `screens/` with `SCREEN` and `render()` is a screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SECTIONS = ("", "Explore", "Operate", "Govern")


@dataclass(frozen=True)
class Screen:
    """A page of the app; one without a section is a detail page, reached by its address."""

    title: str
    path: str
    icon: str
    summary: str
    section: str | None = None
    order: int = 100
    parent: str = ""  # the page with the list that a detail page came from

    @property
    def hidden(self) -> bool:
        """Whether the page is left out of the menu."""
        return self.section is None


class ScreenModule(Protocol):
    """A module that is a screen."""

    SCREEN: Screen

    def render(self) -> None:
        """Draw the page for the address of the visitor; a module's function takes nothing."""
        ...
