"""How it is trained: the trainer and its parameters, folds, search, what ranks, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.models.tasks import ranking_metrics
from pilothouse.training.api import MAX_MINUTES, MINUTES
from pilothouse.training.spec import TrainingSpec
from pilothouse_app.components.parameter_form import parameter_fields
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import metric_title

if TYPE_CHECKING:
    from pilothouse.training.api import TrainerInfo
    from pilothouse_app.features.training.task_fields import Target

DEFAULT_TRAINER = TrainingSpec.trainer


def trainer_fields(target: Target, preset: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a spec about its trainer; those of the task are offered."""
    task = None if target.info is None else target.info.task
    trainers = {trainer.name: trainer for trainer in workspace().training.trainers(task)}
    info = trainers[_trainer(trainers, preset)]
    _missing(workspace().training.missing_trainers(task))

    cells = st.columns(4)
    with cells[0]:
        folds = st.number_input("Folds", 2, 20, max(2, preset.get("folds", 3)), key="train_folds")
    with cells[1]:
        trials = _trials(info, preset)
    with cells[2]:
        metric = _metric(target, preset)
    with cells[3]:
        seed = st.number_input("Seed", 0, None, int(preset.get("seed", 0)), key="train_seed")

    return {
        "trainer": info.name,
        "folds": int(folds),
        "trials": trials,
        "metric": metric,
        "seed": int(seed),
        "params": _parameters(info, preset),
    }


def _trainer(trainers: Mapping[str, TrainerInfo], preset: Mapping[str, Any]) -> str:
    if st.session_state.get("train_trainer") not in trainers:
        st.session_state.pop("train_trainer", None)  # of a target with another task
    start = preset.get("trainer")
    chosen = st.segmented_control(
        "Trainer",
        list(trainers),
        format_func=lambda name: trainers[name].title,
        default=start if start in trainers else DEFAULT_TRAINER,
        required=True,
        key="train_trainer",
        width="stretch",
    )
    return str(chosen)


def _missing(missing: Sequence[TrainerInfo]) -> None:
    """The trainers that could be used, with the command that installs them."""
    for command in dict.fromkeys(info.install for info in missing):
        titles = " and ".join(info.title for info in missing if info.install == command)
        verb = "is" if " and " not in titles else "are"
        st.markdown(f":gray[{titles} {verb} not installed: `{command}`]")


def _trials(info: TrainerInfo, preset: Mapping[str, Any]) -> int:
    trials = st.number_input(
        "Search trials",
        0,
        500,
        preset.get("trials", 0),
        key="train_trials",
        disabled=not info.is_searchable,
        help="0 trains once with the parameters below; more search their ranges for the best "
        "value of the metric.",
    )
    return int(trials) if info.is_searchable else 0


def _metric(target: Target, preset: Mapping[str, Any]) -> str | None:
    metrics = [] if target.task is None else [m.key for m in ranking_metrics(target.task)]
    if st.session_state.get("train_metric") not in metrics:
        st.session_state.pop("train_metric", None)  # of another task
    return st.selectbox(
        "Metric",
        metrics,
        index=metrics.index(preset["metric"]) if preset.get("metric") in metrics else 0,
        format_func=metric_title,
        help="Ranks trainers and the trials of a search.",
        key="train_metric",
    )


def _parameters(info: TrainerInfo, preset: Mapping[str, Any]) -> dict[str, Any]:
    with st.expander("Parameters", icon=":material/tune:", key="train_parameters"):
        settled = dict(preset.get("params") or {}) if info.name == preset.get("trainer") else {}
        st.markdown(f":gray[{info.description}]")
        return parameter_fields(info.parameters, settled, key=f"train_{info.name}")


def minutes_field() -> float:
    """The time limit of trying all trainers."""
    minutes = st.number_input(
        "Minutes for Try all",
        1,
        MAX_MINUTES,
        int(MINUTES),
        key="train_minutes",
        help="Try all starts no further trainer after this time.",
    )
    return float(minutes)
