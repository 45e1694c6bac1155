"""Performance: metrics of the scores on rows whose label is known.

Pure functions on arrays, numpy only. scikit-learn is the tests' oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pilothouse.models.metrics.class_metrics import (
    Bools,
    Calibration,
    binary_log_loss,
    calibration,
    calibration_error,
    roc_auc,
)
from pilothouse.monitoring.checks import (
    FAIL,
    INSUFFICIENT,
    OK,
    PERFORMANCE,
    WARN,
    Check,
    CheckLimits,
    Direction,
    worst,
)
from pilothouse.monitoring.distances import Floats

REALISED = "realised"

# metric -> which side of the reference is bad
DIRECTIONS: Mapping[str, Direction] = {
    "roc_auc": "below",
    "accuracy": "below",
    "log_loss": "above",
    "brier": "above",
    "calibration_error": "above",
}


@dataclass(frozen=True)
class Performance:
    """The performance on a window. `metrics` is empty unless both classes occurred."""

    rows: int
    labelled: int
    positives: int
    metrics: Mapping[str, float]
    calibration: Calibration | None

    @property
    def coverage(self) -> float:
        """The share of rows whose label is known."""
        return self.labelled / self.rows if self.rows else 0.0

    @property
    def base_rate(self) -> float | None:
        """The share of positives among the labelled."""
        return self.positives / self.labelled if self.labelled else None


def compute_performance(score: Floats, truth: Floats, threshold: float) -> Performance:
    """Compare scores with labels: `truth` is 1, 0, or NaN where the label is not known."""
    is_scored = np.isfinite(truth) & np.isfinite(score)
    y, scores = truth[is_scored] == 1, score[is_scored]
    positives, labelled = int(y.sum()), len(y)
    both = 0 < positives < labelled
    curve = calibration(y, scores) if labelled else None
    metrics = metrics_of(y, scores, threshold) if both else {}
    return Performance(len(score), labelled, positives, metrics, curve)


def metrics_of(y: Bools, score: Floats, threshold: float) -> dict[str, float]:
    """The metrics of labelled rows; both classes must occur in `y`."""
    return {
        "roc_auc": roc_auc(y, score),
        "accuracy": float(np.mean((score >= threshold) == y)),
        "log_loss": binary_log_loss(y, score),
        "brier": float(np.mean(np.square(score - y))),
        "calibration_error": calibration_error(calibration(y, score)),
    }


@dataclass(frozen=True)
class MinimumRows:
    """How many labels performance needs, and how far each metric may fall.

    `tolerances` says for each metric how far beyond the reference's own value is too far.
    """

    labelled: int
    coverage: float
    tolerances: Mapping[str, float]


def performance_checks(
    performance: Performance,
    reference: Mapping[str, float],
    needs: MinimumRows,
    n_reference: int = 0,
) -> list[Check]:
    """Label coverage, then every metric against the reference's value and its tolerance."""
    lack = _missing_labels(performance, needs)
    coverage = Check(
        PERFORMANCE,
        "label_coverage",
        "",
        "labelled rows over rows",
        INSUFFICIENT if performance.coverage < needs.coverage else OK,
        "below",
        score=performance.coverage,
        threshold=needs.coverage,
        n_current=performance.rows,
        message=lack,
    )
    return [coverage] + [
        _metric_check(name, performance, reference, needs, lack, n_reference) for name in DIRECTIONS
    ]


def _missing_labels(performance: Performance, needs: MinimumRows) -> str:
    if performance.labelled < needs.labelled:
        return f"{performance.labelled:,} labels; {needs.labelled:,} are needed"
    if performance.coverage < needs.coverage:
        return (
            f"{performance.coverage:.0%} of the rows have a label; {needs.coverage:.0%} are needed"
        )
    return "" if performance.metrics else "the labels are all of one class"


def _metric_check(
    name: str,
    performance: Performance,
    reference: Mapping[str, float],
    needs: MinimumRows,
    lack: str,
    n_reference: int,
) -> Check:
    """A metric's check; with no figure of the reference to hold it against it is not judged."""
    base, tolerance = reference.get(name), needs.tolerances.get(name)
    score = performance.metrics.get(name)
    limits = limits_of(name, base, tolerance)
    status, message = INSUFFICIENT, lack or "the reference has no such figure to compare with"
    if not lack and score is not None and limits is not None:
        status, message = limits.judge(score), ""

    return Check(
        PERFORMANCE,
        name,
        "",
        REALISED,
        status,
        DIRECTIONS[name],
        score=score,
        warn=limits.warn if limits else None,
        threshold=limits.fail if limits else None,
        reference=base,
        n_reference=n_reference,
        n_current=performance.labelled,
        primary=name == "roc_auc",
        message=message,
    )


def limits_of(name: str, base: float | None, tolerance: float | None) -> CheckLimits | None:
    """A metric's limits: it warns half way to where it fails."""
    if base is None or tolerance is None:
        return None
    sign = -1 if DIRECTIONS[name] == "below" else 1
    return CheckLimits(base + sign * tolerance / 2, base + sign * tolerance, DIRECTIONS[name])


def performance_status(checks: list[Check]) -> str:
    """The primary figure's status; the others, which follow the base rate as well, only warn."""
    metrics = [check for check in checks if check.check in DIRECTIONS]
    softened = (
        WARN if check.status == FAIL and not check.primary else check.status for check in metrics
    )
    return worst(softened)
