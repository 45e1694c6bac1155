"""Batch prediction: starting one for a version, and the outcome of its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.names import DATASET
from pilothouse.pipelines.batch_prediction import carried_columns, prediction_name
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import count
from pilothouse_app.components.links import address, go, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.spread_field import spread_field
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.evaluation.dialog import (
    dataset_refs,
    lacking_inputs,
    without_dataset,
)

if TYPE_CHECKING:
    from pilothouse.jobs.api import JobInfo
    from pilothouse.registry.info import VersionInfo

PREDICTION = "predict_dataset"


def predict_button(version: VersionInfo) -> None:
    """The button that opens the prediction of a dataset; disabled before it is described."""
    described = version.signature.is_described
    if st.button(
        "Predict",
        icon=":material/table_rows:",
        key="predict",
        disabled=not described,
        help=None if described else "Describe its inputs and its answer first",
    ):
        _predict(version.model, version.version)


@st.dialog("Predict a dataset", width="medium", icon=":material/table_rows:")
def _predict(model: str, version: int) -> None:
    info = workspace().registry.version(model, version)
    refs = dataset_refs(info)
    if not refs:
        without_dataset("There is no dataset to predict yet.")
        return

    st.markdown(
        f"**{literal(model)} {version}** answers every row. The answers become a version of a "
        "dataset, beside the columns that you carry over."
    )
    left, right = st.columns(2)
    with left:
        ref = st.selectbox("Dataset", refs, key="predict_dataset")
    data = workspace().data.version(ref)
    with right:
        name, unnamed = name_input(
            DATASET,
            prediction_name(data),
            label="Dataset of the answers",
            key=f"predict_name_{ref}",
        )

    columns = st.multiselect(
        "Columns to carry over",
        list(data.column_names),
        default=carried_columns(info, data, None),
        key=f"predict_columns_{ref}",
    )
    spread = spread_field("predict_spread")
    lacking = lacking_inputs(info, data)
    note = f"{literal(lacking)}." if lacking else f"{count(data.rows)} rows."
    st.markdown(f":gray[{note}]")
    if dialog_buttons("Predict", "predict", missing=lacking or unnamed):
        run_or_show_error(lambda: _start(info, data.ref, name, columns, spread))


def _start(version: VersionInfo, dataset: str, name: str, columns: list[str], spread: str) -> None:
    job = workspace().pipelines.predict_dataset(
        version.model, version.version, dataset, name=name, columns=columns, spread=spread
    )
    toast_next("Prediction started", icon=":material/table_rows:")
    go(address("job", job))


def prediction_outcome(job: JobInfo) -> None:
    """The dataset of a finished batch prediction, and the rows without an answer."""
    result = job.result or {}
    if job.status != "succeeded" or job.kind != PREDICTION or "dataset" not in result:
        return

    with st.container(border=True, horizontal=True, vertical_alignment="center", key="job_outcome"):
        text = f"**{count(result['rows'])} rows** are in {literal(str(result['dataset']))}."
        if unanswered := result.get("without_needed_value"):
            text += f" {count(unanswered)} of them lack a value that the model needs."
        st.markdown(text, width="stretch")
        link(
            address("dataset", str(result["dataset"])),
            "Open the dataset",
            icon=":material/table_view:",
        )
