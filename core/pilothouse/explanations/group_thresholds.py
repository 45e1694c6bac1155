"""A threshold for each group that meets a criterion within a tolerance, at the least loss.

Hardt, Price and Srebro, "Equality of opportunity in supervised learning", NeurIPS 2016, without
their random decisions: each row is decided by one threshold, so a criterion is met within a
tolerance and not exactly. The search is complete over the candidates of every group: what it
chooses is what trying all combinations would. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pilothouse.kit.errors import Invalid

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Criterion = Literal["demographic_parity", "equal_opportunity", "equalised_odds"]
Objective = Literal["balanced_accuracy", "accuracy"]
CRITERIA: Mapping[Criterion, str] = {
    "demographic_parity": "Demographic parity",
    "equal_opportunity": "Equal opportunity",
    "equalised_odds": "Equalised odds",
}
OBJECTIVES: Mapping[Objective, str] = {
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
}
RATES: Mapping[Criterion, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "equalised_odds": ("true_positive_rate", "false_positive_rate"),
}
CANDIDATES = {1: 200, 2: 60}  # thresholds a group, by the number of rates
SLACK = 1e-12  # of a comparison of rates


@dataclass(frozen=True, eq=False)
class GroupCurve:
    """The candidates of a group, rising thresholds, with what each of them gives.

    `gain` is what it adds to the objective over all groups.
    """

    thresholds: Floats
    rates: Floats
    gain: Floats


def check_choice(criterion: str, objective: str, tolerance: float) -> None:
    """Raises Invalid for a criterion, an objective or a tolerance that is none."""
    if criterion not in get_args(Criterion):
        raise Invalid(f"no criterion {criterion!r}.", fields={"criterion": ", ".join(CRITERIA)})
    if objective not in get_args(Objective):
        raise Invalid(f"no objective {objective!r}.", fields={"objective": ", ".join(OBJECTIVES)})
    if not 0 <= tolerance <= 1:
        raise Invalid("a tolerance lies between 0 and 1.", fields={"tolerance": "0 to 1"})


def choose_thresholds(curves: Sequence[GroupCurve], tolerance: float) -> tuple[float, ...]:
    """The threshold of each group with the largest gain over all that keeps rates together.

    Every rate of the groups lies within the tolerance. Each group has a candidate that selects no
    row, so that there is always a choice.
    """
    best: tuple[float, tuple[int, ...]] | None = None
    rates = curves[0].rates.shape[1]
    lows = [
        np.unique(np.concatenate([curve.rates[:, k] for curve in curves])) for k in range(rates)
    ]
    for low in lows[0]:
        within = [_within(curve.rates[:, 0], low, tolerance) for curve in curves]
        if not all(mask.any() for mask in within):
            continue
        choice = _best(curves, within, lows[1:], tolerance)
        if choice is not None and (best is None or choice[0] > best[0] + SLACK):
            best = choice
    assert best is not None, "selecting no row keeps every rate at 0"
    picks = zip(curves, best[1], strict=True)
    return tuple(float(curve.thresholds[index]) for curve, index in picks)


def _best(
    curves: Sequence[GroupCurve], within: Sequence[Bools], lows: Sequence[Floats], tolerance: float
) -> tuple[float, tuple[int, ...]] | None:
    """The largest gain among candidates that keep the first rate, over every band of the second."""
    if not lows:
        feasible = [np.where(mask, c.gain, -np.inf) for c, mask in zip(curves, within, strict=True)]
        return sum(float(g.max()) for g in feasible), tuple(int(g.argmax()) for g in feasible)
    by_band: list[Floats] = []
    for curve, mask in zip(curves, within, strict=True):
        second = curve.rates[:, 1][None, :]
        low = lows[0][:, None]
        is_in = (second >= low - SLACK) & (second <= low + tolerance + SLACK) & mask[None, :]
        by_band.append(np.where(is_in, curve.gain[None, :], -np.inf))
    total: Floats = np.sum([gains.max(axis=1) for gains in by_band], axis=0)
    band = int(total.argmax())
    if not np.isfinite(total[band]):
        return None
    return float(total[band]), tuple(int(gains[band].argmax()) for gains in by_band)


def _within(rates: Floats, low: float, tolerance: float) -> Bools:
    return np.asarray((rates >= low - SLACK) & (rates <= low + tolerance + SLACK))


def curves_of(
    scores: Floats, truth: Bools, groups: npt.NDArray[np.int64], count: int,
    criterion: Criterion, objective: Objective,
) -> list[GroupCurve]:  # fmt: skip
    """The candidates of every group, numbered from 0: its own scores, at most so many."""
    positives = max(int(truth.sum()), 1)
    negatives = max(len(truth) - positives, 1)
    weights = (0.5 / positives, 0.5 / negatives)
    if objective == "accuracy":
        weights = (1 / len(truth), 1 / len(truth))
    return [
        _curve(scores[groups == g], truth[groups == g], criterion, weights) for g in range(count)
    ]


def _curve(
    scores: Floats, truth: Bools, criterion: Criterion, weights: tuple[float, float]
) -> GroupCurve:
    thresholds = candidates(scores, CANDIDATES[len(RATES[criterion])])
    is_called = scores[None, :] >= thresholds[:, None]
    hits = (is_called & truth).sum(axis=1)
    alarms = (is_called & ~truth).sum(axis=1)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    by_name = {
        "selection_rate": (hits + alarms) / len(scores),
        "true_positive_rate": hits / max(positives, 1),
        "false_positive_rate": alarms / max(negatives, 1),
    }
    rates = np.column_stack([by_name[name] for name in RATES[criterion]])
    gain = weights[0] * hits + weights[1] * (negatives - alarms)
    return GroupCurve(thresholds, rates, gain)


def candidates(scores: Floats, most: int) -> Floats:
    """Thresholds that select all rows, no row, and shares of them between."""
    distinct = np.unique(scores)
    if len(distinct) > most - 1:
        positions = np.linspace(0, len(distinct) - 1, most - 1).round().astype(int)
        distinct = distinct[np.unique(positions)]
    return np.append(distinct, np.nextafter(distinct[-1], np.inf))
