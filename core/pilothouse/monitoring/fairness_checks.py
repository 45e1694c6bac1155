"""Fairness of a window: how rates differ between groups, beside the same gap in the reference.

Each group is compared with all other rows. A gap that the model has always had is that of the
reference: a check breaches when the gap has grown, beyond a limit and beyond chance. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from pilothouse.kit.parameters import Parameter
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import ComparesGroups, GroupRate, task_of, tasks
from pilothouse.monitoring.checks import FAIRNESS, INSUFFICIENT, Check, CheckLimits
from pilothouse.monitoring.column_checks import limits_of
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.group_gaps import ScoredGap
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import Outputs, answered_rows, output_fault
from pilothouse.monitoring.row_groups import MISSING, RowGroups
from pilothouse.monitoring.window_rows import WindowRows

MIN_ROWS = 50  # of a group and of the others, that add to a rate
Kind = Literal["difference", "ratio"]
LIMITS: Mapping[Kind, CheckLimits] = {
    "difference": CheckLimits(warn=0.05, fail=0.1),
    "ratio": CheckLimits(warn=0.1, fail=0.2),
}


@dataclass(frozen=True)
class FairnessCheck:
    """A gap between groups: the difference of a rate, or the smaller one over the larger one.

    The limits are how much the gap may grow: points of a share, or standard deviations of a
    number over the reference's rows; of a ratio, the share of it that it may lose.
    """

    rate: GroupRate
    kind: Kind

    @property
    def label(self) -> str:
        """Its title in a table."""
        return f"{self.rate.title}, {self.kind}"

    @property
    def phrase(self) -> str:
        """Its name within a sentence."""
        return f"the {self.kind} of the {self.rate.title.lower()}"

    @property
    def limits(self) -> CheckLimits:
        """By how much the gap may grow."""
        return LIMITS[self.kind]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The limits, which a monitor may change."""
        return tuple(
            Parameter(name, "number", value, low=0.0, help=f"A gap that grew by more {name}s.")
            for name, value in (("warn", self.limits.warn), ("fail", self.limits.fail))
        )


@cache
def fairness_kinds() -> Mapping[str, FairnessCheck]:
    """Every gap that some task offers, by the name of its check."""
    rates = {
        rate.key: rate
        for _, task in tasks.items()
        if isinstance(task, ComparesGroups)
        for rate in task.group_rates
        if rate.monitored
    }
    return {name: check for rate in rates.values() for name, check in _of_rate(rate).items()}


def _of_rate(rate: GroupRate) -> dict[str, FairnessCheck]:
    kinds: tuple[Kind, ...] = ("difference", "ratio") if rate.has_ratio else ("difference",)
    return {f"{rate.key}_{kind}": FairnessCheck(rate, kind) for kind in kinds}


def rates_of(rows: WindowRows, signature: Signature) -> dict[str, Floats]:
    """What each row adds to every rate of the task; NaN where it adds nothing."""
    task = task_of(signature)
    if not isinstance(task, ComparesGroups) or output_fault(task, signature, rows.outputs):
        return {}
    answered = answered_rows(task, signature, rows.outputs, len(rows))
    outputs: Outputs = {name: values[answered] for name, values in rows.outputs.items()}
    made = task.row_rates(signature, outputs, rows.truth[answered])
    rates = {}
    for rate in task.group_rates:
        if rate.monitored:
            rates[rate.key] = np.full(len(rows), np.nan)
            rates[rate.key][answered] = made[rate.key]
    return rates


@dataclass(frozen=True)
class RateOfSide:
    """A rate of some rows: its mean, the standard error of that, and how many rows add to it."""

    mean: float
    error: float
    rows: int


@dataclass(frozen=True)
class Gap:
    """A rate of a group beside that of all other rows."""

    group: RateOfSide
    others: RateOfSide

    @property
    def rows(self) -> int:
        """How many rows the smaller side has."""
        return min(self.group.rows, self.others.rows)

    @property
    def difference(self) -> float:
        """The size of the difference."""
        return abs(self.group.mean - self.others.mean)

    @property
    def difference_error(self) -> float:
        """The standard error of the difference."""
        return math.hypot(self.group.error, self.others.error)

    @property
    def ratio(self) -> float | None:
        """The smaller rate over the larger one; None where one is 0."""
        low, high = sorted((self.group.mean, self.others.mean))
        return low / high if low > 0 else None

    @property
    def log_error(self) -> float:
        """The standard error of the logarithm of the ratio, by the delta method."""
        return math.hypot(self.group.error / self.group.mean, self.others.error / self.others.mean)


def gap_of(values: Floats, is_in_group: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Gap:
    """A rate of a group and of the others, of the rows that add to it."""
    counts = np.isfinite(values)
    return Gap(_side(values[counts & is_in_group]), _side(values[counts & ~is_in_group]))


def _side(values: Floats) -> RateOfSide:
    """The mean with its error; of a share that of Agresti and Coull, which is not 0 at 0 or 1."""
    n = len(values)
    if not n:
        return RateOfSide(math.nan, math.nan, 0)
    mean = float(values.mean())
    if np.isin(values, (0.0, 1.0)).all():
        p = (float(values.sum()) + 2) / (n + 4)
        return RateOfSide(mean, math.sqrt(p * (1 - p) / (n + 4)), n)
    return RateOfSide(mean, float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan, n)


def compared_groups(
    groups: RowGroups, counts: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> list[int]:
    """The groups that are compared with the others: of two, one, as the other is its mirror.

    `counts` are the rows of each group in the reference; rows without a value are no group.
    """
    populated = [
        index for index, count in enumerate(counts) if count and groups.names[index] != MISSING
    ]
    return populated[1:] if len(populated) == 2 else populated


def scored_gaps(
    title: str,
    now: Mapping[str, Gap],
    before: Mapping[str, Gap],
    scales: Mapping[str, float],
    lack_of_labels: str,
    config: MonitorConfig,
) -> Iterable[ScoredGap]:
    """The checks of one group by rate, before they are judged.

    `scales` are the units of the limits: 1 of a share. `lack_of_labels` says why rates that need
    labels cannot be judged.
    """
    for name, fairness in fairness_kinds().items():
        key = fairness.rate.key
        if key not in now:
            continue
        check = Check(
            FAIRNESS, name, title, "group against all others", INSUFFICIENT,
            n_current=now[key].group.rows, n_reference=before[key].group.rows,
        )  # fmt: skip
        lack = lack_of_labels if fairness.rate.needs_labels else ""
        yield _scored(check, fairness, now[key], before[key], scales[key], lack, config)


def _scored(
    check: Check,
    fairness: FairnessCheck,
    now: Gap,
    before: Gap,
    scale: float,
    lack: str,
    config: MonitorConfig,
) -> ScoredGap:
    for side, gap in (("", now), (" in the reference", before)):
        if not lack and gap.rows < MIN_ROWS:
            lack = f"{gap.rows:,} rows of the smaller side{side}; {MIN_ROWS} are needed"
    limits = limits_of(check.check, fairness.limits, config)
    if fairness.kind == "ratio":
        check = replace(check, direction="below")
        if not lack and (now.ratio is None or before.ratio is None):
            lack = "a rate is 0, which has no ratio"
    if lack:
        return ScoredGap(replace(check, message=lack))
    return (
        _ratio(check, now, before, limits)
        if fairness.kind == "ratio"
        else _difference(check, now, before, limits, scale)
    )


def _difference(
    check: Check, now: Gap, before: Gap, limits: CheckLimits, scale: float
) -> ScoredGap:
    # A change of the gap is at least as large as that of its size, so two tails are enough.
    return ScoredGap(
        replace(
            check,
            score=now.difference,
            reference=before.difference,
            warn=before.difference + limits.warn * scale,
            threshold=before.difference + limits.fail * scale,
            standard_error=now.difference_error,
            reference_error=before.difference_error,
            message=f"{now.group.mean:.3g}, of all others {now.others.mean:.3g}",
        ),
        math.hypot(now.difference_error, before.difference_error),
        tails=2,
    )


def _ratio(check: Check, now: Gap, before: Gap, limits: CheckLimits) -> ScoredGap:
    score, reference = now.ratio, before.ratio
    if score is None or reference is None:
        return ScoredGap(check)
    return ScoredGap(
        replace(
            check,
            score=score,
            reference=reference,
            warn=reference * (1 - limits.warn),
            threshold=reference * (1 - limits.fail),
            standard_error=score * now.log_error,
            reference_error=reference * before.log_error,
            message=f"{now.group.mean:.3g}, of all others {now.others.mean:.3g}",
        ),
        math.hypot(now.log_error, before.log_error),
        tails=2,
        is_ratio=True,
    )
