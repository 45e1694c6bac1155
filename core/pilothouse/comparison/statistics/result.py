"""The result of a statistical test of one difference, and the tests it is built from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
METHOD_TITLES: Mapping[str, str] = {
    "delong": "DeLong's test of paired ROC AUCs",
    "mcnemar": "McNemar's test of paired decisions",
    "bootstrap": "paired bootstrap",
    "bootstrap_groups": "paired bootstrap of groups",
    "bootstrap_blocks": "paired bootstrap of blocks in time",
    "bootstrap_days": "paired bootstrap of days",
    "folds": "corrected resampled t-test over the same folds",
    "folds_apart": "corrected t-test over folds that are not the same rows",
    "seeds": "Welch's t-test over seeds",
}
SHORT_METHOD_TITLES: Mapping[str, str] = {
    "delong": "DeLong",
    "mcnemar": "McNemar",
    "bootstrap": "Bootstrap",
    "bootstrap_groups": "Bootstrap",
    "bootstrap_blocks": "Bootstrap",
    "bootstrap_days": "Bootstrap",
    "folds": "Paired t",
    "folds_apart": "Unpaired t",
    "seeds": "Welch",
}


@dataclass(frozen=True)
class TestResult:
    """A difference (this run minus the baseline) with its interval at `LEVEL`.

    `n` is the sample size in `unit`; `p` is NaN where the method gives only an interval.
    """

    method: str
    n: int
    unit: str
    delta: float
    low: float
    high: float
    p: float = math.nan

    @property
    def significant(self) -> bool:
        """Whether the difference is more than noise: by its p value, else by its interval."""
        if not math.isnan(self.p):
            return self.p < 1 - LEVEL
        return self.low > 0 or self.high < 0


def two_sided(z: float) -> float:
    """The probability of a standard normal value at least that far from 0."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_test(method: str, n: int, unit: str, delta: float, error: float) -> TestResult:
    """The z-test of a difference with this standard error."""
    from statistics import NormalDist

    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * error
    p = two_sided(delta / error) if error > 0 else float(delta == 0)
    return TestResult(method, n, unit, delta, delta - reach, delta + reach, p)


def student_t_test(
    method: str, n: int, unit: str, delta: float, error: float, freedom: float
) -> TestResult:
    """The t-test of a difference with this standard error and these degrees of freedom."""
    from scipy.special import stdtr, stdtrit

    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(delta / error))) if error > 0 else float(delta == 0)
    return TestResult(method, n, unit, delta, delta - reach, delta + reach, p)
