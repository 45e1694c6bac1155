"""A row that is changed by hand: a slider for a number, a choice for a category.

A value that was not seen in training, or in the rows that are known, is marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse_app.components.formats import is_missing, number, title
from pilothouse_app.components.optional_number import optional_number

if TYPE_CHECKING:
    from pilothouse.explanations.input_ranges import InputRange
    from pilothouse.models.signature import SignatureField

COLUMNS = 2
STEPS = 100  # of a slider, from one end to the other
BEYOND = 0.5  # of the range, on either side
NUMBERS = ("number", "integer")


def record_sliders(
    fields: tuple[SignatureField, ...],
    ranges: Mapping[str, InputRange],
    own: Mapping[str, Any],
    *,
    beyond: bool,
    key: str,
) -> dict[str, Any]:
    """Draw an input for each field; the record as it is set now.

    `own` is the row as it was; with `beyond`, sliders reach outside of the range too.
    """
    record: dict[str, Any] = {}
    with st.grid(COLUMNS, gap="small"):
        for field in fields:
            with st.container(gap="xxsmall"):
                value = _input(field, ranges[field.name], own.get(field.name), beyond, key)
                record[field.name] = value
                _mark(field, ranges[field.name], value, own.get(field.name))
    return record


def set_values(values: Mapping[str, Any], *, key: str) -> None:
    """Set inputs to values, such as those of a counterfactual; as a callback."""
    for name, value in values.items():
        st.session_state[f"{key}_{name}"] = value


def _input(field: SignatureField, limits: InputRange, own: Any, beyond: bool, key: str) -> Any:
    label, widget = title(field.name), f"{key}_{field.name}"
    if field.type == "boolean":
        off, on = field.boolean_words or ("No", "Yes")
        labels = {False: off, True: on}
        return st.selectbox(
            label, [False, True], key=widget, format_func=labels.__getitem__,
            index=None if is_missing(own) else int(bool(own)), placeholder="Missing",
        )  # fmt: skip
    if field.type in NUMBERS and limits.low is not None and not is_missing(own):
        return _slider(field, limits, own, beyond, widget)
    if field.type in NUMBERS:
        step: Any = 1 if field.type == "integer" else None
        return optional_number(
            label, None if is_missing(own) else own, step=step, key=widget, placeholder="Missing"
        )
    if limits.values:
        options = list(dict.fromkeys([*limits.values, *([] if is_missing(own) else [own])]))
        return st.selectbox(
            label, options, key=widget, accept_new_options=True, placeholder="Missing",
            index=None if is_missing(own) else options.index(own),
        )  # fmt: skip
    if field.type == "time":
        st.text_input(label, str(own), key=widget, disabled=True, help="Milliseconds since 1970")
        return own
    text = st.text_input(label, own or "", key=widget, placeholder="Missing")
    return text or None


def _slider(field: SignatureField, limits: InputRange, own: Any, beyond: bool, widget: str) -> Any:
    whole = field.type == "integer"
    low, high = float(limits.low or 0.0), float(limits.high or 0.0)
    current = float(st.session_state.get(widget, own))
    if beyond:
        reach = (high - low) * BEYOND or 1.0
        low, high = low - reach, high + reach
    low, high = min(low, current, float(own)), max(high, current, float(own))
    if low == high:
        high = low + 1.0
    if widget in st.session_state:
        st.session_state[widget] = int(current) if whole else current
    options: dict[str, Any] = {} if widget in st.session_state else {
        "value": int(own) if whole else float(own)
    }  # fmt: skip
    if whole:
        return st.slider(title(field.name), int(low), int(high), step=1, key=widget, **options)
    return st.slider(
        title(field.name), low, high, step=(high - low) / STEPS, key=widget,
        format="%.4g", **options,
    )  # fmt: skip


def _mark(field: SignatureField, limits: InputRange, value: Any, own: Any) -> None:
    """What is unusual about a value, and what it was."""
    parts = []
    if is_missing(value) and not field.takes_missing:
        parts.append(":red[:material/warning: needed]")
    elif limits.is_outside(value):
        parts.append(f":orange[:material/warning: not seen in {_where(limits)}{_range(limits)}]")
    if value != own and not (is_missing(value) and is_missing(own)):
        parts.append(f":gray[was {_text(own)}]")
    if parts:
        st.markdown(f":small[{' '.join(parts)}]")


def _where(limits: InputRange) -> str:
    return "training" if limits.seen_in == "training" else "the rows that are known"


def _range(limits: InputRange) -> str:
    if limits.low is None or limits.high is None:
        return ""
    return f": {_text(limits.low)} to {_text(limits.high)}"


def _text(value: Any) -> str:
    if is_missing(value):
        return "missing"
    if isinstance(value, float):
        return number(value, 0) if value.is_integer() else f"{value:,.4g}"
    return str(value).replace("[", "\\[").replace("]", "\\]")
