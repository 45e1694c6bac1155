"""Groups of people compared on a version's held-out rows, and thresholds that bring them together.

Rates and their errors are those of monitoring, groups of a number are its quarters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.bootstrap import days_of
from pilothouse.explanations.group_thresholds import (
    CRITERIA,
    OBJECTIVES,
    Criterion,
    Objective,
    check_choice,
    choose_thresholds,
    curves_of,
)
from pilothouse.explanations.held_out import HeldOutRows
from pilothouse.explanations.threshold_effects import (
    Effects,
    FigureInterval,
    GroupChange,
    GroupCounts,
    MetricEffect,
    count_group,
)
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.models.signature import FieldType, SignatureField
from pilothouse.models.tasks import ComparesGroups
from pilothouse.monitoring.fairness_checks import gap_of
from pilothouse.monitoring.row_groups import RowGroups, row_groups

if TYPE_CHECKING:
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

MIN_ROWS = 100  # of a group, of which half choose and half check
MIN_CLASS_ROWS = 20  # of each class of a group
MIN_CLUSTERS = 20  # days or entities: with fewer, rows are drawn
SPLIT_SEED = 20_130_301
NORMAL_95 = 1.959964
GROUP_COLUMNS = ("group", "rows", "rate", "title", "mean", "low", "high", "rate_rows", "is_share")


@dataclass(frozen=True)
class SmallGroup:
    """A group that is too small to choose a threshold for: it keeps the version's own."""

    group: str
    rows: int
    reason: str


@dataclass(frozen=True)
class GroupThresholds:
    """Thresholds by group, chosen on one half of the held-out rows and judged on the other.

    `gap_before` and `gap_after` are the largest difference of the criterion's rates between the
    groups that have a threshold of their own. Nothing of it is applied to what is served.
    """

    model: str
    version: int
    column: str
    criterion: Criterion
    objective: Objective
    tolerance: float
    own_threshold: float
    thresholds: Mapping[str, float]
    groups: tuple[GroupChange, ...]
    small: tuple[SmallGroup, ...]
    metrics: tuple[MetricEffect, ...]
    gap_before: FigureInterval
    gap_after: FigureInterval
    rows: str
    chosen_on: int
    judged_on: int
    drawn: str

    @property
    def is_met(self) -> bool:
        """Whether the rates lie within the tolerance on the rows that chose nothing."""
        return self.gap_after.value <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        """Plain values: what is exported, and stored with the version."""
        groups = [
            {"before": g.before.to_json(), "after": g.after.to_json(),
             "accuracy_difference": asdict(g.accuracy)}
            for g in self.groups
        ]  # fmt: skip
        plain = {
            name: value
            for name, value in vars(self).items()
            if isinstance(value, str | int | float)
        }
        return {
            **plain,
            "met": self.is_met,
            "thresholds": dict(self.thresholds),
            "groups": groups,
            "small_groups": [asdict(group) for group in self.small],
            "metrics": [asdict(metric) for metric in self.metrics],
            "gap_before": asdict(self.gap_before),
            "gap_after": asdict(self.gap_after),
            "applied": False,
        }


@dataclass(frozen=True, eq=False)
class ScoredGroups:
    """Scores, labels and groups of the held-out rows; `units` are rows that belong together."""

    names: tuple[str, ...]
    codes: Codes
    scores: Floats
    truth: npt.NDArray[np.bool_]
    units: Codes | None
    drawn: str

    @classmethod
    def of(cls, rows: HeldOutRows, column: str) -> ScoredGroups:
        """The rows of a version by the groups of a column.

        Raises Conflict for a model without a score that a threshold decides on.
        """
        predicted = rows.predictions
        if not predicted.score_column:
            raise Conflict(
                f"{rows.info.ref} has no score between 0 and 1 that a threshold decides on.",
                hint="Thresholds by group are for models of two classes with probabilities.",
            )
        names, codes = groups_of(rows, column)
        evaluated = predicted.rows
        units, drawn = None, "rows"
        if evaluated.groups is not None:
            units, drawn = np.unique(evaluated.groups, return_inverse=True)[1], "groups of rows"
        elif evaluated.at is not None:
            units, drawn = days_of(evaluated.at).codes, "days"
        if units is not None and len(np.unique(units)) < MIN_CLUSTERS:
            units, drawn = None, "rows"
        scores = np.asarray(evaluated.columns[predicted.score_column], dtype=np.float64)
        return cls(names, codes, scores, evaluated.truth == 1, units, drawn)

    def take(self, chosen: npt.NDArray[np.bool_]) -> ScoredGroups:
        """Some of the rows."""
        units = None
        if self.units is not None:
            units = np.unique(self.units[chosen], return_inverse=True)[1]
        return ScoredGroups(
            self.names, self.codes[chosen], self.scores[chosen], self.truth[chosen], units,
            self.drawn,
        )  # fmt: skip

    def halves(self) -> tuple[ScoredGroups, ScoredGroups]:
        """Two halves at random; rows that belong together are in one of them."""
        rng = np.random.default_rng(SPLIT_SEED)
        units = np.arange(len(self.codes)) if self.units is None else self.units
        is_first = rng.permutation(int(units.max()) + 1) % 2 == 0
        return self.take(is_first[units]), self.take(~is_first[units])

    def counts(self, thresholds: Mapping[str, float], otherwise: float) -> list[GroupCounts]:
        """The confusion of every group with rows, at its threshold."""
        return [
            count_group(
                name, self.scores[self.codes == g], self.truth[self.codes == g],
                thresholds.get(name, otherwise),
            )
            for g, name in enumerate(self.names)
            if (self.codes == g).any()
        ]  # fmt: skip

    def called(self, thresholds: Mapping[str, float], otherwise: float) -> npt.NDArray[np.bool_]:
        """Which rows are called positive."""
        limits = np.array([thresholds.get(name, otherwise) for name in self.names])
        return np.asarray(self.scores >= limits[self.codes])


def groups_of(rows: HeldOutRows, column: str) -> tuple[tuple[str, ...], Codes]:
    """The groups of a column as they are shown, and each row's. Raises Invalid, NotFound."""
    import pandas as pd

    values = rows.columns([column])[column]
    kind: FieldType = "string"
    if pd.api.types.is_bool_dtype(values):
        kind = "boolean"
    elif pd.api.types.is_numeric_dtype(values):
        kind = "number"
    groups: RowGroups | None = row_groups(values, SignatureField(column, kind))
    if groups is None:
        raise Invalid(f"{column} has no value in these rows.", fields={"column": "empty"})
    masked = rows.masked.groups(groups)
    return masked.masked_names or masked.names, groups.codes(values)


def group_frame(rows: HeldOutRows, column: str) -> pd.DataFrame:
    """Each rate of the task by group, with its interval: `GROUP_COLUMNS`.

    Of a task without shares, also what its answers cost by row.
    """
    import pandas as pd

    names, codes = groups_of(rows, column)
    result = []
    for key, title, values, is_share in _rates(rows):
        for index, name in enumerate(names):
            in_group = codes == index
            if not in_group.any():
                continue
            side = gap_of(values, in_group).group
            reach = NORMAL_95 * side.error
            result.append(
                (name, int(in_group.sum()), key, title, side.mean,
                 side.mean - reach, side.mean + reach, side.rows, is_share)
            )  # fmt: skip
    return pd.DataFrame(result, columns=list(GROUP_COLUMNS))


def _rates(rows: HeldOutRows) -> list[tuple[str, str, Floats, bool]]:
    """Key, title, what each row adds, and whether the rate is a share."""
    task, evaluated = rows.task, rows.predictions.rows
    rates = []
    if isinstance(task, ComparesGroups):
        made = task.row_rates(rows.predictions.signature, evaluated.columns, evaluated.truth)
        rates = [(r.key, r.title, made[r.key], r.is_share) for r in task.group_rates]
    if not any(is_share for *_, is_share in rates):
        rates.append(("cost", "Mean cost", rows.predictions.row_cost(), False))
    return rates


def group_thresholds(
    rows: HeldOutRows,
    column: str,
    criterion: str,
    tolerance: float,
    objective: str,
) -> GroupThresholds:
    """Thresholds that meet a criterion on half of the rows, and what they cost on the other half.

    Raises Invalid for a choice that is none, Conflict with fewer than two groups large enough.
    """
    check_choice(criterion, objective, tolerance)
    scored = ScoredGroups.of(rows, column)
    own = rows.predictions.signature.threshold
    small = _small_groups(scored)
    large = [g for g, name in enumerate(scored.names) if name not in {s.group for s in small}]
    large = [g for g in large if (scored.codes == g).any()]
    if len(large) < 2:
        raise Conflict(
            f"fewer than two groups of {column} are large enough: "
            f"{MIN_ROWS} rows, {MIN_CLASS_ROWS} of each class.",
            hint="Evaluate the version on more labelled rows, or choose another column.",
        )
    first, second = scored.halves()
    kinds = cast(Criterion, criterion), cast(Objective, objective)
    thresholds = _chosen(first, large, *kinds, tolerance)
    return _judged(rows, column, second, thresholds, own, tolerance, kinds, small, len(first.codes))


def _chosen(
    first: ScoredGroups, large: Sequence[int], criterion: Criterion, objective: Objective,
    tolerance: float,
) -> dict[str, float]:  # fmt: skip
    position = np.full(len(first.names), -1)
    position[list(large)] = np.arange(len(large))
    is_large = position[first.codes] >= 0
    codes = position[first.codes[is_large]].astype(np.int64)
    curves = curves_of(
        first.scores[is_large], first.truth[is_large], codes, len(large), criterion, objective
    )
    chosen = choose_thresholds(curves, tolerance)
    return {first.names[g]: value for g, value in zip(large, chosen, strict=True)}


def _judged(
    rows: HeldOutRows, column: str, second: ScoredGroups, thresholds: Mapping[str, float],
    own: float, tolerance: float, kinds: tuple[Criterion, Objective],
    small: Sequence[SmallGroup], chosen_on: int,
) -> GroupThresholds:  # fmt: skip
    effects = Effects.of(
        second.truth, second.codes, second.called({}, own), second.called(thresholds, own),
        second.units,
    )  # fmt: skip
    before, after = second.counts({}, own), second.counts(thresholds, own)
    accuracy = dict(zip(second.names, effects.accuracy_differences(), strict=False))
    gaps = effects.gaps(kinds[0], [g for g, n in enumerate(second.names) if n in thresholds])
    return GroupThresholds(
        model=rows.info.model,
        version=rows.info.version,
        column=column,
        criterion=kinds[0],
        objective=kinds[1],
        tolerance=tolerance,
        own_threshold=own,
        thresholds=thresholds,
        groups=tuple(
            GroupChange(b, a, accuracy[b.group]) for b, a in zip(before, after, strict=True)
        ),
        small=tuple(small),
        metrics=tuple(effects.changes()),
        gap_before=gaps[0],
        gap_after=gaps[1],
        rows=rows.rows,
        chosen_on=chosen_on,
        judged_on=len(second.codes),
        drawn=second.drawn,
    )


def _small_groups(scored: ScoredGroups) -> list[SmallGroup]:
    """Groups with too few rows, or too few of a class, to choose on one half of them."""
    result = []
    for index, name in enumerate(scored.names):
        own = scored.truth[scored.codes == index]
        positives = int(own.sum())
        fewest = min(positives, len(own) - positives)
        if not len(own):
            continue
        if len(own) < MIN_ROWS:
            result.append(SmallGroup(name, len(own), f"{MIN_ROWS} rows are needed"))
        elif fewest < MIN_CLASS_ROWS:
            reason = f"{fewest} rows of a class; {MIN_CLASS_ROWS} are needed"
            result.append(SmallGroup(name, len(own), reason))
    return result


def choice_text(report: GroupThresholds) -> str:
    """What was chosen, in a sentence."""
    return (
        f"{CRITERIA[report.criterion]} within {report.tolerance:g} over {report.column}, "
        f"at the best {OBJECTIVES[report.objective].lower()}"
    )
