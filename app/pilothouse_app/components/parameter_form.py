"""Form fields for the parameters of a plugin, generated from their schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter


def parameter_fields(
    parameters: Sequence[Parameter],
    values: Mapping[str, Any],
    *,
    key: str,
    columns: int = 3,
) -> dict[str, Any]:
    """Draw one field a parameter and return the values; `values` are those to begin with."""
    if not parameters:
        return {}
    cells = st.columns(columns)
    chosen = {}
    for index, parameter in enumerate(parameters):
        with cells[index % columns]:
            start = values.get(parameter.name, parameter.default)
            chosen[parameter.name] = parameter_field(
                parameter, start, key=f"{key}_{parameter.name}"
            )
    return chosen


def parameter_field(parameter: Parameter, value: Any, *, key: str, label: str = "") -> Any:
    """One field with its limits, unit and help; a value that is none of its own is left out."""
    label = label or parameter_label(parameter)
    match parameter.type:
        case "choice":
            start = value if value in parameter.choices else parameter.default
            index = parameter.choices.index(start)
            return st.selectbox(
                label, parameter.choices, index=index, key=key, help=parameter.help or None
            )
        case "integer":
            return st.number_input(
                label,
                _whole(parameter.low),
                _whole(parameter.high),
                _whole(value),
                key=key,
                help=parameter.help or None,
            )
        case "number":
            start = None if value is None else float(value)
            return st.number_input(
                label,
                _decimal(parameter.low),
                _decimal(parameter.high),
                start,
                key=key,
                help=parameter.help or None,
                format="%.4g",
            )
        case "boolean":
            return st.toggle(label, bool(value), key=key, help=parameter.help or None)
        case "text":
            return st.text_input(label, value or "", key=key, help=parameter.help or None)
        case "list" | "object":
            start = "" if value is None else json.dumps(value)
            return _json(parameter, st.text_area(label, start, key=key, help=parameter.help))


def parameter_label(parameter: Parameter) -> str:
    """The field's label with the unit in brackets."""
    return f"{parameter.label} ({parameter.unit})" if parameter.unit else parameter.label


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _decimal(value: float | None) -> float | None:
    """Streamlit refuses limits of another type than the value's."""
    return None if value is None else float(value)


def _json(parameter: Parameter, text: str) -> Any:
    """The value of a field that is written as JSON. Raises Invalid when it is not."""
    if not text.strip():
        return parameter.default
    try:
        return json.loads(text)
    except ValueError as wrong:
        raise Invalid(
            f"{parameter.name} is not valid JSON: {wrong}.",
            fields={f"params.{parameter.name}": "not valid JSON"},
        ) from wrong
