"""What every screen of the app promises, as far as it shows without drawing it."""

from __future__ import annotations

import inspect
import re
from typing import Any, Protocol


class ScreenLike(Protocol):
    """A module with `SCREEN` and `render()`; the app's own types are not known here."""

    SCREEN: Any

    def render(self) -> None:
        """Draw the page."""
        ...


def check_screen(name: str, module: ScreenLike) -> None:
    """Raise AssertionError, with what is wrong, unless the module can be a page of the app."""
    screen = module.SCREEN
    assert screen.title.strip() == screen.title != "", f"{name} needs a title"
    assert screen.summary.strip() == screen.summary != "", f"{name} needs a summary"
    assert "\n" not in screen.title + screen.summary, f"{name} must describe itself on one line"
    assert re.fullmatch(r"[a-z0-9-]*", screen.path), f"{name}: {screen.path!r} is not a path"
    assert screen.icon.startswith(":material/"), f"{name}: {screen.icon!r} is not a Material icon"
    assert screen.hidden or not screen.parent, f"{name} is in the menu and needs no parent"

    assert inspect.isfunction(module.render), f"{name} needs a function render()"
    assert not inspect.signature(module.render).parameters, f"{name}: render() takes nothing"
