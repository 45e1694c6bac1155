"""Labels of a deployment: how many there are, adding them from a file, sending them by program."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.deployments.label_file import LabelColumns
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.tasks import task_of
from pilothouse_app.components.dialogs import dialog_buttons, reason_input
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import count, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.uploads import read_once
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.code_examples import examples
from pilothouse_app.features.deployments.external_form import first_rows, read_preview
from pilothouse_app.features.deployments.label_report import label_counts, label_report, plain

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.models.signature import Signature

REPORT = "_label_report"
COLUMNS = "_label_columns"
CHECKED = "_label_check"
NO_COLUMN = "Time of upload"


@st.cache_data(ttl=10, max_entries=8, show_spinner=False)
def _counts(folder: str, name: str) -> tuple[int, int]:
    """Count ids with a label, and those of them without a prediction; cached for 10 s."""
    return workspace().deployments.label_counts(name)


def labels_view(deployment: DeploymentInfo) -> None:
    """The labels that have come, and how to add some."""
    labels, unmatched = _counts(str(workspace().folder), deployment.name)
    kpi_row(
        [
            Kpi("Labels", count(labels), "one per id, the last one counts"),
            Kpi("Joined", count(labels - unmatched), "with a prediction of this deployment"),
            Kpi("Without a prediction", count(unmatched), "ids not predicted here"),
        ]
    )

    if st.button(
        "Add labels from a file", type="primary", icon=":material/upload_file:", key="label_file"
    ):
        st.session_state.pop(REPORT, None)
        upload_labels(deployment)

    report = st.session_state.get(REPORT)
    if report and report["deployment"] == deployment.name:
        label_report(report)
    if not deployment.external:
        section("From a program", "event time, prediction ids and labels")
        examples(deployment)


@st.dialog("Add labels from a file", width="large", icon=":material/upload_file:")
def upload_labels(deployment: DeploymentInfo) -> None:
    """The dialog: a file, its columns, a reason; errors are shown in it."""
    st.markdown(
        "A CSV or Parquet file with a column of prediction ids and one of labels. "
        f"{_label_sentence(deployment.signature)}"
    )
    file = st.file_uploader("File", key="label_upload")
    columns, refused = None, False
    if file is not None:
        columns = _columns(deployment, file)
        if columns is not None and columns.id and columns.label:
            refused = not _check(deployment.name, file, columns)
    reason = reason_input("label_reason")
    missing = "Choose a file first" if file is None else ""

    if file is not None and (columns is None or not columns.id or not columns.label):
        missing = "Choose the columns first"
    elif refused:
        missing = "No label of this file can be added"
    elif file is not None and not reason:
        missing = "Give a reason first"

    if dialog_buttons("Add labels", "label", missing=missing) and file is not None:
        _add(deployment.name, file, columns, reason)


def _label_sentence(signature: Signature) -> str:
    """Which values are labels of the model."""
    target = f" of **{literal(signature.target)}**" if signature.target else ""
    return f"A label{target} is {literal(task_of(signature).label_hint(signature))}."


def _columns(deployment: DeploymentInfo, file: UploadedFile) -> LabelColumns | None:
    """The columns, as their names suggest or as they are chosen."""

    def read() -> tuple[list[str], dict[str, Any]]:
        names, guess = workspace().deployments.label_columns(
            deployment.name, file.getvalue(), file.name
        )
        return names, asdict(guess)

    try:
        names, guessed = read_once(COLUMNS, f"{deployment.name}|{file.file_id}", read)
    except PilothouseError as refusal:
        error_box(refusal)
        return None

    guess = LabelColumns(**guessed)
    left, middle, right = st.columns(3)
    key = f"label_{file.file_id}"
    with left:
        ids = st.selectbox("Prediction id", names, _index(names, guess.id), key=f"{key}_id")
    with middle:
        labels = st.selectbox("Label", names, _index(names, guess.label), key=f"{key}_label")

    with right:
        options = [NO_COLUMN, *names]
        at = st.selectbox("Label time", options, _index(options, guess.at or NO_COLUMN),
                          key=f"{key}_at")  # fmt: skip

    preview = read_preview(file)
    if preview is not None:
        first_rows(preview, plural(len(names), "column"))
    return LabelColumns(ids or "", labels or "", None if at == NO_COLUMN else at)


def _index(names: list[str], name: str) -> int | None:
    return names.index(name) if name in names else None


def _check(name: str, file: UploadedFile, columns: LabelColumns) -> bool:
    """Show what adding the file would do; False where it would be refused."""

    def read() -> dict[str, Any]:
        report = workspace().deployments.check_label_file(name, file.getvalue(), file.name, columns)
        return plain(name, report)

    try:
        checked = read_once(CHECKED, f"{name}|{file.file_id}|{columns}", read)
    except PilothouseError as refusal:
        error_box(refusal)
        return False
    label_counts(checked)
    return True


def _add(name: str, file: UploadedFile, columns: LabelColumns | None, reason: str) -> None:
    try:
        report = workspace().deployments.label_from_file(
            name, file.getvalue(), file.name, columns, reason
        )
    except PilothouseError as refusal:
        error_box(refusal)
        return
    _counts.clear()
    st.session_state[REPORT] = plain(name, report)
    st.rerun()
