"""Differences between groups of rows, as fairlearn defines them.

The difference of a rate is that of its largest and its smallest value over the groups
(`fairlearn.metrics.MetricFrame.difference`, "between_groups"): of the selection rate it is the
demographic parity difference, and the larger of those of the true and the false positive rate is
the equalised odds difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GroupGap:
    """A rate of the groups of a column: the groups with the lowest and the highest one."""

    title: str
    column: str
    low_group: str
    low: float
    high_group: str
    high: float
    scale: float = 1.0

    @property
    def difference(self) -> float:
        """The difference of the two, over what the rate is counted in."""
        return (self.high - self.low) / self.scale

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the difference."""
        return {**vars(self), "difference": self.difference}


def group_means(
    groups: Iterable[str], values: Floats, min_rows: int
) -> tuple[dict[str, float], int]:
    """The mean of each group with at least `min_rows` values, and how many groups have fewer.

    Values that are NaN do not count.
    """
    import numpy as np

    names, codes = np.unique(
        np.asarray(list(groups), dtype=object).astype(str), return_inverse=True
    )
    present = np.isfinite(values)
    rows = np.bincount(codes[present], minlength=len(names))
    sums = np.bincount(codes[present], values[present], minlength=len(names))
    large = rows >= max(min_rows, 1)
    means = {str(names[i]): float(sums[i] / rows[i]) for i in np.flatnonzero(large)}
    return means, int(np.count_nonzero(~large))


def gap(title: str, column: str, means: Mapping[str, float], scale: float = 1.0) -> GroupGap | None:
    """The gap between the groups; None with fewer than two."""
    if len(means) < 2:
        return None
    low, high = min(means, key=lambda g: means[g]), max(means, key=lambda g: means[g])
    return GroupGap(title, column, low, means[low], high, means[high], scale)
