"""Parameters and code: settings side by side, from difference to difference; code as a diff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse_app.components.empty_state import nothing_found
from pilothouse_app.components.filters import choose_one, filter_bar, pager, search
from pilothouse_app.components.formats import parameter, plural, title
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.compare.cells import run_name
from pilothouse_app.features.compare.context import ComparisonContext
from pilothouse_app.features.compare.metrics import hide_identical

if TYPE_CHECKING:
    from pilothouse.comparison.code_diff import CodeDiff

PAGE = 25
AT, PAGE_KEY = "compare_at", "compare_page"
KINDS = {
    "changed": ":material/edit:",
    "left": ":material/remove:",
    "right": ":material/add:",
    "same": "",
    "gap": ":material/more_horiz:",
}


def settings_view(context: ComparisonContext) -> None:
    """One table of parameters, code facts and packages; then what changed in the code."""
    with filter_bar():
        query = search("compare_q", "Parameter, attribute or package", resets=PAGE_KEY)
        hide = hide_identical()
        everything = _rows(context, query, hide=hide)
        positions = [index for index, differs in enumerate(everything["differs"]) if differs]
        _navigation(positions)

    differ = f"{plural(len(positions), 'row')} differ" if len(positions) != 1 else "1 row differs"
    section("Parameters, code and packages", f"{differ}, {len(everything)} shown")

    if everything.empty:
        nothing_found("settings")
    else:
        _table(context, everything, positions)

    _code(context)


def _rows(context: ComparisonContext, query: str, *, hide: bool) -> pd.DataFrame:
    compared = context.compared
    frames = [
        frame.rename(columns={noun: "key"}).assign(what=what)
        for noun, what, frame in (
            ("param", "Parameter", compared.params),
            ("fact", "Attribute", compared.facts),
            ("package", "Package", compared.environment),
        )
    ]

    rows = pd.concat(frames, ignore_index=True)
    if query:
        rows = rows[[query.lower() in f"{key} {title(key)}".lower() for key in rows["key"]]]
    return (rows[rows["differs"]] if hide else rows).reset_index(drop=True)


def _navigation(positions: list[int]) -> None:
    """Buttons to the difference before and after the one that one is at."""
    at = _current_difference(positions)
    for step, name, icon in (
        (-1, "Previous difference", ":material/keyboard_arrow_up:"),
        (1, "Next difference", ":material/keyboard_arrow_down:"),
    ):
        st.button(
            name,
            icon=icon,
            key=f"compare_jump_{step}",
            on_click=_go_to,
            args=(positions, at + step),
            disabled=not 0 <= at + step < len(positions),
        )
    if positions and at >= 0:
        st.markdown(f":gray[{at + 1} of {len(positions)}]", width="content")


def _current_difference(positions: list[int]) -> int:
    """Which difference one is at; -1 before the first jump."""
    try:
        return min(int(st.query_params.get(AT, 0)), len(positions)) - 1
    except ValueError:
        return -1


def _go_to(positions: list[int], at: int) -> None:
    st.query_params[AT] = str(at + 1)
    st.session_state[PAGE_KEY] = positions[at] // PAGE + 1


def _table(context: ComparisonContext, rows: pd.DataFrame, positions: list[int]) -> None:
    at = _current_difference(positions)
    current = positions[at] if 0 <= at < len(positions) else -1
    start = 0

    if len(rows) > PAGE:
        pages = max(1, -(-len(rows) // PAGE))
        if st.session_state.get(PAGE_KEY, 1) > pages:
            st.session_state[PAGE_KEY] = pages
        start = (int(st.session_state.get(PAGE_KEY, 1)) - 1) * PAGE

    part = rows.iloc[start : start + PAGE]
    cells = [
        {
            "Setting": _name(row, current == index),
            "Kind": f":small[:gray[{row['what']}]]",
            **{
                run_name(context, run): _cell(row[run], row["differs"], current == index)
                for run in context.ids
            },
        }
        for index, row in part.iterrows()
    ]

    st.table(
        pd.DataFrame(cells),
        border="horizontal",
        hide_index=True,
        alt="Parameters, code attributes and packages by run",
    )

    pager(len(rows), key=PAGE_KEY, size=PAGE)


def _name(row: pd.Series[Any], is_current: bool) -> str:
    key = str(row["key"])
    name = literal(key)
    mark = ":blue[:material/arrow_forward:] " if is_current else ""
    return f"{mark}**{name}**" if row["differs"] else f":gray[{name}]"


def _cell(value: object, differs: bool, is_current: bool) -> str:
    text = parameter(value)
    text = literal(text if len(text) <= 60 else f"{text[:57]}…")
    if is_current:
        return f":blue-background[{text}]"
    return text if differs else f":gray[{text}]"


def _code(context: ComparisonContext) -> None:
    section("Code", f"from {literal(context.baseline_label)} to another run")
    others = [run.id for run in context.compared.others]
    run = choose_one(
        "compare_code_run",
        [context.labels[other] for other in others],
        "Run",
        default=context.labels[others[0]],
        width=340,
    )

    chosen = next(other for other in others if context.labels[other] == run)
    diff = workspace().comparison.code_diff(chosen, context.compared.baseline)

    with st.container(border=True):
        st.markdown(literal(diff.message))
        if diff.committed:
            st.code(diff.committed, language="diff", height=420)
        if len(diff.uncommitted):
            _side_by_side(context, diff, run)


def _side_by_side(context: ComparisonContext, diff: CodeDiff, run: str) -> None:
    frame = diff.uncommitted
    rows = pd.DataFrame(
        {
            "at": [_line(line) for line in frame["left_line"]],
            f"{context.baseline_label} (uncommitted)": frame["left"],
            "to": [_line(line) for line in frame["right_line"]],
            f"{run} (uncommitted)": frame["right"],
            "change": [
                {"same": "", "gap": "…"}.get(kind, kind if kind == "changed" else "only here")
                for kind in frame["kind"]
            ],
        }
    )
    st.dataframe(
        rows,
        hide_index=True,
        row_height=26,
        height=min(520, 60 + 26 * len(rows)),
        column_config={
            "at": st.column_config.TextColumn("", width=48),
            "to": st.column_config.TextColumn("", width=48),
            "change": st.column_config.TextColumn("Change", width=90),
        },
        alt="Uncommitted changes side by side",
        key="compare_patches",
    )


def _line(number: object) -> str:
    return "" if number is None or number != number else f"{int(str(number).split('.')[0])}"
