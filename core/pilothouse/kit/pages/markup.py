"""HTML and SVG that are written safely: whatever is not markup already is escaped."""

from __future__ import annotations

from html import escape

# Control characters are no text of a page; the replacement character shows where one was.
_CONTROL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160)], "\ufffd")
VOID = ("br", "meta")


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: str | float | None) -> Html:
    """An element with its content and attributes, all escaped but for `Html`.

    `class_` is the attribute class, `stroke_width` stroke-width; one that is None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(*content)}</{name}>")


def join(*parts: str) -> Html:
    """The parts one after the other, as markup."""
    return Html("".join(part if isinstance(part, Html) else _escaped(part) for part in parts))


def clip(text: str, most: int) -> str:
    """A text of at most so many characters, with an ellipsis where it was longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def decimal(value: float) -> str:
    """A coordinate with one digit after the point: smaller steps cannot be seen."""
    return f"{value:.1f}".removesuffix(".0")


def _attribute(value: str | float) -> str:
    return _escaped(value) if isinstance(value, str) else decimal(value)


def _escaped(text: str) -> str:
    return escape(text.translate(_CONTROL))
