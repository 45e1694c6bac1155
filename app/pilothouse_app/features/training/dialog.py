"""Starting a training: one dialog, offered by Experiments and by a dataset."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.training.spec import TrainingSpec
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import count
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.person import signature
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.spread_field import spread_field
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.training.column_list import START, ColumnChoice, column_fields
from pilothouse_app.features.training.task_fields import (
    SPLIT_TITLES,
    split_fields,
    target_fields,
    task_options,
)
from pilothouse_app.features.training.trainer_fields import minutes_field, trainer_fields

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.training.preview import TrainingPreview

# What a spec says beside what the dialog asks.
PRESERVED = ("cv_rows", "tags", "note")
MAX_CLASSES = 12  # of more, a sentence names the most frequent


def training_button(dataset: str = "", *, key: str = "train") -> None:
    """The button that opens the dialog, optionally with a dataset preselected."""
    if st.button("New training", type="primary", icon=":material/model_training:", key=key):
        _forget(START)
        _training(dataset)


def train_again_button(
    spec: Mapping[str, Any],
    *,
    key: str = "train_again",
    label: str = "Train again",
    icon: str = ":material/replay:",
) -> None:
    """The button that opens the dialog with a spec's settings, on its dataset's newest version."""
    if st.button(label, type="primary", icon=icon, key=key):
        _forget("train_", key)  # what was typed for another training
        _training(_newest(str(spec.get("dataset", ""))), spec)


def _forget(prefix: str, but: str = "") -> None:
    for name in [name for name in st.session_state if str(name).startswith(prefix)]:
        if name != but:
            del st.session_state[name]


def _newest(ref: str) -> str:
    """The newest version of the same dataset, or this one when there is none any more."""
    name = ref.rpartition("@")[0]
    return next((other for other in _datasets("") if other.rpartition("@")[0] == name), ref)


@st.dialog("New training", width="large", icon=":material/model_training:")
def _training(dataset: str, preset: Mapping[str, Any] | None = None) -> None:
    refs = _datasets(dataset)
    if not refs:
        st.markdown("There is no dataset to train on yet. Register one on **Data** first.")
        return

    preset = preset or {}
    version, names = _dataset_fields(refs, preset)
    target = target_fields(version, preset)
    task = None if target.info is None else target.info.task
    spec: dict[str, Any] = {
        **{name: preset[name] for name in PRESERVED if name in preset},
        **names,
        "dataset": version.ref,
        "target": target.column,
        "task": task,
        **task_options(version, target, preset),
        **split_fields(version, target, preset),
    }

    columns = column_fields(version, spec, preset) if task else None
    spec["features"] = columns.features if columns else []
    spec |= trainer_fields(target, preset)
    ready = _preview(spec, columns)
    _commands(spec, ready)


def _datasets(dataset: str) -> list[str]:
    latest = list(workspace().data.datasets()["ref"])
    return [dataset, *(ref for ref in latest if ref != dataset)] if dataset else latest


def _dataset_fields(
    refs: list[str], preset: Mapping[str, Any]
) -> tuple[DatasetVersionInfo, dict[str, str]]:
    """The dataset version, and the names of the experiment and the run."""
    cells = st.columns([2, 1, 1])
    with cells[0]:
        ref = st.selectbox("Dataset", refs, key="train_dataset")
    with cells[1]:
        start = str(preset.get("experiment") or "default")
        experiment = st.text_input("Experiment", start, key="train_experiment")
    with cells[2]:
        name = st.text_input("Run name", placeholder="Optional", key="train_name")
    names = {"experiment": experiment.strip() or "default", "name": name.strip()}
    return workspace().data.version(ref), names


def _preview(spec: dict[str, Any], columns: ColumnChoice | None) -> bool:
    """What the training will do, or why it cannot run; whether it can."""
    if not spec["target"]:
        return False
    if columns is not None and not columns.used:
        st.error("No column is in use. Switch on at least one.", icon=":material/error:")
        return False

    name = f"training preview {json.dumps(spec, sort_keys=True, default=str)}"
    try:
        lines = cached(name, lambda: _preview_lines(spec))
    except PilothouseError as refusal:
        error_box(refusal)
        return False
    st.markdown("  \n".join(lines))
    return True


def _preview_lines(spec: dict[str, Any]) -> list[str]:
    preview = workspace().training.preview(TrainingSpec.from_json(spec))
    without = f"; {count(preview.without_label)} have no label" if preview.without_label else ""
    split = SPLIT_TITLES[preview.split]
    way = f" rows out of fold, by {preview.folds} folds" if preview.folds else ""
    return [
        f"**{preview.task_title}** of **{literal(preview.target)}**: {_labels(preview)}.",
        f"Trained on {count(preview.fitted)} rows, evaluated on {count(preview.held_out)}"
        f"{way} ({split[:1].lower()}{split[1:]}){without}.",
    ]


def _labels(preview: TrainingPreview) -> str:
    """What the labels are, in half a sentence."""
    if not preview.classes:
        unit = f" {literal(preview.spec.unit)}" if preview.spec.unit else ""
        values = ((name.lower(), value) for name, value in preview.summary.items())
        return ", ".join(f"{literal(name)} {value:.4g}{unit}" for name, value in values)
    labelled = max(1, sum(preview.classes.values()))
    if preview.positive is not None:
        rows = preview.classes[preview.positive]
        return (
            f"the probability of **{literal(str(preview.positive))}** "
            f"({count(rows)} rows, {rows / labelled:.1%} of those with a label)"
        )
    classes = list(preview.classes.items())
    more = f" and {len(classes) - MAX_CLASSES} more" if len(classes) > MAX_CLASSES else ""
    return ", ".join(f"{literal(str(k))} {count(v)}" for k, v in classes[:MAX_CLASSES]) + more


def _commands(spec: Mapping[str, Any], ready: bool) -> None:
    hint = (
        None if ready else "Fix the errors first" if spec["target"] else "Choose the target first"
    )
    nameless, sign = signature("train")
    ready, hint = ready and not nameless, hint or nameless or None
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    with left:
        minutes = minutes_field()
    with middle:
        spread = spread_field("train_spread")
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="train_cancel"):
            st.rerun()
        every = st.button(
            "Try all",
            icon=":material/leaderboard:",
            key="train_all",
            disabled=not ready,
            on_click=sign,
            help=hint or "Trains every trainer that fits on the same split, and ranks them",
        )
        one = st.button(
            "Start training",
            type="primary",
            key="train_go",
            disabled=not ready,
            help=hint,
            on_click=sign,
        )

    training = workspace().training
    if every:
        _start(
            lambda: training.submit_all(
                TrainingSpec.from_json(spec), minutes=minutes, spread=spread
            )
        )
    elif one:
        _start(lambda: training.submit(TrainingSpec.from_json(spec), spread=spread))


def _start(submit: Callable[[], str]) -> None:
    try:
        job = submit()
    except PilothouseError as refusal:
        error_box(refusal)
        return
    toast_next("Training started")
    go(address("job", job))
