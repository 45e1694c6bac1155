"""What is predicted and on which rows: the target, its task, the task's options, the split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.models.tasks import Task, tasks
from pilothouse.training.spec import (
    AUTO,
    CLASS_WEIGHTS,
    EVALUATIONS,
    FOLDS,
    HELD_OUT,
    SPLITS,
)
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.optional_number import optional_number
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.training.preview import TargetInfo

SPLIT_TITLES = {
    AUTO: "By time if the data has an event time",
    "stratified": "Random, stratified by class",
    "random": "Random",
    "time": "By time: newest rows for testing",
}
EVALUATION_TITLES = {
    AUTO: "By folds if too few rows are held out",
    HELD_OUT: "On held-out rows",
    FOLDS: "By folds: every row is answered",
}
CLASS_WEIGHT_TITLES = {"none": "As in the data", "balanced": "Balanced"}
LEVELS = ("0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95")


@dataclass(frozen=True)
class Target:
    """The column to predict; `info` is None when it suits no task."""

    column: str | None
    info: TargetInfo | None

    @property
    def task(self) -> Task | None:
        """The task in force."""
        return None if self.info is None else tasks.get(self.info.task)


def target_fields(version: DatasetVersionInfo, preset: Mapping[str, Any]) -> Target:
    """The target, and its task where it suits more than one."""
    names = list(version.column_names)
    left, right = st.columns(2)
    with left:
        column = st.selectbox(
            "Target",
            names,
            index=names.index(preset["target"]) if preset.get("target") in names else None,
            placeholder="The column to predict",
            key="train_target",
        )
    with right:
        return Target(column, _task_field(version, column, preset))


def _task_field(
    version: DatasetVersionInfo, column: str | None, preset: Mapping[str, Any]
) -> TargetInfo | None:
    info = _describe(version, column, None)
    if info is None:
        st.selectbox("Task", [], placeholder="Follows from the target", disabled=True)
        return None

    names = list(info.tasks)
    is_preset = column == preset.get("target") and preset.get("task") in names
    name = st.selectbox(
        "Task",
        names,
        index=names.index(preset["task"]) if is_preset else 0,
        format_func=info.tasks.__getitem__,
        disabled=len(names) == 1,
        help=tasks.get(info.task).description,
        key=f"train_task_{version.ref}_{column}",
    )
    return info if name == info.task else _describe(version, column, name)


def _describe(
    version: DatasetVersionInfo, column: str | None, task: str | None
) -> TargetInfo | None:
    """What can be trained with a column; None when the preview says what is wrong with it."""
    if column is None:
        return None
    try:
        return cached(
            f"target {version.ref} {column} {task}",
            lambda: workspace().training.describe_target(version.ref, column, task),
        )
    except PilothouseError:
        return None


def task_options(
    version: DatasetVersionInfo, target: Target, preset: Mapping[str, Any]
) -> dict[str, Any]:
    """The options that the task has, as fields of a spec."""
    task, info = target.task, target.info
    if task is None or info is None:
        return {}
    same = target.column == preset.get("target") and info.task == preset.get("task", info.task)
    before: Mapping[str, Any] = preset if same else {}
    key = f"{version.ref}_{target.column}_{info.task}"
    fields: list[tuple[str, Callable[[Mapping[str, Any], str], Any]]] = []

    if task.has_threshold:
        fields.append(("positive", lambda before, key: _positive(info, before, key)))
        fields.append(("threshold", _threshold))
    if task.default_levels:
        fields.append(("levels", lambda before, key: _levels(task, before, key)))
    if task.has_classes:
        fields.append(("class_weight", _class_weight))
    if any(metric.in_target_unit for metric in task.metrics):
        fields.append(("unit", _unit))

    values: dict[str, Any] = {}
    for cell, (name, field) in zip(st.columns(_widths(fields)), fields, strict=True):
        with cell:
            values[name] = field(before, key)
    return values


def _widths(fields: list[Any]) -> list[int]:
    """The first field is as wide as the others together, when there are others."""
    return [max(1, len(fields) - 1), *(1 for _ in fields[1:])]


def _positive(info: TargetInfo, before: Mapping[str, Any], key: str) -> Any:
    """The class whose probability is predicted: the rarer one, unless another is chosen."""
    classes = dict(info.classes)
    labels = list(classes)
    same = [label for label in labels if str(label) == str(before.get("positive"))]
    return st.segmented_control(
        "Positive class",
        labels,
        format_func=lambda label: f"{label} · {plural(classes[label], 'row')}",
        default=same[0] if same else labels[0],
        required=True,
        help="The class whose probability the model predicts. The rarer one is suggested.",
        key=f"train_positive_{key}",
    )


def _threshold(before: Mapping[str, Any], key: str) -> float | None:
    return optional_number(
        "Threshold",
        before.get("threshold"),
        min_value=0.01,
        max_value=0.99,
        step=0.05,
        placeholder="Best on the folds",
        help="From this probability on, the positive class is predicted. Empty: where Youden's "
        "index is highest on the folds.",
        key=f"train_threshold_{key}",
    )


def _levels(task: Task, before: Mapping[str, Any], key: str) -> list[float]:
    start = [f"{level:g}" for level in before.get("levels") or task.default_levels]
    chosen = st.multiselect(
        "Quantile levels",
        [*LEVELS, *(level for level in start if level not in LEVELS)],
        default=start,
        accept_new_options=True,
        help="Of each row, so many values lie below: 0.9 means nine in ten. The outermost two "
        "make an interval.",
        key=f"train_levels_{key}",
    )
    return sorted({_as_level(text) for text in chosen})


def _as_level(text: str) -> float:
    """A typed level; NaN, which the preview refuses, when it is no number."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def _class_weight(before: Mapping[str, Any], key: str) -> str:
    chosen = st.selectbox(
        "Class weights",
        CLASS_WEIGHTS,
        index=CLASS_WEIGHTS.index(before.get("class_weight", CLASS_WEIGHTS[0])),
        format_func=CLASS_WEIGHT_TITLES.__getitem__,
        help="Balanced weighs each row by the inverse of its class's share. Probabilities then no "
        "longer agree with the shares of the data.",
        key=f"train_weights_{key}",
    )
    return str(chosen)


def _unit(before: Mapping[str, Any], key: str) -> str:
    typed = st.text_input(
        "Unit",
        before.get("unit", ""),
        placeholder="Such as USD, h or kg",
        help="The unit of the target; errors are shown in it.",
        key=f"train_unit_{key}",
    )
    return str(typed).strip()


def split_fields(
    version: DatasetVersionInfo, target: Target, preset: Mapping[str, Any]
) -> dict[str, Any]:
    """Which rows are evaluated on in which way, as fields of a spec."""
    names = [name for name in version.column_names if name != target.column]
    times = [c.name for c in version.schema if c.type == "time" and c.name != target.column]
    cells = st.columns([3, 3, 2, 2, 2])
    with cells[0]:
        split = _split(target, bool(times), preset)
    with cells[1]:
        evaluation = _evaluation(preset)
    with cells[2]:
        share = st.slider(
            "Share held out",
            5,
            50,
            round(100 * preset.get("test_share", 0.2)),
            format="%d %%",
            disabled=evaluation == FOLDS,
            key="train_share",
        )
    with cells[3]:
        time_column = _time_column(version, times, split, preset)
    with cells[4]:
        groups = st.selectbox(
            "Groups",
            names,
            index=names.index(preset["groups"]) if preset.get("groups") in names else None,
            placeholder="None",
            help="Rows with the same value of this column, such as a customer, are never on both "
            "sides of the split.",
            key=f"train_groups_{version.ref}",
        )
    return {
        "split": split,
        "evaluation": evaluation,
        "test_share": share / 100,
        "time_column": time_column,
        "groups": groups,
    }


def _split(target: Target, has_times: bool, preset: Mapping[str, Any]) -> str:
    has_classes = target.task is None or target.task.has_classes
    splits = [
        split
        for split in SPLITS
        if (split != "time" or has_times) and (split != "stratified" or has_classes)
    ]
    if st.session_state.get("train_split") not in splits:
        st.session_state.pop("train_split", None)
    start = preset.get("split", AUTO)
    return st.selectbox(
        "Split",
        splits,
        index=splits.index(start) if start in splits else 0,
        format_func=lambda split: SPLIT_TITLES.get(split, title(split)),
        key="train_split",
    )


def _evaluation(preset: Mapping[str, Any]) -> str:
    """How the rows are evaluated on; specs from before there was a choice held rows out."""
    start = preset.get("evaluation", HELD_OUT if "split" in preset else AUTO)
    return st.selectbox(
        "Evaluation",
        EVALUATIONS,
        index=EVALUATIONS.index(start) if start in EVALUATIONS else 0,
        format_func=EVALUATION_TITLES.__getitem__,
        help="By folds, each row is answered by a model that was not fitted on it, and the model "
        "that is kept is fitted on all rows.",
        key="train_evaluation",
    )


def _time_column(
    version: DatasetVersionInfo, times: list[str], split: str, preset: Mapping[str, Any]
) -> str | None:
    """The column that orders the rows; None means the event time of the data."""
    start = preset.get("time_column") or version.event_time
    chosen = st.selectbox(
        "Time of the split",
        times,
        index=times.index(start) if start in times else None,
        placeholder="None",
        disabled=not times or split not in (AUTO, "time"),
        help="Orders the rows of a split by time. It is not a feature.",
        key=f"train_time_{version.ref}",
    )
    return None if chosen == version.event_time else chosen
