"""The screens. Every module here with `SCREEN` and `render()` is one; adding a file adds a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import cast

import streamlit as st

from pilothouse.kit.plugins import Plugins
from pilothouse_app.components.links import PageAddress
from pilothouse_app.components.links import screen as address_of
from pilothouse_app.components.screen import SECTIONS, Screen, ScreenModule


class Screens(Plugins[ScreenModule]):
    """The modules of a package that have `SCREEN` and `render()`, and those of entry points."""

    def _imported(self, name: str, module: ModuleType) -> None:
        if hasattr(module, "SCREEN"):
            # A module that Streamlit has loaded again takes the place of the one before.
            self._registered[name] = cast(ScreenModule, module)


screens = Screens(__name__, "screen")


@cache
def all_screens() -> tuple[tuple[Screen, Callable[[], None]], ...]:
    """Every screen with the function that draws it, in the order of the menu."""
    pairs = [(module.SCREEN, module.render) for _, module in screens.items()]
    return tuple(sorted(pairs, key=lambda pair: (pair[0].order, pair[0].title)))


def parent_list(path: str) -> tuple[str, PageAddress] | None:
    """The title and the address of the list that a detail page belongs to; None for the others."""
    by_path = {screen.path: screen for screen, _ in all_screens()}
    parent = by_path[path].parent if path in by_path else ""
    return (by_path[parent].title, address_of(parent)) if parent else None


def pages() -> dict[str, list[st.Page]]:
    """The menu by section; detail pages are hidden entries of the first."""
    menu: dict[str, list[st.Page]] = {section: [] for section in SECTIONS}
    for screen, render in all_screens():
        menu[screen.section or ""].append(_page(screen, render))
    return {section: entries for section, entries in menu.items() if entries}


def _page(screen: Screen, render: Callable[[], None]) -> st.Page:
    return st.Page(
        render,
        title=screen.title,
        icon=screen.icon,
        url_path=screen.path,
        default=screen.path == "",
        visibility="hidden" if screen.hidden else "visible",
        help=screen.summary,
    )
