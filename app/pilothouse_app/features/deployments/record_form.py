"""A record that is filled in by hand: a widget for each input of a signature, a page at a time.

What is typed is kept apart from the widgets, since only the inputs of one page are drawn: a model
may take hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse_app.components.empty_state import nothing_found
from pilothouse_app.components.filters import filter_bar
from pilothouse_app.components.formats import is_missing, plural, title
from pilothouse_app.features.registry.signature import training_values, value_warning

if TYPE_CHECKING:
    from pilothouse.models.signature import Signature, SignatureField

COLUMNS = 3
PAGE = 24


def record_of(signature: Signature, example: Mapping[str, Any], *, key: str) -> dict[str, Any]:
    """The current record; at first the example."""
    state = f"{key}_record"
    if state not in st.session_state:
        st.session_state[state] = {
            f.name: json_value(example.get(f.name)) for f in signature.inputs
        }
    record: dict[str, Any] = st.session_state[state]
    return record


def reset_record(signature: Signature, *, key: str) -> None:
    """Begin again with the example; as a callback."""
    for name in (f"{key}_record", *(f"{key}_{field.name}" for field in signature.inputs)):
        st.session_state.pop(name, None)


def record_form(signature: Signature, record: dict[str, Any], *, key: str) -> None:
    """Draw the inputs that are searched for, a page of them; what is typed goes to the record."""
    fields = _search_fields(signature.inputs, key)
    if not fields:
        nothing_found("inputs", key=f"{key}_nothing")
        return
    area = st.container()
    first = (_page(len(fields), key) - 1) * PAGE
    with area, st.grid(COLUMNS, gap="small"):
        for field in fields[first : first + PAGE]:
            with st.container(gap="xxsmall"):
                _input(field, record, f"{key}_{field.name}")


def value_warnings(signature: Signature, record: Mapping[str, Any]) -> dict[str, str]:
    """The warnings about the values of the whole record, by input."""
    notes = {field.name: value_warning(field, record.get(field.name)) for field in signature.inputs}
    return {name: note for name, note in notes.items() if note}


def _search_fields(fields: Sequence[SignatureField], key: str) -> list[SignatureField]:
    """The fields whose name has the words; few need no search."""
    if len(fields) <= PAGE:
        return list(fields)
    with filter_bar():
        text = st.text_input(
            "Search inputs",
            key=f"{key}__search",
            placeholder="Search inputs by name",
            type="search",
            label_visibility="collapsed",
            width=260,
            live=True,
        )
        terms = (text or "").casefold().split()
        matches = [
            field
            for field in fields
            if all(term in f"{field.name} {title(field.name)}".casefold() for term in terms)
        ]
        st.markdown(f":gray[{len(matches)} of {plural(len(fields), 'input')}]", width="content")
    return matches


def _page(total: int, key: str) -> int:
    """The page of inputs to draw, from 1; what is searched for begins at its first."""
    pages = -(-total // PAGE)
    if pages == 1:
        return 1
    name = f"{key}__page"
    if st.session_state.get(name, 1) > pages:
        st.session_state[name] = 1
    return int(st.pagination(pages, key=name))


def _input(field: SignatureField, record: dict[str, Any], key: str) -> None:
    if key not in st.session_state:
        st.session_state[key] = widget_value(field, record[field.name])
    _widget(field, key, (record, field, key))
    if text := value_warning(field, record[field.name]):
        colour = "red" if text == "required" else "orange"
        st.markdown(f":small[:{colour}[:material/warning: {text}]]")


def _widget(field: SignatureField, key: str, args: tuple[Any, ...]) -> None:
    """Draw an input that can be emptied: it has no default, its value comes from the record."""
    label = title(field.name) + (" (optional)" if field.takes_missing else "")
    hint = training_values(field) or None
    if field.type == "boolean":
        off, on = field.boolean_words or ("No", "Yes")
        spelling = {False: off, True: on}
        st.selectbox(
            label, [False, True], index=None, format_func=spelling.__getitem__, key=key,
            on_change=_store_value, args=args, placeholder="Missing",
        )  # fmt: skip
    elif field.categories:
        st.selectbox(
            label, list(field.categories), index=None, accept_new_options=True, key=key,
            help=hint, on_change=_store_value, args=args, placeholder="Missing",
        )  # fmt: skip
    elif field.type == "integer":
        st.number_input(
            label, value=None, step=1, key=key, help=hint, on_change=_store_value, args=args,
            placeholder="Missing",
        )  # fmt: skip
    elif field.type == "number":
        st.number_input(
            label, value=None, step=_step(field), format="%.12g", key=key, help=hint,
            on_change=_store_value, args=args, placeholder="Missing",
        )  # fmt: skip
    else:
        st.text_input(
            label, key=key, help=hint, on_change=_store_value, args=args, placeholder="Missing"
        )


def _step(field: SignatureField) -> float:
    """A power of ten near a hundredth of the range: the arrows move in steps that matter."""
    if field.low is None or field.high is None or field.high <= field.low:
        return 0.1
    return 10.0 ** math.floor(math.log10((field.high - field.low) / 50))


def _store_value(record: dict[str, Any], field: SignatureField, key: str) -> None:
    """What was typed becomes the record's value; an emptied box becomes none."""
    value = st.session_state[key]
    record[field.name] = None if value == "" else value


def widget_value(field: SignatureField, value: Any) -> Any:
    """A record's value as its widget takes it."""
    if is_missing(value):
        return None
    if field.type == "boolean":
        return bool(value)
    if field.categories:
        return str(value)
    if field.type == "integer":
        return int(value)
    return float(value) if field.type == "number" else str(value)


def json_value(value: Any) -> Any:
    """An example's value as it is sent: instants as text, what is missing as nothing."""
    if is_missing(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else value
