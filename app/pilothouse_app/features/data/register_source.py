"""Registering rows of a database, a table or a folder, after a look at the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from pilothouse.data.schema import NAMES
from pilothouse.data.sources import DataSource, WorkspaceSource, sources
from pilothouse.kit.names import DATASET
from pilothouse.kit.optional_packages import how_to_install, is_installed
from pilothouse.kit.parameters import Parameter
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.parameter_form import parameter_field
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.register_dataset import submit_and_wait

PREVIEW = "_source_preview"
FIRST, QUERY = "sql", "query"  # the kind that is chosen at first, a text of several lines
PER_ROW, MAX_HEIGHT = 2, 245


@dataclass(frozen=True)
class SourceChoice:
    """What was chosen: a kind of source, and the values of its parameters."""

    kind: str
    settings: Mapping[str, Any]

    @property
    def missing(self) -> str:
        """What is needed first; empty when it can be tried."""
        source = sources.get(self.kind)
        if not is_installed(source):
            return f"{source.title} needs a package that is not installed"
        for parameter in source.parameters:
            if parameter.required and not self.settings.get(parameter.name):
                return f"Fill in {parameter.label} first"
        if self.kind == "sql" and not (self.settings["table"] or self.settings["query"]):
            return "Give a table or a query first"
        return ""

    @property
    def guess(self) -> str:
        """A name for the dataset: the last part of what is read."""
        text = str(self.settings.get("table") or self.settings.get("path") or "")
        stem = text.rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]
        stem = stem.rpartition(".")[2] if self.kind == "sql" else stem.partition(".")[0]
        return DATASET.suggest(stem) if stem else ""


def register_source_button() -> None:
    """The button that opens the dialog."""
    if st.button("From a source", icon=":material/database:", key="register_source"):
        register_source_dialog()


@st.dialog("Register from a source", width="large", icon=":material/database:")
def register_source_dialog() -> None:
    """What is read, its first rows, and what it is called."""
    st.markdown(
        "The source is only read. Where the rows are from is kept, so that a refresh makes the "
        "next version."
    )
    choice = _choice()
    _preview(choice)
    name, missing = name_input(DATASET, choice.guess, key=f"source_name_{choice.guess}")
    licence = st.text_input("Licence (optional)", key="source_licence")
    if not dialog_buttons("Register", "source", missing=choice.missing or missing):
        return
    about = {"licence": (licence or "").strip()}
    submit_and_wait(
        lambda: workspace().data.submit_from(name, choice.kind, choice.settings, **about)
    )


def _choice() -> SourceChoice:
    kinds = sorted(_kinds(), key=lambda name: (name != FIRST, name))
    kind = st.segmented_control(
        "Kind", kinds, default=FIRST, required=True, key="source_kind",
        format_func=lambda name: sources.get(name).title, label_visibility="collapsed",
    )  # fmt: skip
    kind = str(kind or FIRST)
    source = sources.get(kind)
    st.markdown(f":gray[{literal(source.description)}]")
    _say_what_to_install(source)
    values = _fields(kind, source)
    return SourceChoice(kind, values)


def _kinds() -> list[str]:
    """The kinds of places; what the workspace itself holds is registered where it is shown."""
    return [name for name, kind in sources.items() if not isinstance(kind, WorkspaceSource)]


def _say_what_to_install(source: DataSource) -> None:
    if not is_installed(source):
        st.warning(
            f"It needs the package `{source.needs}`, which is not installed here. Install it "
            f"with `{how_to_install(source)}` and start Pilothouse again.",
            icon=":material/extension:",
        )


def _fields(kind: str, source: DataSource) -> dict[str, Any]:
    """A field a parameter in their order; those that may be left out are two side by side."""
    values: dict[str, Any] = {}
    row: list[Parameter] = []
    for item in source.parameters:
        if not _is_wide(item):
            row.append(item)
        if len(row) == PER_ROW or (row and _is_wide(item)):
            values |= _row(kind, row)
            row = []
        if _is_wide(item):
            values[item.name] = _field(kind, item)
    values |= _row(kind, row)
    return {item.name: values[item.name] for item in source.parameters}


def _is_wide(parameter: Parameter) -> bool:
    return parameter.required or parameter.name == QUERY


def _row(kind: str, parameters: list[Parameter]) -> dict[str, Any]:
    values = {}
    for column, item in zip(st.columns(PER_ROW) if parameters else [], parameters, strict=False):
        with column:
            values[item.name] = _field(kind, item)
    return values


def _field(kind: str, parameter: Parameter) -> Any:
    key = f"source_{kind}_{parameter.name}"
    if parameter.type != "text":
        return parameter_field(parameter, parameter.default, key=key)
    label = parameter.label if parameter.required else f"{parameter.label} (optional)"
    if parameter.name == QUERY:
        value = st.text_area(label, placeholder=parameter.help, height=88, key=key)
    else:
        tip = None if parameter.required else parameter.help
        value = st.text_input(label, placeholder=parameter.help, live=True, help=tip, key=key)
    return str(value or "").strip()


def _preview(choice: SourceChoice) -> None:
    if st.button(
        "Preview", icon=":material/visibility:", disabled=bool(choice.missing),
        help=choice.missing or None, key="source_preview",
    ):  # fmt: skip
        st.session_state[PREVIEW] = None

        def read() -> None:
            result = workspace().data.preview_from(choice.kind, choice.settings)
            types = {column.name: title(NAMES[column.type]) for column in result.report.columns}
            st.session_state[PREVIEW] = (choice, result.frame, types, result.report.warnings)

        with st.spinner("The first rows are read"):
            run_or_show_error(read)
    tried, frame, types, notes = st.session_state.get(PREVIEW) or (None, None, {}, ())
    if tried == choice and frame is not None:
        first_rows(frame, types, notes)


def first_rows(frame: pd.DataFrame, types: Mapping[str, str], notes: tuple[str, ...]) -> None:
    """The first rows, with the type of each column in its heading."""
    section("First rows", f"{plural(len(frame), 'row')}, {plural(len(types), 'column')}")
    st.dataframe(
        frame,
        height=min(MAX_HEIGHT, 30 * len(frame) + 38),
        row_height=30,
        hide_index=True,
        alt="The first rows",
        column_config={
            name: st.column_config.Column(f"{name} · {kind.lower()}")
            for name, kind in types.items()
        },
    )
    for note in notes:
        st.markdown(f":small[:gray[{literal(note)}]]")
