"""The result of one check: score, limits and status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

OK, WARN, FAIL, INSUFFICIENT, ERROR = "ok", "warn", "fail", "insufficient", "error"
WORSE = (OK, INSUFFICIENT, WARN, ERROR, FAIL)
NOT_EVALUATED = (INSUFFICIENT, ERROR)

FEATURE_DRIFT, PREDICTION_DRIFT = "feature_drift", "prediction_drift"
DATA_QUALITY, PERFORMANCE = "data_quality", "performance"
RECENT_PERFORMANCE = "recent_performance"  # of the last windows together
ESTIMATED_PERFORMANCE = "estimated_performance"
SEGMENTS, FAIRNESS = "segments", "fairness"
CUSTOM = "custom"  # people's own checks
SKEW = "skew"  # what was served, against what it should have been
SERVICE = "service"  # latency and errors of the requests
SIGNALS = (
    *(FEATURE_DRIFT, PREDICTION_DRIFT, DATA_QUALITY),
    *(PERFORMANCE, RECENT_PERFORMANCE, ESTIMATED_PERFORMANCE),
    *(SEGMENTS, FAIRNESS, SERVICE, CUSTOM, SKEW),
)
# Of parts of the rows: they have checks of the same names as those of all rows.
OF_GROUPS = (SEGMENTS, FAIRNESS)
DRIFTED_SHARE, LABEL_COVERAGE = "drifted_share", "label_coverage"
BY_GROUP = "by_group"  # of a column by which rows cannot be grouped
DOMAIN_CLASSIFIER = "domain_classifier"
PCA_RECONSTRUCTION = "pca_reconstruction"
SERVED_DIFFERS = "served_differs"
# As the check of a rule or a trend: the metric that decides for the task of the version.
PRIMARY = "primary"
OF_THE_MONITOR = (
    *(DRIFTED_SHARE, LABEL_COVERAGE, DOMAIN_CLASSIFIER, PCA_RECONSTRUCTION),
    *(BY_GROUP, PRIMARY),
)
# How the message of a column begins that cannot be read in the reference.
NO_REFERENCE = "in the reference, "

Direction = Literal["above", "below"]


@dataclass(frozen=True)
class CheckLimits:
    """Where a score warns and where it fails; `direction` says on which side the bad lies."""

    warn: float
    fail: float
    direction: Direction = "above"

    def judge(self, score: float) -> str:
        """ok, warn or fail: a score is bad when it lies strictly beyond a limit."""
        if self._beyond(score, self.fail):
            return FAIL
        return WARN if self._beyond(score, self.warn) else OK

    def _beyond(self, score: float, limit: float) -> bool:
        return score > limit if self.direction == "above" else score < limit


SKEW_LIMITS = CheckLimits(0.0, 0.05)  # of the share of rows that were served another value


@dataclass(frozen=True)
class Check:
    """A score with all that gives it a meaning: method, direction, limits, and how many rows.

    `reference` is the value of the reference itself, where it has one. `primary` marks the one
    method that decides whether a column has drifted. `noise` is the score that chance alone exceeds
    with the probability `noise_level`, by `noise_method`; `p_value` is how often chance alone gives
    this score or one that is worse. The standard errors are those of the score and of `reference`.
    `n_independent` is how many independent rows those of the window are worth, where they are not.
    """

    signal: str
    check: str
    column: str
    method: str
    status: str
    direction: Direction = "above"
    score: float | None = None
    warn: float | None = None
    threshold: float | None = None
    reference: float | None = None
    n_reference: int = 0
    n_current: int = 0
    primary: bool = False
    message: str = ""
    noise: float | None = None
    noise_method: str | None = None
    noise_level: float | None = None
    p_value: float | None = None
    standard_error: float | None = None
    reference_error: float | None = None
    n_independent: int | None = None

    def judged(self, **verdict: Any) -> Check:
        """The check with other values of these fields.

        PERF: a window has hundreds of checks, and `dataclasses.replace` takes ten times as long.
        """
        check = object.__new__(Check)
        check.__dict__.update(self.__dict__, **verdict)
        return check


def worst(statuses: Iterable[str], default: str = INSUFFICIENT) -> str:
    """The worst of several statuses; insufficient is worse than ok."""
    return max(statuses, key=WORSE.index, default=default)
