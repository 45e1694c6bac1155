"""The filter builder: rows of field, operator and value, joined by all or any, counted as one goes.

The builder and the text are two faces of one filter: it opens with what the text says and writes
text. A filter with more depth than rows can show stays text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.experiments import query
from pilothouse.kit.errors import Invalid
from pilothouse_app.components.formats import plural
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.optional_number import optional_number
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.columns import (
    AGGREGATE_TITLES,
    AGGREGATES,
    LAST,
    ColumnCatalog,
    split_aggregate,
)
from pilothouse_app.features.experiments.state import State, update_state

if TYPE_CHECKING:
    from pilothouse.experiments.run_table.fields import QueryField

JOINERS = {"AND": "all of these", "OR": "any of these"}
NULLS = ("IS NULL", "IS NOT NULL", "IS NAN", "IS NOT NAN")
LISTS = ("IN", "NOT IN")
ORDERS = ("=", "!=", ">", ">=", "<", "<=")
OPERATOR_TITLES: Mapping[str, str] = {
    "=": "is",
    "!=": "is not",
    ">": "is above",
    ">=": "is at least",
    "<": "is below",
    "<=": "is at most",
    "CONTAINS": "contains",
    "NOT CONTAINS": "does not contain",
    "LIKE": "is like",
    "NOT LIKE": "is not like",
    "ILIKE": "is like (any case)",
    "NOT ILIKE": "is not like (any case)",
    "=~": "matches the pattern",
    "!~": "does not match",
    "IN": "is one of",
    "NOT IN": "is none of",
    "IS NULL": "is missing",
    "IS NOT NULL": "is present",
    "IS NAN": "is not a number",
    "IS NOT NAN": "is a number",
}
TIME_OPERATOR_TITLES: Mapping[str, str] = {
    ">": "is after",
    ">=": "is since",
    "<": "is before",
    "<=": "is until",
}
UNITS = {"d": ("days", 86_400), "h": ("hours", 3600), "m": ("minutes", 60)}
ENTITIES = {
    "metrics": "Metric",
    "params": "Parameter",
    "tags": "Tag",
    "datasets": "Dataset",
    "models": "Model",
    "deployments": "Deployment",
}
_ROWS, _NEXT, _OPENED = "_build_rows", "_build_next", "_build_opened"


def builder_button(state: State, catalog: ColumnCatalog) -> None:
    """The button that opens the builder."""
    if st.button("Build", icon=":material/tune:", key="runs_build", help="Build a filter"):
        _load_filter(state.filter)
        _builder(state, catalog)


def _load_filter(text: str) -> None:
    """Load the filter text into rows; start empty when it cannot be parsed or shown as rows."""
    rows = _as_rows(text)
    joiner, comparisons = rows or ("AND", [])
    st.session_state[_OPENED] = rows is not None
    st.session_state["build_joiner"] = joiner
    first: dict[int, query.Predicate | None] = dict(enumerate(comparisons)) or {0: None}
    st.session_state[_ROWS] = [
        (index, _as_plain(comparison)) for index, comparison in first.items()
    ]
    st.session_state[_NEXT] = len(first)


def _as_rows(text: str) -> tuple[str, list[query.Predicate]] | None:
    try:
        rows = query.flat_predicates(query.parse(text))
    except Invalid:
        return None
    return None if rows is None else (rows[0], list(rows[1]))


def _as_plain(comparison: query.Predicate | None) -> dict[str, Any] | None:
    """A comparison as plain values: session state must not hold our classes, which are re-made."""
    if comparison is None:
        return None
    value: Any = comparison.value
    if isinstance(value, query.Now):
        value = {"ago": -value.offset.total_seconds()}
    elif isinstance(value, timedelta):
        value = value.total_seconds()
    elif isinstance(value, tuple):
        value = list(value)
    return {"column": comparison.field.column, "operator": comparison.operator, "value": value}


@st.dialog("Build a filter", width="large", icon=":material/tune:")
def _builder(state: State, catalog: ColumnCatalog) -> None:
    if not st.session_state[_OPENED] and state.filter:
        st.markdown(
            ":orange[:material/warning:] This filter is too complex for the builder. Building a "
            "new one replaces it."
        )

    fields = {field.name: field for field in workspace().experiments.query_fields()}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Runs for which", width="content")
        joiner = st.segmented_control(
            "Joined by",
            list(JOINERS),
            format_func=JOINERS.__getitem__,
            key="build_joiner",
            required=True,
            label_visibility="collapsed",
        )
        st.markdown("hold", width="content")

    comparisons = [_row(index, first, fields, catalog) for index, first in st.session_state[_ROWS]]
    st.button("Add a condition", icon=":material/add:", key="build_add", on_click=_add)
    ready = [comparison for comparison in comparisons if comparison is not None]
    text = query.join_predicates(str(joiner), ready) if ready else ""
    _footer(state, text)


def _footer(state: State, text: str) -> None:
    message, usable = _count_message(state, text)
    with st.container(border=True):
        st.markdown(message)
        st.code(text or "(no filter)", language=None, wrap_lines=True)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="build_cancel"):
            st.rerun()
        if st.button("Apply", type="primary", key="build_go", disabled=not usable):
            update_state(filter=text, within=())
            st.rerun()


def _count_message(state: State, text: str) -> tuple[str, bool]:
    try:
        total = workspace().experiments.count(replace(state.run_filter, query=text))
    except Invalid as wrong:
        return f":red[:material/error: {literal(wrong.message)}]", False
    return f"**{plural(total, 'run')}** match", True


def _add() -> None:
    number = st.session_state[_NEXT]
    st.session_state[_ROWS] = [*st.session_state[_ROWS], (number, None)]
    st.session_state[_NEXT] = number + 1


def _remove(index: int) -> None:
    st.session_state[_ROWS] = [row for row in st.session_state[_ROWS] if row[0] != index]


def _row(
    index: int,
    first: dict[str, Any] | None,
    fields: Mapping[str, QueryField],
    catalog: ColumnCatalog,
) -> query.Predicate | None:
    """One row, and the claim it makes; None while it is not whole."""
    initial = first or {}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        column = _field(index, str(initial.get("column", "")), fields, catalog)
        if column is None:
            st.space("stretch")
        else:
            operator = _operator(index, initial, fields[column])
            value = _value(index, initial, fields[column], operator)
        st.button("", icon=":material/close:", key=f"build_off_{index}", type="tertiary",
                  on_click=_remove, args=(index,), help="Remove this condition")  # fmt: skip

    if column is None or (value is None and operator not in NULLS):
        return None
    part = st.session_state.get(f"build_part_{index}", LAST)
    reference = column if part == LAST or not column.startswith("metrics.") else f"{column}@{part}"
    return query.Predicate(query.FieldReference.of(reference), operator, value)


def _field(
    index: int, initial: str, fields: Mapping[str, QueryField], catalog: ColumnCatalog
) -> str | None:
    key, part = split_aggregate(initial) if initial.startswith("metrics.") else (initial, LAST)
    options = list(fields)
    column = st.selectbox(
        "Field",
        options,
        index=options.index(key) if key in fields else None,
        format_func=lambda name: _field_title(fields[name], catalog),
        placeholder="Choose a field",
        key=f"build_field_{index}",
        label_visibility="collapsed",
        width=230,
    )
    if column and column.startswith("metrics."):
        st.selectbox(
            "Which value",
            AGGREGATES,
            index=AGGREGATES.index(part),
            format_func=AGGREGATE_TITLES.__getitem__,
            key=f"build_part_{index}",
            label_visibility="collapsed",
            width=100,
        )

    return column


def _field_title(field: QueryField, catalog: ColumnCatalog) -> str:
    entity, dot, key = field.name.partition(".")
    if not dot:
        return field.title
    title = catalog.kinds.of(key).title if entity == "metrics" else field.title
    return f"{ENTITIES.get(entity, entity)}: {title}"


def _operator(index: int, initial: Mapping[str, Any], field: QueryField) -> str:
    operators = list(field.operators)
    first = initial.get("operator")
    titles = (
        {**OPERATOR_TITLES, **TIME_OPERATOR_TITLES} if field.kind == "time" else OPERATOR_TITLES
    )

    return str(
        st.selectbox(
            "Operator",
            operators,
            index=operators.index(first) if first in operators else _default_operator(field),
            format_func=lambda operator: titles.get(operator, operator),
            key=f"build_operator_{index}_{field.name}",
            label_visibility="collapsed",
            width=170,
        )
    )


def _default_operator(field: QueryField) -> int:
    operator = {"number": ">=", "time": ">=", "text": "CONTAINS"}.get(field.kind, "=")
    return list(field.operators).index(operator) if operator in field.operators else 0


def _value(index: int, initial: Mapping[str, Any], field: QueryField, operator: str) -> Any:
    """The value input of a row, as the query language takes it; None while it is empty."""
    kind = "list" if operator in LISTS else field.kind
    key = f"build_value_{index}_{field.name}_{kind}"
    first = (
        initial.get("value") if initial.get("column", "").partition("@")[0] == field.name else None
    )
    if operator in NULLS:
        st.space("stretch")
        return None
    if operator in LISTS:
        return _list_input(key, first, field)
    if field.kind == "time":
        return _time_input(key, first)

    if field.kind == "number" and operator in ORDERS:
        start = float(first) if isinstance(first, int | float) else None
        return optional_number(
            "Value", start, format="%g", placeholder="Number", **_widget_options(key)
        )
    if field.choices:
        return _choice_input(key, first, field)

    typed = (
        st.text_input("Value", str(first or ""), placeholder="Text", **_widget_options(key)) or ""
    )
    return typed or None


def _widget_options(key: str) -> dict[str, Any]:
    return {"key": key, "label_visibility": "collapsed"}


def _choice_input(key: str, first: Any, field: QueryField) -> str | None:
    options = list(dict.fromkeys([*field.choices, *([first] if first else [])]))
    return st.selectbox(
        "Value",
        options,
        index=options.index(first) if first in options else None,
        placeholder="Choose, or type",
        accept_new_options=field.kind != "choice",
        **_widget_options(key),
    )


def _list_input(key: str, first: Any, field: QueryField) -> tuple[Any, ...] | None:
    initial = [str(value) for value in first] if isinstance(first, list) else []
    values = st.multiselect(
        "Values",
        list(dict.fromkeys([*field.choices, *initial])),
        default=initial,
        placeholder="Choose or type values",
        accept_new_options=True,
        **_widget_options(key),
    )
    plain = values if field.kind in ("text", "choice") else map(_number_or_text, values)
    return tuple(plain) or None


def _time_input(key: str, first: Any) -> Any:
    """So long ago, or since a day."""
    by_day = st.session_state.get(f"{key}_how", "day" if isinstance(first, str) else "ago") == "day"
    if by_day:
        start = date.fromisoformat(first[:10]) if isinstance(first, str) else None
        day = st.date_input("Day", start, width=224, **_widget_options(f"{key}_day"))
        value: Any = day.isoformat() if isinstance(day, date) else None
    else:
        value = _ago_input(key, first.get("ago") if isinstance(first, dict) else None)

    st.selectbox(
        "Relative or absolute",
        ["ago", "day"],
        index=int(by_day),
        format_func=lambda form: "ago" if form == "ago" else "on a date",
        width=110,
        **_widget_options(f"{key}_how"),
    )

    st.space("stretch")
    return value


def _ago_input(key: str, ago: float | None) -> query.Now:
    unit = _unit(ago)
    count = st.number_input(
        "How long",
        0,
        None,
        int((ago or 7 * 86_400) / UNITS[unit][1]),
        width=110,
        **_widget_options(key),
    )

    chosen = st.selectbox(
        "Unit",
        list(UNITS),
        index=list(UNITS).index(unit),
        format_func=lambda unit: UNITS[unit][0],
        width=104,
        **_widget_options(f"{key}_unit"),
    )

    return query.Now(-timedelta(seconds=int(count) * UNITS[chosen][1]))


def _unit(seconds: float | None) -> str:
    return next((u for u, (_, size) in UNITS.items() if (seconds or 86_400) % size == 0), "m")


def _number_or_text(typed: str) -> float | str:
    try:
        return float(typed)
    except ValueError:
        return typed
