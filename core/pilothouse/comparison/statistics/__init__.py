"""Whether a difference between two models is more than noise: pure functions on arrays.

`ranking` weighs two ROC AUCs on the same rows (DeLong), `discordance` two sets of decisions
(McNemar), `resampling` any metric on the same rows (paired bootstrap), `repeats` scores of folds
and of seeds (Student). Each answers with a `TestResult`, which says how it knows.
"""

from pilothouse.comparison.statistics.result import (
    LEVEL,
    METHOD_TITLES,
    SHORT_METHOD_TITLES,
    TestResult,
)

__all__ = ["LEVEL", "METHOD_TITLES", "SHORT_METHOD_TITLES", "TestResult"]
