"""The share of rows whose category the reference never had."""

import numpy as np

from pilothouse.monitoring.chance import Chance, ExactChance, deals, is_dense, of_deals
from pilothouse.monitoring.checks import DATA_QUALITY, CheckLimits
from pilothouse.monitoring.column_values import MAX_EXAMPLE
from pilothouse.monitoring.drift import (
    CATEGORIES,
    CategoryPair,
    DriftTest,
    NotEvaluated,
    Pair,
    drift_tests,
)

NEVER = ExactChance(np.zeros(1), np.ones(1), "permutation")


def score(pair: Pair) -> float:
    """Rows with an unseen category over rows with any."""
    if not isinstance(pair, CategoryPair):
        raise NotEvaluated("only categories can be unseen")
    if not pair.reference.complete:
        raise NotEvaluated(
            "the reference has too many categories to tell an unseen from a rare one"
        )
    return sum(_unseen(pair).values()) / pair.window.present


def _unseen(pair: Pair) -> dict[str, int]:
    """Rows by category, the most frequent first, of the categories that the reference lacks."""
    if not isinstance(pair, CategoryPair):
        return {}
    of_reference = pair.reference.counts
    return {name: n for name, n in pair.window.counts.items() if name not in of_reference}


def chance(pair: Pair) -> Chance:
    """By permutation: a rare category may be in the window's rows alone.

    PERF: where each category expects enough rows in the reference, chance leaves none out.
    """
    if is_dense(*pair.bin_counts):
        return NEVER
    before, after = deals(*pair.bin_counts)
    return of_deals((after * (before == 0)).sum(axis=1) / pair.window.present)


def explain(pair: Pair) -> str:
    """How many categories they are, and the most frequent one."""
    unseen = _unseen(pair)
    if not unseen:
        return ""
    rows, name = sum(unseen.values()), next(iter(unseen))[:MAX_EXAMPLE]
    if len(unseen) == 1:
        return f"{rows:,} rows with {name!r}"
    return f"{rows:,} rows with {len(unseen):,} categories, such as {name!r}"


drift_tests.register("unseen")(
    DriftTest(
        title="Rate of unseen categories",
        label="Unseen",
        phrase="the share of unseen values",
        description=(
            "The share of rows whose category is not in the reference, of rows with a value."
        ),
        unit="share of rows",
        kinds=CATEGORIES,
        limits=CheckLimits(warn=0.005, fail=0.02),
        score=score,
        chance=chance,
        explain=explain,
        signal=DATA_QUALITY,
    )
)
