"""Signatures: a row for each input, and warnings about a value for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from pilothouse.kit.clock import from_ms
from pilothouse_app.components.diff import value_text
from pilothouse_app.components.formats import DASH, day, is_missing, number, when

if TYPE_CHECKING:
    from pilothouse.models.signature import Signature, SignatureField

MAX_CATEGORIES = 4


def signature_frame(signature: Signature, example: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each input: name, type, what training saw in it, an example."""
    first = example[0] if example else {}
    rows = [
        {
            "id": field.name,
            "name": field.name,
            "type": field.type if field.required else f"{field.type} or missing",
            "values": training_values(field),
            "example": _example(field, first.get(field.name)),
        }
        for field in signature.inputs
    ]
    return pd.DataFrame(rows, columns=["id", "name", "type", "values", "example"])


def training_values(field: SignatureField) -> str:
    """What training saw in a column: its range, or its first categories."""
    if field.categories:
        more = len(field.categories) - MAX_CATEGORIES
        first = ", ".join(field.categories[:MAX_CATEGORIES])
        return f"{first} and {more} more" if more > 0 else first
    if field.low is None or field.high is None:
        return ""
    if field.type == "time":
        return f"{day(from_ms(int(field.low)))} to {day(from_ms(int(field.high)))}"
    digits = 0 if field.type == "integer" else 2
    return f"{number(field.low, digits)} to {number(field.high, digits)}"


def _example(field: SignatureField, value: Any) -> str:
    if is_missing(value):
        return DASH
    is_ms = field.type == "time" and isinstance(value, int | float)
    return when(from_ms(int(value))) if is_ms else value_text(value)


def value_warning(field: SignatureField, value: Any) -> str:
    """The warning about a value before it is sent: required, or outside of the training data."""
    if is_missing(value) or value == "":
        if not field.takes_missing:
            return "required"
        return "never missing in training" if field.required else ""
    if field.categories and str(value) not in field.categories:
        return "not seen in training"
    if field.low is None or field.high is None or isinstance(value, str | bool):
        return ""
    inside = field.low <= value <= field.high
    return "" if inside else f"outside {training_values(field)}, the range of the training data"
