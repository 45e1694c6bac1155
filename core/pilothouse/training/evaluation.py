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

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]
Curve = dict[str, list[float]]

POINTS = 200
BINS = 10


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
        roc=roc_curve(y, score),
        pr=pr_curve(y, score),
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


def roc_curve(y: Labels, score: Floats) -> Curve:
    """False against true positive rate, in at most `POINTS` points."""
    fpr, tpr, threshold = measure.roc_curve(y, score)
    threshold = np.minimum(threshold, 1.0)  # the first is infinite, which JSON cannot say
    indices = thin_curve(fpr, tpr, POINTS)
    return {
        "fpr": fpr[indices].tolist(),
        "tpr": tpr[indices].tolist(),
        "threshold": threshold[indices].tolist(),
    }


def pr_curve(y: Labels, score: Floats) -> Curve:
    """Recall against precision, in at most `POINTS` points, by rising threshold."""
    precision, recall, threshold = measure.precision_recall_curve(y, score)
    threshold = np.append(threshold, 1.0)  # the last point has none: nothing is called positive
    indices = thin_curve(recall, precision, POINTS)
    return {
        "recall": recall[indices].tolist(),
        "precision": precision[indices].tolist(),
        "threshold": threshold[indices].tolist(),
    }


def calibration_curve(y: Labels, score: Floats, bins: int = BINS) -> Curve:
    """Mean prediction against observed share in equal bins of the score that are not empty."""
    bin_index = np.clip((score * bins).astype(int), 0, bins - 1)
    count = np.bincount(bin_index, minlength=bins)
    filled = count > 0
    predicted = np.bincount(bin_index, score, bins)[filled] / count[filled]
    observed = np.bincount(bin_index, y, bins)[filled] / count[filled]
    return {
        "predicted": predicted.tolist(),
        "observed": observed.tolist(),
        "count": count[filled].tolist(),
    }


def calibration_error(curve: Curve) -> float:
    """Expected calibration error: the gaps, weighted by rows (Guo et al. 2017, equation 5)."""
    gaps = np.abs(np.subtract(curve["predicted"], curve["observed"]))
    return float(np.average(gaps, weights=curve["count"]))


def best_threshold(y: Labels, score: Floats) -> float:
    """The threshold with the largest Youden index on these rows, to four places.

    The index is the true minus the false positive rate (Youden 1950); unlike F1, it does not lean
    towards calling everything positive where a weak score meets a rare class.
    """
    fpr, tpr, threshold = measure.roc_curve(y, score)
    return float(np.floor(threshold[1:][np.argmax((tpr - fpr)[1:])] * 1e4) / 1e4)


def thin_curve(x: Floats, y: Floats, max_points: int) -> npt.NDArray[np.intp]:
    """Positions of at most `most` points, evenly spread along a curve, with both of its ends."""
    if len(x) <= max_points:
        return np.arange(len(x))
    arc_length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    stops = np.linspace(0.0, arc_length[-1], max_points)
    indices = np.unique(np.searchsorted(arc_length, stops[:-1], side="left"))
    return np.append(indices[indices < len(x) - 1], len(x) - 1)
