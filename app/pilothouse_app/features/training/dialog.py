"""Starting a training: one dialog, offered by Experiments and by a dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.models.tasks import ranking_metrics, tasks
from pilothouse.training.spec import SPLITS, TrainingSpec
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import count, plural, title
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_fields
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.table import name_column, table, text_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import metric_title

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.training.preview import TargetInfo, TrainingPreview

SPLIT_TITLES = {
    "auto": "By time if the data has an event time",
    "stratified": "Random, stratified by class",
    "random": "Random",
    "time": "By time: newest rows for testing",
}
COLUMN_USES = {
    "column": name_column("Column", width=170),
    "use": text_column("Use", width=90),
    "reason": text_column("Reason"),
}
DEFAULT_TRAINER = TrainingSpec.trainer
# What a spec says beside what the dialog asks.
PRESERVED = (
    *("time_column", "threshold", "cv_rows", "tags"),
    *("levels", "unit", "class_weight", "groups"),
)


def training_button(dataset: str = "", *, key: str = "train") -> None:
    """The button that opens the dialog, optionally with a dataset preselected."""
    if st.button("New training", type="primary", icon=":material/model_training:", key=key):
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
        for name in [name for name in st.session_state if str(name).startswith("train_")]:
            if name != key:
                del st.session_state[name]  # what was typed for another training
        _training(_newest(str(spec.get("dataset", ""))), spec)


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
    version = _dataset(refs, str(preset.get("experiment") or "default"))
    spec = _model(version, _task(version, preset), preset)
    ready = _preview({"dataset": version.ref, **spec})

    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="train_cancel"):
            st.rerun()
        pressed = st.button(
            "Start training",
            type="primary",
            key="train_go",
            disabled=not ready,
            help=None if ready else _missing(spec),
        )

    if pressed:
        _start({"dataset": version.ref, **spec})


def _missing(spec: Mapping[str, Any]) -> str:
    return "Fix the errors first" if spec["target"] else "Choose the target first"


def _preview(spec: dict[str, Any]) -> bool:
    """What the training will do, or why it cannot run; whether it can."""
    if not spec["target"]:
        return False
    name = f"training preview {json.dumps(spec, sort_keys=True, default=str)}"

    try:
        lines, columns = cached(name, lambda: _preview_values(spec))
    except PilothouseError as refusal:
        error_box(refusal)
        return False

    st.markdown("  \n".join(lines))
    used = sum(column["used"] for column in columns)
    label = f"{plural(used, 'feature')}, {len(columns) - used} columns left out"

    with st.expander(label, icon=":material/view_column:"):
        frame = pd.DataFrame(columns)
        frame["use"] = frame["used"].map({True: "Feature", False: "Left out"})
        table(frame, COLUMN_USES, key="train_columns", ids="column", alt="Use of each column")

    return True


def _preview_values(spec: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """The preview as plain values."""
    preview = workspace().training.preview(TrainingSpec.from_json(spec))
    lines = [
        f"**{preview.task_title}** of **{literal(preview.target)}**: {_labels(preview)}.",
        f"Trained on {count(preview.fitted)} rows, evaluated on {count(preview.held_out)}: "
        f"{SPLIT_TITLES[preview.split][:1].lower()}{SPLIT_TITLES[preview.split][1:]}.",
    ]
    return lines, [use.to_json() for use in preview.columns]


def _labels(preview: TrainingPreview) -> str:
    """What the labels are, in half a sentence."""
    if not preview.classes:
        return ", ".join(f"{name.lower()} {value:.4g}" for name, value in preview.summary.items())
    labelled = max(1, sum(preview.classes.values()))
    if preview.positive is not None:
        rows = preview.classes[preview.positive]
        return (
            f"the probability of **{literal(str(preview.positive))}** "
            f"({count(rows)} rows, {rows / labelled:.1%} of those with a label)"
        )
    return ", ".join(f"{literal(str(k))} {count(v)}" for k, v in preview.classes.items())


def _target(version: DatasetVersionInfo, target: str | None) -> TargetInfo | None:
    """What can be trained with the target; None when the preview says what is wrong with it."""
    if target is None:
        return None
    try:
        return cached(
            f"target {version.ref} {target}",
            lambda: workspace().training.describe_target(version.ref, target),
        )
    except PilothouseError:
        return None


def _positive(version: DatasetVersionInfo, target: str | None, preset: Mapping[str, Any]) -> Any:
    """The class whose probability is predicted: the rarer one, unless another is chosen."""
    info = _target(version, target)
    if info is None or info.positive is None:
        return None

    classes = dict(info.classes)
    labels = list(classes)
    same = [label for label in labels if str(label) == str(preset.get("positive"))]

    return st.segmented_control(
        "Positive class",
        labels,
        format_func=lambda label: f"{label} · {plural(classes[label], 'row')}",
        default=same[0] if same and target == preset.get("target") else labels[0],
        required=True,
        help="The class whose probability the model predicts. The rarer one is suggested.",
        key=f"train_positive_{version.ref}_{target}",
    )


def _datasets(dataset: str) -> list[str]:
    latest = list(workspace().data.datasets()["ref"])
    return [dataset, *(ref for ref in latest if ref != dataset)] if dataset else latest


def _dataset(refs: list[str], experiment: str) -> DatasetVersionInfo:
    left, right = st.columns(2)
    with left:
        ref = st.selectbox("Dataset", refs, key="train_dataset")
    with right:
        st.text_input("Experiment", experiment, key="train_experiment")
    return workspace().data.version(ref)


def _task(version: DatasetVersionInfo, preset: Mapping[str, Any]) -> dict[str, Any]:
    names = list(version.column_names)
    times = [column.name for column in version.schema if column.type == "time"]
    left, middle, right = st.columns(3)

    with left:
        target = st.selectbox(
            "Target",
            names,
            index=names.index(preset["target"]) if preset.get("target") in names else None,
            placeholder="The column to predict",
            key="train_target",
        )

    with middle:
        splits = [split for split in SPLITS if split != "time" or times or version.event_time]
        split = st.selectbox(
            "Split",
            sorted(splits, key=lambda split: split != preset.get("split", "auto")),
            format_func=lambda split: SPLIT_TITLES.get(split, title(split)),
            key="train_split",
        )

    with right:
        share = st.slider(
            "Share held out for the test",
            5,
            50,
            round(100 * preset.get("test_share", 0.2)),
            format="%d %%",
            key="train_share",
        )

    positive = _positive(version, target, preset)
    features = st.multiselect(
        "Features",
        [name for name in names if name != target],
        default=[n for n in preset.get("features", ()) if n in names and n != target],
        placeholder="Every usable column",
        key="train_features",
    )

    return {
        "target": target,
        "positive": positive,
        "split": split,
        "test_share": share / 100,
        "features": features,
        "experiment": st.session_state["train_experiment"].strip() or "default",
    }


def _model(
    version: DatasetVersionInfo, task: dict[str, Any], preset: Mapping[str, Any]
) -> dict[str, Any]:
    target = _target(version, task["target"])
    name = None if target is None else target.task
    trainers = {trainer.name: trainer for trainer in workspace().training.trainers(name)}
    metrics = [] if name is None else [m.key for m in ranking_metrics(tasks.get(name))]
    trainer = st.segmented_control(
        "Trainer",
        list(trainers),
        format_func=lambda name: trainers[name].title,
        default=preset["trainer"] if preset.get("trainer") in trainers else DEFAULT_TRAINER,
        required=True,
        key="train_trainer",
        width="stretch",
    )

    left, middle, right = st.columns(3)
    with left:
        folds = st.number_input(
            "Cross-validation folds", 2, 20, max(2, preset.get("folds", 3)), key="train_folds"
        )

    with middle:
        trials = st.number_input(
            "Search trials",
            0,
            500,
            preset.get("trials", 0),
            key="train_trials",
            help="0 trains once with the parameters below; more searches their ranges.",
        )

    with right:
        metric = st.selectbox(
            "Metric",
            metrics,
            index=metrics.index(preset["metric"]) if preset.get("metric") in metrics else 0,
            format_func=metric_title,
            key="train_metric",
        )

    with st.expander("Parameters", icon=":material/tune:"):
        same = trainer == preset.get("trainer")
        settled = dict(preset.get("params") or {}) if same else {}
        info = trainers[str(trainer)]
        st.markdown(f":gray[{info.description}]")
        params = parameter_fields(info.parameters, settled, key=f"train_{trainer}")

    return {
        **{name: preset[name] for name in PRESERVED if name in preset},
        **task,
        "trainer": trainer,
        "folds": int(folds),
        "trials": int(trials),
        "metric": metric,
        "params": params,
        "seed": preset.get("seed", 0),
    }


def _start(spec: dict[str, Any]) -> None:
    try:
        job = workspace().training.submit(TrainingSpec.from_json(spec))
    except PilothouseError as refusal:
        error_box(refusal)
        return
    toast_next("Training started")
    go(address("job", job))
