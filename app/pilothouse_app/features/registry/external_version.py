"""A version from elsewhere: its inputs, files and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.formats import plural, size
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, table, text_column
from pilothouse_app.components.table_height import limited_height

if TYPE_CHECKING:
    from pilothouse.models.mlmodel import MlModel
    from pilothouse.registry.external_versions import ExternalVersion

MAX_ROWS = 10
COLUMNS = {
    "name": name_column("Input", width=180),
    "type": text_column("Type", width=120),
    "required": text_column("Required", width=90),
}
FILES = {"path": name_column("File", width=300), "size": text_column("Size", width=90)}


def logged_inputs(logged: ExternalVersion | None) -> None:
    """Draw the input columns that the logging program recorded."""
    model = logged.model if logged else None
    inputs = model.inputs if model else ()
    section("Inputs", plural(len(inputs), "column") if inputs else "")
    if model and inputs:
        _inputs(model)
    else:
        st.markdown(":gray[Its files declare no input columns.]")


def logged_files(logged: ExternalVersion | None) -> None:
    """Draw the files and tags of a version from elsewhere; nothing of one trained here."""
    if logged is not None:
        _files(logged)
        _tags(logged)


def _inputs(model: MlModel) -> None:
    rows = [
        {"name": item.name, "type": item.type, "required": "yes" if item.required else "no"}
        for item in model.inputs
    ]
    height = limited_height(len(rows), MAX_ROWS)
    table(
        pd.DataFrame(rows), COLUMNS, key="version_inputs", ids="name", alt="Inputs", height=height
    )
    if model.flavors:
        st.markdown(f":gray[Can be loaded as] {literal(', '.join(model.flavors))}")


def _files(logged: ExternalVersion) -> None:
    section("Files", plural(len(logged.files), "file") if logged.files else "none are listed")
    if logged.files:
        rows = [{"path": file.path, "size": size(file.size)} for file in logged.files]
        height = limited_height(len(rows), MAX_ROWS)
        frame = pd.DataFrame(rows)
        table(frame, FILES, key="version_files", ids="path", alt="Files", height=height)


def _tags(logged: ExternalVersion) -> None:
    section("Tags", plural(len(logged.tags), "tag") if logged.tags else "none")
    if logged.tags:
        pairs_table(dict(logged.tags), alt="Tags of the version")
