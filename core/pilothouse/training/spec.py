"""What to train: a dataset version, a target, a split and a trainer, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.tasks import ranking_metrics, tasks
from pilothouse.training.trainers import (
    is_searchable,
    require_installed,
    resolve_params,
    trainers,
)

AUTO = "auto"
SPLITS = (AUTO, "random", "stratified", "time")
HELD_OUT, FOLDS = "held_out", "folds"
EVALUATIONS = (AUTO, HELD_OUT, FOLDS)
BALANCED = "balanced"
CLASS_WEIGHTS = ("none", BALANCED)
# Specs that were stored before `evaluation` existed have all of these; they held rows out.
STORED_FIELDS = frozenset(
    ("split", "test_share", "time_column", "trainer", "params", "folds", "trials", "metric", "seed")
)


@dataclass(frozen=True)
class TrainingSpec:
    """One training: a single run, or with `trials` a search of one parent run and its trials.

    `task` None means the one that the target suggests, `metric` None that task's primary metric.
    Empty `features` means every usable column. Of two classes, `positive` is the one whose
    probability is predicted (when None, the rarer class), and `threshold` None means: where
    Youden's index is best on the folds. `class_weight` "balanced" weighs each row by the inverse of
    its class's share. `levels` are those of a quantile regression. `unit` is that of the target.
    The split "auto" is by time where the data has an event time and both sides would hold every
    class, and else the same share of each class, or at random. `groups` is a column whose rows of
    one value are never on both sides. `cv_rows` bounds the rows that folds use (0: all).
    `time_column` None means the dataset's own event time. With `half_life_days`, a row that is so
    much older than the newest one fitted on weighs half as much. `evaluation` is on "held_out" rows
    or by "folds", which answer every row and leave all of them to be fitted on; "auto" is by folds
    where the held-out rows would be too few to judge by.
    """

    dataset: str
    target: str
    features: tuple[str, ...] = ()
    split: str = AUTO
    test_share: float = 0.2
    time_column: str | None = None
    trainer: str = "hist_gradient_boosting"
    params: Mapping[str, Any] = field(default_factory=dict)
    folds: int = 3
    trials: int = 0
    metric: str | None = None
    seed: int = 0
    experiment: str = "default"
    name: str = ""
    positive: str | int | float | bool | None = None
    threshold: float | None = None
    cv_rows: int = 20_000
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    task: str | None = None
    levels: tuple[float, ...] = ()
    unit: str = ""
    class_weight: str = "none"
    groups: str | None = None
    half_life_days: float | None = None
    evaluation: str = AUTO

    def to_json(self) -> dict[str, Any]:
        """Plain values, which `from_json` reads back to an equal spec."""
        return {**asdict(self), "features": list(self.features), "levels": list(self.levels)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainingSpec:
        """A checked spec. Raises Invalid that names each wrong field, NotFound for the trainer."""
        field_names = {item.name for item in fields(cls)}
        if unknown := sorted(set(value) - field_names):
            raise Invalid(
                f"a training has no field {', '.join(unknown)}.",
                fields=dict.fromkeys(unknown, "unknown"),
            )
        if set(value) >= STORED_FIELDS and "evaluation" not in value:
            value = {**value, "evaluation": HELD_OUT}
        wrong = {name: "needed" for name in ("dataset", "target") if not value.get(name)}
        if wrong:
            raise Invalid("a training needs a dataset and a target.", fields=wrong)
        lists = {name: tuple(value.get(name) or ()) for name in ("features", "levels")}
        blank = {name: value.get(name) or None for name in ("task", "metric", "groups")}
        return cls(**{**value, **lists, **blank}).checked()

    def checked(self) -> TrainingSpec:
        """The spec with every parameter filled in. Raises Invalid that names the wrong fields."""
        if wrong := {name: message for name, message in self._wrong() if message}:
            message = "; ".join(f"{name} {problem}" for name, problem in wrong.items())
            raise Invalid(f"this training cannot run: {message}.", fields=wrong)
        if self.task is not None:
            tasks.get(self.task)
        trainer = trainers.get(self.trainer)
        require_installed(trainer)
        if self.trials and not is_searchable(trainer):
            raise Invalid(
                f"{trainer.title} has no parameters to search.",
                hint="Train it with 0 trials.",
                fields={"trials": f"{trainer.title} has nothing to search"},
            )
        return replace(self, params=resolve_params(trainer, self.params))

    def _wrong(self) -> list[tuple[str, str]]:
        return [
            ("split", _wrong_choice(self.split, SPLITS)),
            ("evaluation", _wrong_choice(self.evaluation, EVALUATIONS)),
            ("test_share", "" if 0.05 <= self.test_share <= 0.5 else "must be 0.05 to 0.5"),
            ("folds", "" if self.folds == 0 or 2 <= self.folds <= 20 else "must be 0, or 2 to 20"),
            ("trials", "" if 0 <= self.trials <= 500 else "must be 0 to 500"),
            ("cv_rows", "" if self.cv_rows >= 0 else "must not be negative"),
            ("metric", self._wrong_metric()),
            ("features", "holds the target" if self.target in self.features else ""),
            ("groups", "is the target" if self.target == self.groups else ""),
            ("threshold", "" if _is_share(self.threshold) else "must be within 0 and 1"),
            ("levels", "" if all(map(_is_share, self.levels)) else "must be within 0 and 1"),
            ("half_life_days", "" if _is_positive(self.half_life_days) else "must be above 0"),
            ("class_weight", _wrong_choice(self.class_weight, CLASS_WEIGHTS)),
        ]

    def _wrong_metric(self) -> str:
        """Whether the metric is none of the task's; none of any task while there is no task."""
        if not self.metric or (self.task is not None and self.task not in tasks.names()):
            return ""
        candidates = [task for name, task in tasks.items() if self.task in (None, name)]
        keys = dict.fromkeys(m.key for task in candidates for m in ranking_metrics(task))
        return "" if self.metric in keys else f"must be {_any_of(tuple(keys))}"


def _is_share(value: float | None) -> bool:
    return value is None or 0 < value < 1


def _is_positive(value: float | None) -> bool:
    return value is None or 0 < value < math.inf


def _wrong_choice(value: str, choices: tuple[str, ...]) -> str:
    return "" if value in choices else f"must be {_any_of(choices)}"


def _any_of(choices: tuple[str, ...]) -> str:
    return f"one of {', '.join(choices)}"
