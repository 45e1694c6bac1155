"""How a file is read: a preview where types and forms can be changed, and a version's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from pilothouse.data import ReadingReport, ReadOptions
from pilothouse.data.reading.preview import Preview
from pilothouse.data.schema import NAMES, TYPES, Type
from pilothouse.kit.errors import NotFound, PilothouseError
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, table, text_column
from pilothouse_app.components.uploads import read_once
from pilothouse_app.components.workspace import workspace

PREVIEW = "_data_preview"
AUTOMATIC = ""
ENCODINGS = ("utf-8", "windows-1252", "iso-8859-15", "windows-1250", "windows-1251", "utf-16")
SEPARATORS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar"}
DECIMALS = {".": "Point: 1234.5", ",": "Comma: 1234,5"}
ORDERS = {"day-first": "Day first: 31/01/2024", "month-first": "Month first: 01/31/2024"}
EXAMPLES = 3
MAX_WARNINGS = 6
READING_COLUMNS = {
    "column": name_column("Column", width=144),
    "type": text_column("Type", width=110),
    "reason": text_column("Reason", width=420),
    "form": text_column("Format", width=150),
}


@dataclass(frozen=True)
class ReadingChoice:
    """What a person chose of how a file is read, and what is still open."""

    types: dict[str, Type]
    options: ReadOptions
    event_time: str | None
    missing: str


def reading_form(source: Any, filename: str, identity: str) -> ReadingChoice:
    """The first rows as they will be read; the types of columns and the form can be changed."""
    options = _options()
    result = _preview(source, filename, identity, options)
    if isinstance(result, PilothouseError):
        if isinstance(result, NotFound):  # a path that is still being typed
            st.markdown(f":small[:gray[{literal(str(result))}]]")
        else:
            error_box(result)
        return ReadingChoice({}, options, None, "The file cannot be read this way")

    st.markdown(f":small[:gray[{literal(result.report.summary)}]]")
    types = _types(result, f"{identity}|{options}")
    _warnings(result.report, result.problems, types)
    open_columns = [name for name in result.problems if name not in types]
    named = ", ".join(open_columns)
    missing = f"Choose how to read {named}: a date order or a type" if named else ""

    return ReadingChoice(types, options, _event_time(result, types, identity), missing)


def reading_report(report: ReadingReport) -> None:
    """How a version was read: the file's form, each column and why, what was not understood."""
    st.markdown(f"**{literal(report.summary)}**")
    if report.event_time_reason:
        st.markdown(f"Event time: {literal(report.event_time_reason)}")
    _warnings(report, {}, {}, most=len(report.warnings))
    rows = pd.DataFrame(
        [
            {
                "column": column.name,
                "type": title(NAMES[column.type]),
                "reason": column.reason,
                "form": column.form,
            }
            for column in report.columns
        ]
    )

    table(rows, READING_COLUMNS, key="dataset_reading", alt="How each column was read")


def _options() -> ReadOptions:
    with st.expander("Reading options", icon=":material/tune:"):
        left, right = st.columns(2)
        with left:
            separator = _choice("Separator", SEPARATORS, "data_separator")
            decimal = _choice("Decimal separator", DECIMALS, "data_decimal")
        with right:
            encoding = _choice("Encoding", {name: name for name in ENCODINGS}, "data_encoding")
            order = _choice("Date order", ORDERS, "data_date_order")
        missing_values = st.multiselect(
            "Values read as missing",
            [],
            accept_new_options=True,
            placeholder="Automatic: NA, null, NaN and their like",
            key="data_missing",
        )
    return ReadOptions(
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        date_order=order,  # type: ignore[arg-type]  # one of the two keys
        missing=tuple(map(str, missing_values)) or None,
    )


def _choice(label: str, choices: dict[str, str], key: str) -> str | None:
    chosen = st.selectbox(
        label,
        [AUTOMATIC, *choices],
        format_func=lambda value: choices.get(value, "Automatic"),
        key=key,
    )
    return chosen or None


def _preview(
    source: Any, filename: str, identity: str, options: ReadOptions
) -> Preview | PilothouseError:
    """The preview, made once for a file and options."""

    def read() -> tuple[Any, ...]:
        content = source if isinstance(source, str) else source.getvalue()
        made = workspace().data.preview(content, filename=filename, options=options)
        return made.report.to_json(), made.frame, made.whole, dict(made.problems)

    try:
        report, frame, whole, problems = read_once(PREVIEW, f"{identity}|{options}", read)
    except PilothouseError as refusal:
        return refusal
    return Preview(ReadingReport.from_json(report), frame, whole, problems)


def _types(preview: Preview, key: str) -> dict[str, Type]:
    """The first values of each column with its type, which can be changed."""
    kinds = {title(NAMES[kind]): kind for kind in TYPES}
    rows = pd.DataFrame(
        [
            {
                "Column": column.name,
                "Type": title(NAMES[column.type]),
                "First values": _examples(preview.frame[column.name], column.type),
                "Why": column.reason,
            }
            for column in preview.report.columns
        ]
    )

    edited = st.data_editor(
        rows,
        key=f"data_types_{key}",
        hide_index=True,
        width="stretch",
        height=min(35 * (len(rows) + 1) + 3, 320),
        disabled=["Column", "First values", "Why"],
        column_config={
            "Type": st.column_config.SelectboxColumn(
                options=list(kinds), required=True, help="Click a type to change it"
            )
        },
    )

    changed = edited["Type"] != rows["Type"]
    return {row["Column"]: kinds[row["Type"]] for _, row in edited[changed].iterrows()}


def _examples(values: pd.Series[Any], kind: Type) -> str:
    """The first values as a person writes them: whole numbers without .0, a day without 00:00."""
    first = values.dropna().head(EXAMPLES)
    if kind == "integer":
        first = first.astype("int64")
    texts = [str(value) for value in first]
    if kind == "time":
        texts = [text.removesuffix("+00:00").removesuffix(" 00:00:00") for text in texts]
    return ", ".join(text if len(text) <= 30 else f"{text[:29]}…" for text in texts)


def _warnings(
    report: ReadingReport,
    problems: Any,
    types: dict[str, Type],
    most: int = MAX_WARNINGS,
) -> None:
    """Problems and ambiguities of reading, and the columns that still need a choice."""
    for name, problem in problems.items():
        if name not in types:
            st.warning(literal(problem), icon=":material/help:")
    open_columns = tuple(f"Column {name!r}" for name in problems)
    notes = [note for note in report.warnings if not note.startswith(open_columns)]
    if notes:
        listed = "\n".join(f"- {literal(note)}" for note in notes[:most])
        more = f"\n- and {len(notes) - most} more" if len(notes) > most else ""
        st.markdown(f":small[Please check:]\n{listed}{more}")


def _event_time(preview: Preview, types: dict[str, Type], identity: str) -> str | None:
    """The column of the event time: None leaves it to recognition, nothing switches it off."""
    times = [
        column.name
        for column in preview.report.columns
        if types.get(column.name, column.type) == "time"
    ]
    if not times:
        return None
    recognised = preview.report.event_time
    automatic = f"Automatic ({recognised})" if recognised else "Automatic (none recognised)"
    labels = {"auto": automatic, "none": "None", **{f"={name}": name for name in times}}
    chosen = st.selectbox(
        "Event time",
        list(labels),
        format_func=lambda value: labels.get(value, value),
        key=f"data_event_time_{identity}",
        help="When each row happened: used for time-based splits and windows, not as a feature.",
    )
    if chosen == "auto":
        return None
    return "" if chosen == "none" else str(chosen).removeprefix("=")
