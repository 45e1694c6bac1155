"""What to train: a dataset version, a target, a split and a trainer, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.training.trainers import resolve_params, trainers

METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1")
AUTO = "auto"
SPLITS = (AUTO, "random", "stratified", "time")


@dataclass(frozen=True)
class TrainingSpec:
    """One training: a single run, or with `trials` a search of one parent run and its trials.

    Empty `features` means every usable column. `positive` is the label that counts as 1 (when None,
    the rarer class). The split "auto" is by time where the data has an event time and both sides
    would hold both classes, and else the same share of each class. `threshold` None means: where
    Youden's index is best on the folds. `cv_rows` bounds the rows that folds use (0: all).
    `time_column` None means the dataset's own event time.
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
    metric: str = "roc_auc"
    seed: int = 0
    experiment: str = "default"
    name: str = ""
    positive: str | int | float | bool | None = None
    threshold: float | None = None
    cv_rows: int = 20_000
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values, which `from_json` reads back to an equal spec."""
        return {**asdict(self), "features": list(self.features)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainingSpec:
        """A checked spec. Raises Invalid that names each wrong field, NotFound for the trainer."""
        field_names = {item.name for item in fields(cls)}
        if unknown := sorted(set(value) - field_names):
            raise Invalid(
                f"a training has no field {', '.join(unknown)}.",
                fields=dict.fromkeys(unknown, "unknown"),
            )
        wrong = {name: "needed" for name in ("dataset", "target") if not value.get(name)}
        if wrong:
            raise Invalid("a training needs a dataset and a target.", fields=wrong)
        features = tuple(value.get("features") or ())
        return cls(**{**value, "features": features}).checked()

    def checked(self) -> TrainingSpec:
        """The spec with every parameter filled in. Raises Invalid that names the wrong fields."""
        if wrong := {name: message for name, message in self._wrong() if message}:
            message = "; ".join(f"{name} {problem}" for name, problem in wrong.items())
            raise Invalid(f"this training cannot run: {message}.", fields=wrong)
        return replace(self, params=resolve_params(trainers.get(self.trainer), self.params))

    def _wrong(self) -> list[tuple[str, str]]:
        return [
            ("split", "" if self.split in SPLITS else f"must be one of {', '.join(SPLITS)}"),
            ("test_share", "" if 0.05 <= self.test_share <= 0.5 else "must be 0.05 to 0.5"),
            ("folds", "" if self.folds == 0 or 2 <= self.folds <= 20 else "must be 0, or 2 to 20"),
            ("trials", "" if 0 <= self.trials <= 500 else "must be 0 to 500"),
            ("cv_rows", "" if self.cv_rows >= 0 else "must not be negative"),
            ("metric", "" if self.metric in METRICS else f"must be one of {', '.join(METRICS)}"),
            ("features", "holds the target" if self.target in self.features else ""),
            (
                "threshold",
                ""
                if self.threshold is None or 0 < self.threshold < 1
                else "must be within 0 and 1",
            ),
        ]
