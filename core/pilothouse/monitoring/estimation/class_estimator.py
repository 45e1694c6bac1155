"""CBPE: metrics of classes from calibrated probabilities, without labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pilothouse.models.metrics.expected_metrics import Estimate
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import ExpectsClasses
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.estimation.calibration import Calibrator, calibrate, normalised
from pilothouse.monitoring.performance import Outputs

MAX_ROWS = 100_000  # of the reference, for calibration


@dataclass(frozen=True, eq=False)
class ClassEstimator:
    """A calibrator for each score of the task.

    `gaps` say how far the estimate of each metric was off on the reference itself, with
    probabilities from rows that calibration had not learned from.
    """

    method: ClassVar[str] = "CBPE"
    calibrators: tuple[Calibrator, ...]
    gaps: Mapping[str, float]

    def estimate(
        self, task: ExpectsClasses, signature: Signature, outputs: Outputs
    ) -> dict[str, Estimate]:
        """The metrics of answered rows; none when they have no score for each calibrator."""
        scores = task.class_scores(signature, outputs)
        if scores is None or scores.shape[1] != len(self.calibrators):
            return {}
        chances = [
            calibrator.probabilities(column)
            for calibrator, column in zip(self.calibrators, scores.T, strict=True)
        ]
        return task.expected_metrics(signature, outputs, _of_classes(chances))

    def to_json(self) -> dict[str, Any]:
        """Plain values that `class_estimator_from_json` reads back."""
        knots = [[c.scores.tolist(), c.chances.tolist()] for c in self.calibrators]
        return {"method": self.method, "knots": knots, "gaps": dict(self.gaps)}


def class_estimator_from_json(value: Mapping[str, Any]) -> ClassEstimator:
    """The estimator that `to_json` wrote."""
    calibrators = (Calibrator(np.asarray(x), np.asarray(y)) for x, y in value["knots"])
    return ClassEstimator(tuple(calibrators), value["gaps"])


def fit_classes(
    task: ExpectsClasses,
    signature: Signature,
    outputs: Outputs,
    truth: Floats,
    metrics: Mapping[str, float],
) -> ClassEstimator | None:
    """The estimator that labelled rows allow; None without scores or with one class only.

    `metrics` are the observed ones of these rows.
    """
    outputs, truth = _sample(outputs, truth)
    scores = task.class_scores(signature, outputs)
    if scores is None or len(truth) < 2 or len(np.unique(truth)) < 2:
        return None
    first = 1 if scores.shape[1] == 1 else 0
    fitted = [calibrate(column, truth == k) for k, column in enumerate(scores.T, start=first)]
    held_out = _of_classes([chances for _, chances in fitted])
    estimates = task.expected_metrics(signature, outputs, held_out)
    gaps = {
        key: abs(estimate.value - metrics[key])
        for key, estimate in estimates.items()
        if key in metrics
    }
    return ClassEstimator(tuple(calibrator for calibrator, _ in fitted), gaps)


def _of_classes(chances: list[Floats]) -> Floats:
    """A probability of each class; the only column of two classes is that of the second."""
    if len(chances) == 1:
        return np.column_stack([1 - chances[0], chances[0]])
    return normalised(chances)


def _sample(outputs: Outputs, truth: Floats) -> tuple[Outputs, Floats]:
    """The rows themselves, or every so many of them when there are very many."""
    step = -(-len(truth) // MAX_ROWS) or 1
    part: Mapping[str, npt.NDArray[Any]] = {name: v[::step] for name, v in outputs.items()}
    return part, truth[::step]
