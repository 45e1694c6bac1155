"""Drift tests: each weighs one column of a window against the reference's.

A test is a plugin: a name, the kinds of columns it takes, its limits, and a function from a pair
of profiles to a finite score, 0 for equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pilothouse.kit.parameters import Parameter
from pilothouse.kit.plugins import Plugins
from pilothouse.monitoring.chance import Chance
from pilothouse.monitoring.checks import FEATURE_DRIFT, CheckLimits
from pilothouse.monitoring.distances import Counts, Floats, Merged, merge
from pilothouse.monitoring.profiles import (
    CategoryReference,
    CategoryWindow,
    NumberReference,
    NumberWindow,
)
from pilothouse.monitoring.time_profiles import TimeReference, TimeWindow


class NotEvaluated(Exception):
    """A test cannot speak of this pair; the words say why."""


@dataclass(frozen=True)
class NumberPair:
    """A numeric column of the reference and of a window, with the window's sorted values."""

    reference: NumberReference
    window: NumberWindow
    values: Floats

    @cached_property
    def merged(self) -> Merged:
        """Both samples in one order; made once for all tests that need it."""
        return merge(self.reference.values, self.values)

    @property
    def decile_counts(self) -> tuple[Counts, Counts]:
        """Counts between the reference's deciles."""
        return self.reference.decile_counts, self.window.decile_counts

    @property
    def bin_counts(self) -> tuple[Counts, Counts]:
        """Counts in the cells that pages draw."""
        return self.reference.bin_counts, self.window.bin_counts


@dataclass(frozen=True)
class CategoryPair:
    """A column of categories of the reference and of a window."""

    reference: CategoryReference
    window: CategoryWindow

    @cached_property
    def bin_counts(self) -> tuple[Counts, Counts]:
        """Counts by category; those that only the window has come last."""
        names = {**self.reference.counts, **self.window.counts}
        return _in_order(self.reference.counts, names), _in_order(self.window.counts, names)

    @cached_property
    def decile_counts(self) -> tuple[Counts, Counts]:
        """Counts by category; all that a reference with too many did not keep are one."""
        before, after = self.bin_counts
        if self.reference.complete:
            return before, after
        named = len(self.reference.counts)
        rest = self.reference.present - int(before.sum()), int(after[named:].sum())
        return np.append(before[:named], rest[0]), np.append(after[:named], rest[1])


@dataclass(frozen=True)
class TimePair:
    """A column of times of the reference and of a window."""

    reference: TimeReference
    window: TimeWindow

    @property
    def bin_counts(self) -> tuple[Counts, Counts]:
        """Counts in the cells that pages draw."""
        return self.reference.bin_counts, self.window.bin_counts

    @property
    def decile_counts(self) -> tuple[Counts, Counts]:
        """The same: no test weighs the distribution of times."""
        return self.bin_counts


Pair = NumberPair | CategoryPair | TimePair


def number_pair(pair: Pair, why: str) -> NumberPair:
    """The pair of a column of numbers. Raises NotEvaluated, saying why, for another one."""
    if not isinstance(pair, NumberPair):
        raise NotEvaluated(why)
    return pair


def drawn_counts(pair: Pair) -> tuple[Counts, Counts]:
    """Counts in the bins that pages draw, or by category."""
    return pair.bin_counts if isinstance(pair, NumberPair) else pair.decile_counts


def category_counts(pair: Pair) -> tuple[Counts, Counts]:
    """Counts by category. Raises NotEvaluated for numbers."""
    if isinstance(pair, NumberPair):
        raise NotEvaluated("numbers are not categories")
    return pair.decile_counts


@dataclass(frozen=True, kw_only=True)
class DriftTest:
    """One way to compare a column of a window with the reference's.

    `label` is the title in a table's or a form's cell, `phrase` the one within a sentence. `limits`
    say where a score warns and fails; monitors may change them. `counts_missing` says that rows
    without a value count as well. `chance` gives the distribution of the score when nothing has
    changed, for the rows of a pair; without it the limits alone decide. `explain` says in a few
    words what a result is about, "" for nothing.
    """

    title: str
    label: str
    phrase: str
    description: str
    unit: str
    kinds: frozenset[str]
    limits: CheckLimits
    score: Callable[[Pair], float]
    signal: str = FEATURE_DRIFT
    counts_missing: bool = False
    chance: Callable[[Pair], Chance] | None = None
    explain: Callable[[Pair], str] | None = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The limits, which a monitor may change."""
        return (
            Parameter("warn", "number", self.limits.warn, low=0.0, unit=self.unit, help=WARN_HELP),
            Parameter("fail", "number", self.limits.fail, low=0.0, unit=self.unit, help=FAIL_HELP),
        )


WARN_HELP = "A larger score warns, if chance does not explain it."
FAIL_HELP = "A larger score fails, if chance does not explain it: the column has drifted."
BOTH = frozenset({"number", "category"})
NUMBERS = frozenset({"number"})
CATEGORIES = frozenset({"category"})
NUMBERS_AND_TIMES = frozenset({"number", "time"})
EVERY_KIND = frozenset({"number", "category", "time"})
drift_tests: Plugins[DriftTest] = Plugins(__name__, "drift test")


def _in_order(counts: Mapping[str, int], names: Mapping[str, int]) -> Counts:
    return np.array([counts.get(name, 0) for name in names], dtype=np.int64)
