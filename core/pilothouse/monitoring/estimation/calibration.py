"""Probabilities from scores: isotonic regression on labelled rows, where that helps.

Scores that are probabilities already are left as they are unless calibration lowers the expected
calibration error of rows that it has not learned from (NannyML does so too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pilothouse.monitoring.distances import Floats

BINS, FOLDS = 10, 10
SEED = 20_130_301


@dataclass(frozen=True, eq=False)
class Calibrator:
    """A rising function of a score, linear between knots and constant beyond them.

    Without knots, a score is the probability itself.
    """

    scores: Floats
    chances: Floats

    def probabilities(self, score: Floats) -> Floats:
        """The probability that each score means."""
        if not len(self.scores):
            return np.clip(score, 0.0, 1.0)
        return np.asarray(np.interp(score, self.scores, self.chances), dtype=np.float64)


IDENTITY = Calibrator(np.empty(0), np.empty(0))


def calibrate(score: Floats, y: npt.NDArray[np.bool_]) -> tuple[Calibrator, Floats]:
    """A calibrator of a score, and what it gives to rows that it has not learned from.

    Those are the probabilities of ten folds, each calibrated by the other nine.
    """
    folds = np.random.default_rng(SEED).permutation(len(score)) % FOLDS
    held_out = np.empty(len(score))
    for fold in range(FOLDS):
        test = folds == fold
        held_out[test] = _isotonic(score[~test], y[~test]).probabilities(score[test])
    if not _needs_calibration(score, held_out, y):
        return IDENTITY, IDENTITY.probabilities(score)
    return _isotonic(score, y), held_out


def _needs_calibration(score: Floats, held_out: Floats, y: npt.NDArray[np.bool_]) -> bool:
    """Whether a score is no probability, or calibration brings it closer to one."""
    if not 0 <= score.min() <= score.max() <= 1:
        return True
    return expected_calibration_error(score, y) > expected_calibration_error(held_out, y)


def expected_calibration_error(chance: Floats, y: npt.NDArray[np.bool_]) -> float:
    """The gap of mean chance and observed share in ten bins of equally many rows, on average."""
    order = np.argsort(chance, kind="stable")
    gaps = np.array_split((chance - y)[order], BINS)
    return float(sum(abs(gap.sum()) for gap in gaps) / len(y))


def normalised(columns: Sequence[Floats]) -> Floats:
    """One probability a class and row, of columns that need not add up to 1; even if all are 0."""
    probabilities = np.column_stack(columns)
    total = probabilities.sum(axis=1, keepdims=True)
    even = np.full_like(probabilities, 1 / probabilities.shape[1])
    np.divide(probabilities, total, out=even, where=total > 0)
    return even


def _isotonic(score: Floats, y: npt.NDArray[np.bool_]) -> Calibrator:
    """Zadrozny and Elkan, Transforming classifier scores into accurate probabilities (2002)."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(score, y.astype(np.float64))
    return Calibrator(
        np.asarray(fitted.X_thresholds_, dtype=np.float64),
        np.asarray(fitted.y_thresholds_, dtype=np.float64),
    )
