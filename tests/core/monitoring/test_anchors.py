"""Scores of public data against figures that nobody here computed.

The counts are of the synthetic car loan data in the `nannyml` 0.13.1 wheel (Apache-2.0): 50,000
reference rows, and rows 0 to 4,999 and 25,000 to 29,999 of the analysis. The distances are
NannyML's and the stability indices are Evidently 0.7.23's on the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from pilothouse.monitoring.drift import CategoryPair, NumberPair, Pair, drift_tests
from pilothouse.monitoring.profiles import (
    category_reference,
    category_window,
    number_reference,
    number_window,
)

SALARY = {"0 - 20K": 19918, "20K - 40K": 15047, "40K - 60K": 9977, "60K+": 5058}
SALARY_EARLY = {"0 - 20K": 1961, "20K - 40K": 1504, "40K - 60K": 1018, "60K+": 517}
SALARY_LATE = {"0 - 20K": 2218, "20K - 40K": 1601, "40K - 60K": 1133, "60K+": 48}
REPAID, REPAID_EARLY, REPAID_LATE = (
    {"no": 22453, "yes": 27547},
    {"no": 2294, "yes": 2706},
    {"no": 985, "yes": 4015},
)
# Rows of each loan length from 6 to 22.
LENGTH, LENGTH_EARLY, LENGTH_LATE = (
    dict(enumerate(rows, start=6))
    for rows in (
        (7930, 2512, 1499, 1330, 1249, 1303, 1418, 1612, 1981, 2287, 2842, 3573, 4280, 5109, 5713,
         5202, 160),
        (792, 208, 160, 154, 121, 140, 153, 159, 193, 226, 267, 365, 452, 510, 560, 524, 16),
        (189, 305, 209, 187, 137, 117, 106, 120, 124, 156, 213, 266, 353, 558, 866, 1042, 52),
    )
)  # fmt: skip


def rows(counts: Mapping[object, int]) -> pd.Series:
    return pd.Series(np.repeat(list(counts), list(counts.values())))


def categories(reference: Mapping[str, int], current: Mapping[str, int]) -> Pair:
    profile = category_reference("x", rows(reference))
    return CategoryPair(profile, category_window(profile, rows(current)))


def numbers(reference: Mapping[int, int], current: Mapping[int, int]) -> Pair:
    profile = number_reference("x", rows(reference))
    return NumberPair(profile, *number_window(profile, rows(current)))


@pytest.mark.parametrize(
    ("pair", "test", "published"),
    [
        (categories(SALARY, SALARY_EARLY), "jensen_shannon", 0.00639674),
        (categories(SALARY, SALARY_LATE), "jensen_shannon", 0.18314298),
        (categories(SALARY, SALARY_EARLY), "psi", 0.000226902),
        (categories(SALARY, SALARY_LATE), "psi", 0.2251207),
        (categories(REPAID, REPAID_EARLY), "jensen_shannon", 0.00830780),
        (categories(REPAID, REPAID_LATE), "jensen_shannon", 0.23119804),
        (numbers(LENGTH, LENGTH_EARLY), "jensen_shannon", 0.02442779),
        (numbers(LENGTH, LENGTH_LATE), "jensen_shannon", 0.23393521),
        (numbers(LENGTH, LENGTH_EARLY), "psi", 0.0033120),
        (numbers(LENGTH, LENGTH_LATE), "psi", 0.3191805),
        (numbers(LENGTH, LENGTH_EARLY), "ks", 0.00884),
    ],
)
def test_scores_are_the_published_ones(pair: Pair, test: str, published: float) -> None:
    assert drift_tests.get(test).score(pair) == pytest.approx(published, rel=1e-5, abs=5e-8)
