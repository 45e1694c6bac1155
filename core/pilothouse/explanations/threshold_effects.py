"""What thresholds by group cost: counts, rates and metrics before and after, with intervals. Pure.

Intervals are percentiles of a bootstrap of the rows, or of the days or entities that they belong to
where these are known (Efron and Tibshirani, An introduction to the bootstrap, 1993).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.explanations.group_thresholds import RATES, Criterion

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
RESAMPLES = 2_000
SEED = 20_130_301
LEVEL = 0.95
METRICS = ("accuracy", "balanced_accuracy", "f1", "selection_rate")
METRIC_TITLES: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1": "F1",
    "selection_rate": "Selection rate",
}


@dataclass(frozen=True)
class FigureInterval:
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MetricEffect:
    """A metric at the version's own threshold, at those of the groups, and the difference."""

    metric: str
    before: FigureInterval
    after: FigureInterval
    difference: FigureInterval


@dataclass(frozen=True)
class GroupCounts:
    """A group's confusion at a threshold; rates are None where they have no rows."""

    group: str
    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def rows(self) -> int:
        """How many rows the group has."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def selection_rate(self) -> float | None:
        """The share that is called positive."""
        return _ratio(self.tp + self.fp, self.rows)

    @property
    def true_positive_rate(self) -> float | None:
        """The share of the positive rows that is called positive."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def false_positive_rate(self) -> float | None:
        """The share of the negative rows that is called positive."""
        return _ratio(self.fp, self.fp + self.tn)

    @property
    def accuracy(self) -> float | None:
        """The share that is decided right."""
        return _ratio(self.tp + self.tn, self.rows)

    def to_json(self) -> dict[str, Any]:
        """Counts and rates."""
        rates = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")
        return {**vars(self), "rows": self.rows, **{name: getattr(self, name) for name in rates}}


@dataclass(frozen=True)
class GroupChange:
    """A group before and after, with the difference of its accuracy."""

    before: GroupCounts
    after: GroupCounts
    accuracy: FigureInterval


def count_group(group: str, scores: Floats, truth: Bools, threshold: float) -> GroupCounts:
    """The confusion of a group at a threshold."""
    called = scores >= threshold
    return GroupCounts(
        group,
        threshold,
        tp=int((called & truth).sum()),
        fp=int((called & ~truth).sum()),
        fn=int((~called & truth).sum()),
        tn=int((~called & ~truth).sum()),
    )


@dataclass(frozen=True, eq=False)
class Effects:
    """Rows by group, label, and decision before and after, as often as each resample has them.

    `cells` are draws x groups x label x before x after; the first draw is the rows once.
    """

    cells: Floats

    @classmethod
    def of(
        cls, truth: Bools, groups: Codes, before: Bools, after: Bools, clusters: Codes | None
    ) -> Effects:
        """The resamples of some rows, or of their clusters."""
        count = int(groups.max()) + 1
        shape = (count, 2, 2, 2)
        cell = np.ravel_multi_index(
            (groups, truth.astype(int), before.astype(int), after.astype(int)), shape
        )
        size, rng = int(np.prod(shape)), np.random.default_rng(SEED)
        once = np.bincount(cell, minlength=size).astype(np.float64)
        if clusters is None:
            drawn = rng.multinomial(len(cell), once / once.sum(), RESAMPLES).astype(np.float64)
        else:
            units = int(clusters.max()) + 1
            counted = np.bincount(clusters * size + cell, minlength=units * size)
            by_unit = counted.reshape(units, size).astype(np.float64)
            drawn = rng.multinomial(units, np.full(units, 1 / units), RESAMPLES) @ by_unit
        return cls(np.concatenate([once[None], drawn]).reshape(-1, *shape))

    def changes(self) -> list[MetricEffect]:
        """Every metric of all groups together."""
        whole = self.cells.sum(axis=1)
        sides = [_metrics(whole.sum(axis=axis)) for axis in (3, 2)]
        before, after = sides
        return [
            MetricEffect(
                name,
                _interval(before[name]),
                _interval(after[name]),
                _interval(after[name] - before[name]),
            )
            for name in METRICS
        ]

    def accuracy_differences(self) -> list[FigureInterval]:
        """How much more of each group is decided right after than before."""
        before, after = self.cells.sum(axis=4), self.cells.sum(axis=3)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = [
                (side[:, :, 1, 1] + side[:, :, 0, 0]) / side.sum(axis=(2, 3))
                for side in (before, after)
            ]
        return [_interval(share[1][:, g] - share[0][:, g]) for g in range(self.cells.shape[1])]

    def gaps(
        self, criterion: Criterion, groups: Sequence[int]
    ) -> tuple[FigureInterval, FigureInterval]:
        """The largest difference of the criterion's rates between these groups, before and after.

        A bootstrap of a largest difference lies above it where groups are small.
        """
        chosen = self.cells[:, list(groups)]
        before, after = _gap(chosen.sum(axis=4), criterion), _gap(chosen.sum(axis=3), criterion)
        return _interval(before), _interval(after)


def _gap(counts: Floats, criterion: Criterion) -> Floats:
    """Of counts by draw, group, label and decision."""
    with np.errstate(invalid="ignore", divide="ignore"):
        by_name = {
            "selection_rate": counts[..., 1].sum(axis=2) / counts.sum(axis=(2, 3)),
            "true_positive_rate": counts[:, :, 1, 1] / counts[:, :, 1].sum(axis=2),
            "false_positive_rate": counts[:, :, 0, 1] / counts[:, :, 0].sum(axis=2),
        }
    gaps = [by_name[name].max(axis=1) - by_name[name].min(axis=1) for name in RATES[criterion]]
    return np.asarray(np.max(gaps, axis=0))


def _metrics(counts: Floats) -> dict[str, Floats]:
    """Of counts by draw, label and decision."""
    tn, fp, fn, tp = counts[:, 0, 0], counts[:, 0, 1], counts[:, 1, 0], counts[:, 1, 1]
    rows = counts.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": (tp + tn) / rows,
            "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
            "f1": np.where(tp + fp + fn > 0, 2 * tp / np.maximum(2 * tp + fp + fn, 1), 0.0),
            "selection_rate": (tp + fp) / rows,
        }


def _interval(values: Floats) -> FigureInterval:
    """The first is the figure, the others are its resamples."""
    if not np.isfinite(values[1:]).any():
        return FigureInterval(float(values[0]), float("nan"), float("nan"))
    low, high = np.nanquantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return FigureInterval(float(values[0]), float(low), float(high))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
