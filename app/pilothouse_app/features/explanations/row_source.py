"""Choosing a row to ask about: the example, a row of a dataset, or a logged prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import title, when
from pilothouse_app.components.links import query_param
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.personal_data.masked import masked_data, masked_log

if TYPE_CHECKING:
    from pilothouse.data.personal_data.masking import Masking
    from pilothouse.registry.info import VersionInfo

EXAMPLE, DATASET, LOGGED = "example", "dataset_row", "logged_prediction"
NEWEST = 30


@dataclass(frozen=True)
class ChosenRow:
    """A record and where it is from."""

    record: Mapping[str, Any]
    source: str


def choose_row(version: VersionInfo) -> ChosenRow | None:
    """Draw the choice of a row; None while there is none, with what is missing."""
    deployments = workspace().deployments.serving(version.model)
    options = [EXAMPLE] if version.input_example else []
    options += [DATASET] + ([LOGGED] if deployments else [])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = switch("responsible_row", options, "Row", format_func=title)
        try:
            if kind == LOGGED:
                return _logged(version, deployments)
            if kind == DATASET:
                return _dataset(version)
        except PilothouseError as refused:
            error_box(refused)
            return None
    return ChosenRow(dict(version.input_example[0]), "the example") if options else None


def _dataset(version: VersionInfo) -> ChosenRow | None:
    names = list(dict.fromkeys([version.dataset, *_datasets()]))
    dataset = st.selectbox(
        "Dataset version", [name for name in names if name], key="responsible_dataset", width=240
    )
    row = st.number_input(
        "Row", min_value=0, step=1, key="responsible_dataset_row", width=140,
        help="Counted from 0, as the dataset version stores them",
    )  # fmt: skip
    if not dataset:
        st.markdown(":gray[No dataset is registered.]")
        return None
    record = workspace().explanations.dataset_record(
        version.model, version.version, dataset, int(row)
    )
    return _masked(record, f"row {int(row)} of {dataset}", masked_data().masking(dataset))


def _datasets() -> list[str]:
    frame = workspace().data.datasets()
    return [str(ref) for ref in frame["ref"]]


def _logged(version: VersionInfo, deployments: list[str]) -> ChosenRow | None:
    deployment = st.selectbox(
        "Deployment", deployments, key="responsible_deployment", width=180, bind="query-params"
    )
    newest = masked_log().predictions(
        deployment, columns=["prediction_id", "version", "event_at"], limit=NEWEST
    )
    own = newest[newest["version"] == version.version].iloc[::-1]
    times = dict(zip(own["prediction_id"], own["event_at"], strict=True))
    named = query_param("responsible_prediction")
    ids = list(dict.fromkeys([*([named] if named else []), *times]))
    chosen = st.selectbox(
        "Prediction",
        ids,
        key="responsible_prediction",
        index=0 if ids else None,
        accept_new_options=True,
        placeholder="The id of a prediction",
        format_func=lambda one: f"{one}  {when(times[one])}" if one in times else one,
        help="The newest of this version, or any id of the log",
        width=420,
        bind="query-params",
    )
    if not chosen:
        st.markdown(":gray[This version has answered nothing there yet.]")
        return None
    logged = workspace().explanations.logged_prediction(deployment, chosen)
    return _masked(logged.record, logged.source, masked_log().masking(deployment))


def _masked(record: Mapping[str, Any], source: str, masking: Masking) -> ChosenRow:
    """The row with values of nobody for personal data, which the source then says."""
    if masking.kinds.keys() & record.keys():
        return ChosenRow(masking.examples([record])[0], f"{source}, personal data replaced")
    return ChosenRow(record, source)
