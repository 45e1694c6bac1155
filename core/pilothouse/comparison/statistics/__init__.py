"""Whether a difference between two models is more than noise: pure functions on arrays.

`delong` tests two ROC AUCs on the same rows, `mcnemar` two sets of decisions, `bootstrap` any
metric on the same rows (paired bootstrap), `t_tests` scores of folds and of seeds. Each returns a
`TestResult` with its method.
"""

from pilothouse.comparison.statistics.result import (
    LEVEL,
    METHOD_TITLES,
    SHORT_METHOD_TITLES,
    TestResult,
)

__all__ = ["LEVEL", "METHOD_TITLES", "SHORT_METHOD_TITLES", "TestResult"]
