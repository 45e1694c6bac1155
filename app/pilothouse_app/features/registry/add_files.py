"""Add a model from files: a model's file, or an MLflow folder, dropped on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.names import MODEL
from pilothouse.models.formats import formats
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Mapping


def add_files_button(model: str = "") -> None:
    """The button that opens the upload, of a new model or of a model's next version."""
    if st.button("Add model from files", icon=":material/upload_file:", key="add_files"):
        add_files(model)


@st.dialog("Add model from files", width="medium", icon=":material/upload_file:")
def add_files(model: str) -> None:
    """The name, the files, a note; nothing of the files is run."""
    uploads = st.file_uploader(
        "A model's file, the files of an MLflow folder, or a .zip of it",
        accept_multiple_files=True,
        key="add_files_uploads",
    )
    names = "; ".join(f"{kind.title} ({kind.file_names})" for _, kind in formats.items())
    st.markdown(f":small[:gray[{literal(names)}]]")
    if model:
        name, problem = model, ""
    else:
        name, problem = name_input(MODEL, "", label="Model", key="add_files_name")
    note = st.text_input("Note", placeholder="What is in it, or what changed", key="add_files_note")
    files = {upload.name: upload.getvalue() for upload in uploads or ()}
    missing = "Choose files first" if not files else problem
    if dialog_buttons("Add model", "add_files", missing=missing) and run_or_show_error(
        lambda: _register(name, files, note or "")
    ):
        st.rerun()


def _register(name: str, files: Mapping[str, bytes], note: str) -> None:
    version = workspace().registry.register_files(name, files, note)
    toast_next(f"{version.model} {version.version} is registered")
    go(address("version", version.ref))
