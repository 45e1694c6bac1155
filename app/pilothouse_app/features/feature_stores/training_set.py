"""Making a training set: rows of a dataset with the features that held at their times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.data.schema import NAMES
from pilothouse.features import FeatureRequest
from pilothouse.kit.names import DATASET
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import count, title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.register_dataset import submit_and_wait
from pilothouse_app.features.data.register_source import first_rows

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.features import FeatureStoreInfo

PREVIEW = "_training_set_preview"
SERVICE, FEATURES = "A service", "Features"


def training_set_button(info: FeatureStoreInfo) -> None:
    """The button that opens the dialog; nothing for a store without features."""
    if info.catalog.references and st.button(
        "Make a training set", type="primary", icon=":material/join:", key="training_set"
    ):
        st.session_state.pop(PREVIEW, None)
        _training_set_dialog(info)


@st.dialog("Make a training set", width="large", icon=":material/join:")
def _training_set_dialog(info: FeatureStoreInfo) -> None:
    """Which rows, which features, the first rows of the result, and what it is called."""
    st.markdown(
        "Each row of the dataset gets the values that were known at its time, not later ones. A "
        "refresh makes the next version."
    )
    datasets = workspace().data.datasets()
    if datasets.empty:
        st.info("Register the rows of entities as a dataset first.", icon=":material/table_view:")
        return
    left, right = st.columns(2)
    with left:
        ref = str(
            st.selectbox(
                "Rows of entities", _entities(list(datasets["ref"])), key="training_entities"
            )
        )
    version = workspace().data.version(ref)
    with right:
        time = _time(version)
    request = _request(info)
    missing = _missing(info, version, time, request)
    settings = {
        "store": info.name,
        "entities": ref,
        "time": time,
        "features": list(request.features),
        "service": request.service,
    }
    _preview(settings, missing)
    guess = DATASET.suggest(f"{version.dataset}_features")
    name, unnamed = name_input(DATASET, guess, key=f"training_name_{guess}")
    if dialog_buttons("Make it", "training_set", missing=missing or unnamed):
        submit_and_wait(lambda: workspace().data.submit_from(name, "feature_store", settings))


def _entities(refs: list[str]) -> list[str]:
    """Every dataset; those that are training sets themselves come last."""
    made = {source.dataset for source in workspace().data.datasets_from("feature_store")}
    return sorted(refs, key=lambda ref: (ref.partition("@")[0] in made, ref))


def _time(version: DatasetVersionInfo) -> str:
    times = [column.name for column in version.schema if column.type == "time"]
    start = times.index(version.event_time) if version.event_time in times else 0
    chosen = st.selectbox(
        "Their time", times, index=start if times else None, key=f"training_time_{version.ref}",
        placeholder="It has no column of times",
    )  # fmt: skip
    return chosen or ""


def _request(info: FeatureStoreInfo) -> FeatureRequest:
    services = list(info.catalog.services)
    way = st.segmented_control(
        "What", [SERVICE, FEATURES] if services else [FEATURES], required=True,
        default=SERVICE if services else FEATURES, key="training_way",
        label_visibility="collapsed",
    )  # fmt: skip
    if way == SERVICE:
        service = str(st.selectbox("Service", services, key="training_service"))
        names = ", ".join(info.catalog.feature_names(FeatureRequest(service=service)))
        st.markdown(f":small[:gray[{literal(names)}]]")
        return FeatureRequest(service=service)
    chosen = st.multiselect("Features", info.catalog.references, key="training_features")
    return FeatureRequest(features=tuple(chosen))


def _missing(
    info: FeatureStoreInfo, version: DatasetVersionInfo, time: str, request: FeatureRequest
) -> str:
    """What is needed first; empty when it can be made."""
    if not (request.service or request.features):
        return "Choose features first"
    names = {column.name for column in version.schema}
    absent = [key for key in info.catalog.needed_columns(request) if key not in names]
    taken = sorted(names & set(info.catalog.feature_names(request)))
    if absent:
        problem = f"{version.ref} has no column {', '.join(absent)}, which these features need"
    elif not time:
        problem = f"{version.ref} has no column of times"
    elif taken:
        problem = f"{version.ref} has a column {', '.join(taken)} already"
    else:
        return ""
    st.markdown(f":orange[:material/warning: {literal(problem)}.]")
    return problem


def _preview(settings: Mapping[str, Any], missing: str) -> None:
    if st.button(
        "Preview", icon=":material/visibility:", disabled=bool(missing), help=missing or None,
        key="training_preview",
    ):  # fmt: skip
        st.session_state[PREVIEW] = None

        def read() -> None:
            result = workspace().data.preview_from("feature_store", settings)
            types = {column.name: title(NAMES[column.type]) for column in result.report.columns}
            st.session_state[PREVIEW] = (settings, result.frame, types)

        with st.spinner("The features of the first rows are read"):
            run_or_show_error(read)
    tried, frame, types = st.session_state.get(PREVIEW) or (None, None, {})
    if tried == settings and frame is not None:
        first_rows(frame, types, ())
        rows = workspace().data.version(str(settings["entities"])).rows
        st.markdown(f":small[:gray[Of {count(rows)} rows]]")
