"""Pearson's chi-square on categories, as an effect size that does not grow with the rows."""

from pilothouse.monitoring.chance import Chance, binned_chance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import of_pair, row_cohen_w
from pilothouse.monitoring.drift import CATEGORIES, DriftTest, Pair, category_counts, drift_tests


def score(pair: Pair) -> float:
    """Cohen's w: the root of the statistic times (1/n + 1/m)."""
    return of_pair(row_cohen_w, *category_counts(pair))


def chance(pair: Pair) -> Chance:
    """Chi-square with categories - 1 degrees; by permutation where cells have few rows."""
    return binned_chance(*category_counts(pair), row_cohen_w, power=2)


# The limits are on the effect, not on the p-value: with thousands of rows that rejects everything.
# Near 0 the square of w is PSI, and the limits are those of PSI.
drift_tests.register("chi_square")(
    DriftTest(
        title="Chi-square (Cohen's w)",
        label="Chi-square",
        phrase="Cohen's w",
        description=(
            "Pearson's chi-square over the rows, as Cohen's w: 0.1 is a small change, 0.3 a "
            "medium one. The p-value is that of the chi-square test."
        ),
        unit="",
        kinds=CATEGORIES,
        limits=CheckLimits(warn=0.1, fail=0.45),
        score=score,
        chance=chance,
    )
)
