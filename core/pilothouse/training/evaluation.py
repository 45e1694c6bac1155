"""How good scores are, given the labels: metrics, curves and the confusion matrix at a threshold.

Pure functions on arrays. `y` holds 1 for the positive class; `score` is its predicted probability.
It runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as measure

from pilothouse.models.metrics import class_metrics
from pilothouse.models.metrics.class_metrics import pr_document, roc_document

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]
Curve = dict[str, list[float]]


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of one model on one set of rows."""

    metrics: dict[str, float]
    roc: Curve
    pr: Curve
    calibration: Curve
    confusion: dict[str, Any]

    def documents(self) -> Mapping[str, Mapping[str, Any]]:
        """The JSON documents of a run, by artifact path."""
        return {
            "curves/roc.json": self.roc,
            "curves/pr.json": self.pr,
            "curves/calibration.json": self.calibration,
            "confusion.json": self.confusion,
        }


def evaluate(y: Labels, score: Floats, threshold: float, classes: tuple[str, str]) -> Evaluation:
    """Evaluate the scores of labelled rows; both classes must occur."""
    calibration = calibration_curve(y, score)
    return Evaluation(
        metrics=compute_metrics(y, score, threshold),
        roc=roc_document(y == 1, score),
        pr=pr_document(y == 1, score),
        calibration=calibration,
        confusion={
            "labels": list(classes),
            "matrix": measure.confusion_matrix(y, score >= threshold, labels=[0, 1]).tolist(),
            "threshold": threshold,
        },
    )


def compute_metrics(y: Labels, score: Floats, threshold: float) -> dict[str, float]:
    """The metrics every run has."""
    predicted = score >= threshold
    return {
        "roc_auc": float(measure.roc_auc_score(y, score)),
        "average_precision": float(measure.average_precision_score(y, score)),
        "log_loss": float(measure.log_loss(y, score, labels=[0, 1])),
        "brier": float(np.mean((score - y) ** 2)),
        "accuracy": float(np.mean(predicted == (y == 1))),
        "f1": float(measure.f1_score(y, predicted, zero_division=0.0)),
        "precision": float(measure.precision_score(y, predicted, zero_division=0.0)),
        "recall": float(measure.recall_score(y, predicted, zero_division=0.0)),
        "calibration_error": calibration_error(calibration_curve(y, score)),
    }


def calibration_curve(y: Labels, score: Floats) -> Curve:
    """Mean prediction against observed share in equal bins of the score that are not empty."""
    return class_metrics.calibration(y == 1, score).to_json()


def calibration_error(curve: Curve) -> float:
    """Expected calibration error: the gaps, weighted by rows (Guo et al. 2017, equation 5)."""
    gaps = np.abs(np.subtract(curve["predicted"], curve["observed"]))
    return float(np.average(gaps, weights=curve["count"]))
