"""Metrics of scores and of predicted classes, given the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

BINS = 10
POINTS = 200  # of a curve that is stored
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Calibration:
    """Mean score, observed share and rows in each of ten bins of the score that has rows."""

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    count: tuple[int, ...]

    def to_json(self) -> dict[str, list[float]]:
        """The document of a calibration curve."""
        return {
            "predicted": list(self.predicted),
            "observed": list(self.observed),
            "count": list(self.count),
        }


def roc_auc(y: Bools, score: Floats) -> float:
    """The chance that a positive outranks a negative, ties by half (Mann and Whitney 1947)."""
    _, inverse, count = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2
    positives = int(y.sum())
    excess = ranks[inverse[y]].sum() - positives * (positives + 1) / 2
    return float(excess / (positives * (len(y) - positives)))


def average_precision(y: Bools, score: Floats) -> float:
    """Precision weighted by the gain in recall, over the distinct scores, falling."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(y[order])
    last_of_score = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true_positives = hits[last_of_score]
    precision = true_positives / (last_of_score + 1)
    recall = true_positives / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def binary_log_loss(y: Bools, score: Floats) -> float:
    """Mean negative log-likelihood; a score of 0 or 1 counts as one next to it."""
    return float(row_binary_log_loss(y, score).mean())


def row_binary_log_loss(y: Bools, score: Floats) -> Floats:
    """Negative log-likelihood of each row; a score of 0 or 1 counts as one next to it."""
    chance = np.clip(np.where(y, score, 1 - score), EPSILON, 1 - EPSILON)
    return np.asarray(-np.log(chance), dtype=np.float64)


def log_loss(y: Positions, probabilities: Floats) -> float:
    """Mean negative log of the probability of each row's class; rows are scaled to add up to 1."""
    return float(row_log_loss(y, probabilities).mean())


def row_log_loss(y: Positions, probabilities: Floats) -> Floats:
    """Negative log of the probability of each row's class."""
    clipped = np.clip(probabilities, EPSILON, 1 - EPSILON)
    chance = clipped[np.arange(len(y)), y] / clipped.sum(axis=1)
    return np.asarray(-np.log(chance), dtype=np.float64)


def calibration(y: Bools, score: Floats) -> Calibration:
    """The curve over ten bins of equal width; empty ones are left out."""
    bins = np.clip((score * BINS).astype(np.int64), 0, BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    filled = count > 0
    predicted = np.bincount(bins, score, BINS)[filled] / count[filled]
    observed = np.bincount(bins, y, BINS)[filled] / count[filled]
    return Calibration(
        tuple(predicted.tolist()), tuple(observed.tolist()), tuple(count[filled].tolist())
    )


def calibration_error(curve: Calibration) -> float:
    """The gaps of the curve, weighted by rows (Guo et al. 2017, equation 5)."""
    gaps = np.abs(np.subtract(curve.predicted, curve.observed))
    return float(np.average(gaps, weights=curve.count))


def confusion_matrix(y: Positions, predicted: Positions, classes: int) -> Positions:
    """Rows by true class, columns by predicted class."""
    cells = np.bincount(y * classes + predicted, minlength=classes * classes)
    return np.asarray(cells.reshape(classes, classes), dtype=np.int64)


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of each class, and how many rows have it."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: Floats


def class_scores(matrix: Positions) -> ClassScores:
    """Of a confusion matrix; a ratio without a denominator counts as 0."""
    hits = np.diag(matrix).astype(np.float64)
    support = matrix.sum(axis=1).astype(np.float64)
    called = matrix.sum(axis=0).astype(np.float64)
    return ClassScores(
        precision=_ratio(hits, called),
        recall=_ratio(hits, support),
        f1=_ratio(2 * hits, called + support),
        support=support,
    )


def label_metrics(y: Positions, predicted: Positions, classes: int) -> dict[str, float]:
    """Metrics of predicted classes: accuracy, and averages over the classes that occur."""
    scores = class_scores(confusion_matrix(y, predicted, classes))
    occurs = scores.support > 0
    involved = occurs | (np.bincount(predicted, minlength=classes) > 0)
    return {
        "accuracy": float(np.mean(y == predicted)),
        "balanced_accuracy": float(scores.recall[occurs].mean()),
        "f1_macro": float(scores.f1[involved].mean()),
        "f1_weighted": float(np.average(scores.f1, weights=scores.support)),
    }


def roc_auc_one_vs_rest(y: Positions, probabilities: Floats) -> float | None:
    """The mean ROC AUC of each class against the others; None unless every class occurs."""
    classes = probabilities.shape[1]
    if len(np.unique(y)) < classes:
        return None
    return float(np.mean([roc_auc(y == k, probabilities[:, k]) for k in range(classes)]))


def top_k_accuracy(y: Positions, probabilities: Floats, k: int) -> float:
    """The share of rows whose class is among the `k` with the largest probability."""
    return float(np.mean(among_top_k(y, probabilities, k)))


def among_top_k(y: Positions, probabilities: Floats, k: int) -> Bools:
    """Whether each row's class is among the `k` with the largest probability."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return np.asarray((best == y[:, None]).any(axis=1))


def best_threshold(y: Bools, score: Floats) -> float:
    """The threshold with the largest Youden index on these rows, to four places.

    The index is the true minus the false positive rate (Youden 1950); unlike F1, it does not lean
    towards calling everything positive where a weak score meets a rare class.
    """
    order = np.argsort(-score, kind="stable")
    last_of_score = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(y[order])[last_of_score]
    misses = last_of_score + 1 - hits
    index = hits / max(hits[-1], 1) - misses / max(misses[-1], 1)
    return float(np.floor(score[order][last_of_score][np.argmax(index)] * 1e4) / 1e4)


def roc_document(y: Bools, score: Floats, points: int = POINTS) -> dict[str, list[float]]:
    """False against true positive rate, in at most `points` points."""
    from sklearn import metrics as measure

    fpr, tpr, threshold = measure.roc_curve(y, score)
    threshold = np.minimum(threshold, max(1.0, float(score.max())))  # the first is infinite
    indices = thin_curve(fpr, tpr, points)
    return {
        "fpr": fpr[indices].tolist(),
        "tpr": tpr[indices].tolist(),
        "threshold": threshold[indices].tolist(),
    }


def pr_document(y: Bools, score: Floats, points: int = POINTS) -> dict[str, list[float]]:
    """Recall against precision, in at most `points` points, by rising threshold."""
    from sklearn import metrics as measure

    precision, recall, threshold = measure.precision_recall_curve(y, score)
    # The last point has no threshold: nothing is called positive.
    threshold = np.append(threshold, max(1.0, float(score.max())))
    indices = thin_curve(recall, precision, points)
    return {
        "recall": recall[indices].tolist(),
        "precision": precision[indices].tolist(),
        "threshold": threshold[indices].tolist(),
    }


def thin_curve(x: Floats, y: Floats, max_points: int) -> npt.NDArray[np.intp]:
    """Positions of at most `max_points` points, evenly spread along a curve, with both ends."""
    if len(x) <= max_points:
        return np.arange(len(x))
    arc_length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    stops = np.linspace(0.0, arc_length[-1], max_points)
    indices = np.unique(np.searchsorted(arc_length, stops[:-1], side="left"))
    return np.append(indices[indices < len(x) - 1], len(x) - 1)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient; 0 where nothing is divided."""
    out = np.zeros_like(numerator)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
