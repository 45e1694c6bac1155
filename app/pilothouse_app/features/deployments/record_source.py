"""Filling the inputs of Try it at once: from pasted JSON, or from a row that was logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.deployments.prediction_log.log import feature_column
from pilothouse_app.components.formats import is_missing, plural
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.record_form import json_value, widget_value
from pilothouse_app.features.personal_data.masked import masked_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.models.signature import Signature

RECENT = 50
MAX_NAMED = 5
WRAPPERS = ("dataframe_records", "instances", "inputs", "records")


def fill_in(deployment: DeploymentInfo, record: dict[str, Any], *, key: str) -> None:
    """The popover with both ways; what was filled in is said under it."""
    signature = deployment.signature
    with st.popover("Fill in", icon=":material/content_paste:", key=f"{key}__fill"):
        text_key, row_key = f"{key}__json", f"{key}__row"
        st.text_area("JSON of one row", key=text_key, placeholder='{"age": 41, "plan": "basic"}')
        st.button(
            "Use this JSON",
            key=f"{key}__use_json",
            on_click=_use_json,
            args=(signature, record, key, text_key),
        )
        rows = _logged(deployment.name)
        if rows:
            st.selectbox("A logged row", list(rows), key=row_key)
            st.button(
                "Use this row",
                key=f"{key}__use_row",
                on_click=_use_row,
                args=(deployment.name, signature, record, key, rows, row_key),
            )
    note = st.session_state.get(f"{key}__note")
    if note:
        st.markdown(f":small[{note}]")


def pasted_values(signature: Signature, text: str) -> tuple[dict[str, Any], list[str]]:
    """The values of the first row in a JSON text, and what could not be used of it.

    An object of values is taken, a list of such objects, and the bodies of requests. ValueError
    for a text that holds no row.
    """
    row = _first_row(json.loads(text))
    if not isinstance(row, dict):
        raise ValueError("it holds no object with names of inputs")
    fields = {field.name: field for field in signature.inputs}
    values: dict[str, Any] = {}
    problems = [f"{name} is no input" for name in row if name not in fields]
    for name, value in row.items():
        if name not in fields:
            continue
        try:
            widget_value(fields[name], value)
        except (TypeError, ValueError):
            problems.append(f"{name} cannot be {value!r}")
        else:
            values[name] = None if is_missing(value) or value == "" else value
    return values, problems


def _first_row(content: Any) -> Any:
    if isinstance(content, dict):
        wrapped = next((content[name] for name in WRAPPERS if name in content), None)
        if isinstance(wrapped, list):
            return _tensors(wrapped) if _is_tensors(wrapped) else _first_row(wrapped)
        if isinstance(wrapped, dict):
            return {k: v[0] if isinstance(v, list) and v else v for k, v in wrapped.items()}
        return content
    return content[0] if isinstance(content, list) and content else None


def _is_tensors(parts: list[Any]) -> bool:
    return bool(parts) and all(isinstance(p, dict) and {"name", "data"} <= p.keys() for p in parts)


def _tensors(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The first row of the Open Inference Protocol's tensors, one a column."""
    return {
        str(p["name"]): p["data"][0] for p in parts if isinstance(p["data"], list) and p["data"]
    }


def _use_json(signature: Signature, record: dict[str, Any], key: str, text_key: str) -> None:
    try:
        values, problems = pasted_values(signature, st.session_state.get(text_key) or "")
    except ValueError as wrong:
        st.session_state[f"{key}__note"] = f":red[Not used: {literal(str(wrong))}]"
        return
    _fill(record, values, key)
    note = f"{plural(len(values), 'value')} filled in"
    if problems:
        more = f" and {len(problems) - MAX_NAMED} more" if len(problems) > MAX_NAMED else ""
        note += f"; :orange[not used: {literal(', '.join(problems[:MAX_NAMED]))}{more}]"
    st.session_state[f"{key}__note"] = note


def _use_row(
    name: str,
    signature: Signature,
    record: dict[str, Any],
    key: str,
    rows: Mapping[str, dict[str, Any]],
    row_key: str,
) -> None:
    row = rows.get(st.session_state.get(row_key) or "", {})
    columns = {field.name: feature_column(field.name) for field in signature.inputs}
    masked = masked_log().masking(name).kinds
    values = {n: json_value(row.get(c)) for n, c in columns.items() if c in row and n not in masked}
    _fill(record, values, key)
    note = f"Filled in from {literal(st.session_state[row_key])}"
    if masked.keys() & columns.keys():
        note += ", without masked personal data"
    st.session_state[f"{key}__note"] = note


def _fill(record: dict[str, Any], values: Mapping[str, Any], key: str) -> None:
    """Take the values over; their widgets are drawn anew with them."""
    record.update(values)
    for name in values:
        st.session_state.pop(f"{key}_{name}", None)


def _logged(name: str) -> dict[str, dict[str, Any]]:
    """The newest logged rows by their prediction's id, the last one first."""
    masked = tuple(sorted(masked_log().masking(name).kinds))
    frame = _recent(str(workspace().folder), name, masked)
    return {str(row["prediction_id"]): row for row in frame}


@st.cache_data(ttl=10, max_entries=8, show_spinner=False)
def _recent(folder: str, name: str, masked: tuple[str, ...]) -> list[dict[str, Any]]:
    newest = masked_log().predictions(name, limit=RECENT).iloc[::-1]
    return records(newest)
