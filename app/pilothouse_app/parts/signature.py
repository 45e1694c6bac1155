"""A signature on a page: a row for each input, and a form built from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse_app.parts.changes import value_text
from pilothouse_app.parts.formats import DASH, missing, number, title

if TYPE_CHECKING:
    from pilothouse.experiments.signature import Field, Signature

SHOWN = 4
COLUMNS = 3


def signature_frame(signature: Signature, example: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each input: name, type, what training saw in it, an example."""
    first = example[0] if example else {}
    rows = [
        {
            "id": field.name,
            "name": field.name,
            "type": field.type if field.required else f"{field.type} or missing",
            "values": seen(field),
            "example": DASH if missing(first.get(field.name)) else value_text(first[field.name]),
        }
        for field in signature.inputs
    ]
    return pd.DataFrame(rows, columns=["id", "name", "type", "values", "example"])


def seen(field: Field) -> str:
    """What training saw in a column: its range, or its first categories."""
    if field.categories:
        more = len(field.categories) - SHOWN
        words = ", ".join(field.categories[:SHOWN])
        return f"{words} and {more} more" if more > 0 else words
    if field.low is None or field.high is None:
        return ""
    digits = 0 if field.type == "integer" else 2
    return f"{number(field.low, digits)} to {number(field.high, digits)}"


def record_form(signature: Signature, example: Mapping[str, Any], *, key: str) -> dict[str, Any]:
    """Draw a widget for each input, filled with the example; the record as it stands."""
    record: dict[str, Any] = {}
    with st.grid(COLUMNS, gap="small"):
        for field in signature.inputs:
            record[field.name] = _widget(field, example.get(field.name), f"{key}_{field.name}")
    return record


def _widget(field: Field, value: Any, key: str) -> Any:
    label, hint = title(field.name), seen(field) or None
    if field.type == "boolean":
        return st.toggle(label, value=bool(value), key=key)
    if field.categories:
        return _choice(field, value, label, key)
    if field.type == "integer":
        whole = None if missing(value) else int(value)
        return st.number_input(label, value=whole, step=1, key=key, help=hint)
    if field.type == "number":
        start = None if missing(value) else float(value)
        return st.number_input(label, value=start, format="%.6g", key=key, help=hint)
    typed = st.text_input(label, value=_text(value), key=key, help=hint)
    return typed or None


def _choice(field: Field, value: Any, label: str, key: str) -> Any:
    known = list(field.categories or ())
    place = known.index(str(value)) if str(value) in known else None
    return st.selectbox(label, known, index=place, accept_new_options=True, key=key)


def _text(value: Any) -> str:
    if missing(value):
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)
