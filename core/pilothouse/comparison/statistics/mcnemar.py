"""Differences of decisions of two models on the same rows: McNemar's test.

McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika
12 (1947); exact below `EXACT_BELOW` discordant rows, else with Edwards' continuity correction
(1948).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.result import LEVEL, TestResult, two_sided

EXACT_BELOW = 50
Flags = npt.NDArray[np.bool_]


def mcnemar(right: Flags, baseline_right: Flags) -> TestResult:
    """The difference in accuracy to the baseline, from rows where exactly one model is right.

    The interval is Wald's for paired proportions: with b and c discordant rows of n, the variance
    is (b + c - (b - c)^2 / n) / n^2.
    """
    won = int(np.count_nonzero(right & ~baseline_right))
    lost = int(np.count_nonzero(baseline_right & ~right))
    rows = len(right)
    delta = (won - lost) / rows
    error = math.sqrt(won + lost - (won - lost) ** 2 / rows) / rows
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * error
    return TestResult("mcnemar", rows, "rows", delta, delta - reach, delta + reach, p_of(won, lost))


def p_of(won: int, lost: int) -> float:
    """The two-sided p value of this split of the discordant rows under equal chances."""
    discordant = won + lost
    if discordant < EXACT_BELOW:
        tail: int = sum(math.comb(discordant, k) for k in range(min(won, lost) + 1))
        return min(1.0, float(2 * tail / 2**discordant))
    return two_sided(max(abs(won - lost) - 1, 0) / math.sqrt(discordant))
