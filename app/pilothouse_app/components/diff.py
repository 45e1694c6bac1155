"""Stored values as text, and the changes of a command: before and after side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd
import streamlit as st

from pilothouse_app.components.formats import DASH, count, number, title
from pilothouse_app.components.markdown import literal

_KEYS = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")
_DIGEST = re.compile(r"\b[0-9a-f]{32,}\b")  # one long word: it would widen its cell past the page


class Titled(Protocol):
    """Something with a title, such as a kind of metric."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...


def readable(text: str, named: Mapping[str, Titled]) -> str:
    """A stored message with the keys of `named` (`log_loss`) replaced by their titles.

    Other words with an underscore are names that people gave, and stay as they are.
    """
    return _KEYS.sub(lambda match: named[match[0]].title if match[0] in named else match[0], text)


def value_text(value: object) -> str:
    """A stored value as short text: small objects in one line, digests cut, nothing as a dash."""
    if value is None or value in ("", {}, []):
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return number(value, 4).rstrip("0").rstrip(".")
    if isinstance(value, dict) and not any(isinstance(item, dict) for item in value.values()):
        return ", ".join(f"{name} {value_text(item)}" for name, item in value.items())
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ", ".join(str(item) for item in value)

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return _DIGEST.sub(lambda match: f"{match[0][:12]}…", text)


def changes_table(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
    """Draw each field that a command wrote; only the new value when there was none before."""
    rows = changed_fields(before, after)
    if rows.empty:
        st.markdown(":gray[This command changed no stored values.]")
        return
    table = rows if before else rows.drop(columns="Before").rename(columns={"After": "Value"})
    st.table(table.map(literal), border="horizontal", hide_index=True, alt="Changed values")


def changed_fields(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> pd.DataFrame:
    """A row for each field whose value differs: Field, Before, After, as text."""
    old, new = before or {}, after or {}
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    rows = [(title(name), value_text(old.get(name)), value_text(new.get(name))) for name in names]
    return pd.DataFrame(rows, columns=["Field", "Before", "After"])


def pairs_table(values: Mapping[str, Any], *, alt: str) -> None:
    """Draw a few named values as a quiet two-column table."""
    rows = [(title(name), value_text(value)) for name, value in values.items()]
    frame = pd.DataFrame(rows, columns=["Field", "Value"]).map(literal)
    st.table(frame, border="horizontal", hide_index=True, hide_header=True, alt=alt)
