"""The screens. Every module here with `SCREEN` and `render()` is one; adding a file adds a page."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module

import streamlit as st

from pilothouse_app.components.links import PageAddress
from pilothouse_app.components.links import screen as address_of
from pilothouse_app.components.screen import SECTIONS, Screen


@cache
def all_screens() -> tuple[tuple[Screen, Callable[[], None]], ...]:
    """Every screen with the function that draws it, in the order of the menu."""
    modules = [import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    screens = [(module.SCREEN, module.render) for module in modules if hasattr(module, "SCREEN")]
    return tuple(sorted(screens, key=lambda pair: (pair[0].order, pair[0].title)))


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
