"""How values look in a notebook: a heading, facts and small tables as plain HTML.

It has no styles of its own, so that light and dark notebooks draw it like their tables. Every text
is escaped: names and notes come from programs and files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

MAX_ROWS = 12
MAX_TEXT = 200


def card(heading: str, facts: Mapping[str, Any], *tables: str) -> str:
    """A heading with facts below it; those that are empty are left out."""
    rows = "".join(
        f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"
        for name, value in facts.items()
        if value not in (None, "", (), {})
    )
    body = f"<table>{rows}</table>" if rows else ""
    return f"<div><p><strong>{_text(heading)}</strong></p>{body}{''.join(tables)}</div>"


def small_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of at most a dozen rows, and how many there are besides."""
    listed = list(rows)
    if not listed:
        return ""
    left = max(0, len(listed) - MAX_ROWS)
    head = "".join(f"<th>{_text(name)}</th>" for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_text(value)}</td>' for value in row)}</tr>"
        for row in listed[:MAX_ROWS]
    )
    rest = f"<p>and {left:,} more</p>" if left else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        value = f"{value:%Y-%m-%d %H:%M} UTC"
    elif isinstance(value, float):
        value = f"{value:,.4g}"
    elif isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:,}"
    text = str(value)
    return escape(text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…")
