"""Starting an evaluation of a version on a dataset version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.models.tasks import task_of
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import count
from pilothouse_app.components.links import address, go, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.deployments.readiness import ReadinessStep
    from pilothouse.registry.info import VersionInfo

MAX_COMPARED = 50


def evaluate_button(version: VersionInfo, steps: Sequence[ReadinessStep]) -> None:
    """The button that opens the evaluation of a version; disabled while something is missing."""
    missing = _obstacle(version, steps)
    if st.button(
        "Evaluate",
        icon=":material/fact_check:",
        key="evaluate",
        disabled=bool(missing),
        help=missing or None,
    ):
        _evaluate(version.model, version.version)


def _obstacle(version: VersionInfo, steps: Sequence[ReadinessStep]) -> str:
    """What stands between a version and its evaluation; empty when nothing does."""
    if not version.signature.is_described:
        return "Describe its inputs and its answer first"
    if version.package is None:
        return ""
    before = (step for step in steps if not step.done and step.name != "example")
    step = next(before, None)
    return "" if step is None else literal(f"Not yet: {step.message}")


@st.dialog("Evaluate", width="medium", icon=":material/fact_check:")
def _evaluate(model: str, version: int) -> None:
    info = workspace().registry.version(model, version)
    refs = dataset_refs(info)
    if not refs:
        without_dataset("There is no dataset to evaluate on yet.")
        return

    st.markdown(_what_happens(info))
    left, right = st.columns(2)
    with left:
        ref = st.selectbox("Dataset", refs, key="evaluate_dataset")
    data = workspace().data.version(ref)
    with right:
        label = _label(info, data)
    missing = _missing(info, data, label)
    _notes(info, data, missing)
    if dialog_buttons("Evaluate", "evaluate", missing=missing):
        run_or_show_error(lambda: _start(info, data.ref, label or ""))


def without_dataset(text: str) -> None:
    """Why a dialog has nothing to choose, and the way to the screen that registers datasets."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown(text)
        if st.button("Register a dataset", type="primary", key="evaluate_register"):
            go(screen("data"))


def dataset_refs(version: VersionInfo) -> list[str]:
    """The newest version of each dataset: first those that fit, new to the model, with its target.

    Only the first `MAX_COMPARED` are looked at.
    """
    return cached(f"datasets for {version.ref}", lambda: _sorted_refs(version))


def _sorted_refs(version: VersionInfo) -> list[str]:
    data = workspace().data
    refs = [str(ref) for ref in data.datasets()["ref"]]

    def misfit(ref: str) -> tuple[bool, bool, bool]:
        info = data.version(ref)
        unlabelled = version.signature.target not in info.column_names
        return bool(lacking_inputs(version, info)), unlabelled, ref == version.dataset

    return sorted(refs[:MAX_COMPARED], key=misfit) + refs[MAX_COMPARED:]


def lacking_inputs(version: VersionInfo, data: DatasetVersionInfo) -> str:
    """Which needed inputs a dataset version has no column for, as a sentence; "" when none."""
    names = set(data.column_names)
    inputs = version.signature.inputs
    lacking = [field.name for field in inputs if field.required and field.name not in names]
    return f"{data.ref} has no column {', '.join(lacking[:5])}" if lacking else ""


def _what_happens(version: VersionInfo) -> str:
    name = f"**{literal(version.model)} {version.version}**"
    if not task_of(version.signature).metrics:
        return f"The rows and the answers of {name} become the reference of its windows."
    return (
        f"{name} answers the labelled rows. Its metrics and documents become a run, and evidence "
        "for its gates."
    )


def _label(version: VersionInfo, data: DatasetVersionInfo) -> str | None:
    if not task_of(version.signature).metrics:
        return ""
    names = list(data.column_names)
    target = version.signature.target
    return st.selectbox(
        "Label",
        names,
        index=names.index(target) if target in names else None,
        placeholder="The column with what was observed",
        key=f"evaluate_label_{data.ref}",
    )


def _missing(version: VersionInfo, data: DatasetVersionInfo, label: str | None) -> str:
    return lacking_inputs(version, data) or ("Choose the label" if label is None else "")


def _notes(version: VersionInfo, data: DatasetVersionInfo, missing: str) -> None:
    if missing:
        st.markdown(f":gray[{literal(missing)}.]")
    elif data.ref == version.dataset:
        st.warning(
            "The version was trained on these rows: its metrics will be better than they are on "
            "new ones.",
            icon=":material/warning:",
        )
    else:
        st.markdown(f":gray[{count(data.rows)} rows.]")


def _start(version: VersionInfo, dataset: str, label: str) -> None:
    job = workspace().pipelines.evaluate_version(version.model, version.version, dataset, label)
    toast_next("Evaluation started", icon=":material/fact_check:")
    go(address("job", job))
