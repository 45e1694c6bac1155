"""Runs at one threshold and one pair of costs: confusion matrix, rates, curves and cost.

Everything is computed from stored predictions, so that runs can be compared at any threshold and
not only at their own. A row is predicted positive when its score reaches the threshold. Only runs
whose task decides by a threshold on one score between 0 and 1 take part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.predictions import UNRECORDED, RunPredictions
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

POINTS = 200
STEPS = 101
BINS = 10
MIN_BIN_ROWS = 10  # a share of fewer rows is too uncertain to draw
RATES = ("recall", "false_positive_rate", "precision", "specificity", "f1", "accuracy")


@dataclass(frozen=True, eq=False)
class ThresholdReport:
    """Runs at a threshold, with costs.

    `points` has a row per run: run, label, rows, threshold (its own), tp, fp, fn, tn, `RATES`,
    positive_rate, cost, cost_per_row, best_threshold, best_cost. `curves` has roc, pr, calibration
    and cost, as rows of run, label and the curve's columns.
    """

    threshold: float
    points: pd.DataFrame
    curves: Mapping[str, pd.DataFrame]


def at_threshold(
    by_run: Mapping[str, RunPredictions],
    labels: Mapping[str, str],
    threshold: float,
    false_positive_cost: float,
    false_negative_cost: float,
) -> ThresholdReport:
    """Apply one threshold to every run's predictions.

    Raises Invalid for a threshold outside 0 to 1, for costs below 0 or both 0, and when no run has
    a score that a threshold decides on.
    """
    import pandas as pd

    _check(threshold, false_positive_cost, false_negative_cost)
    by_run = {run: part for run, part in by_run.items() if part.score_column}
    if not by_run:
        raise Invalid(
            "none of these runs has a score between 0 and 1 that a threshold decides on.",
            hint="Compare their metrics and evaluation instead.",
        )
    paths = {run: _ThresholdCounts.of(part) for run, part in by_run.items()}
    points = [
        {"run": run, "label": labels[run], "threshold": by_run[run].signature.threshold}
        | path.at(threshold, false_positive_cost, false_negative_cost)
        for run, path in paths.items()
    ]
    curves = {
        name: pd.concat(
            [pd.DataFrame({"run": run, "label": labels[run]} | columns) for run, columns in drawn],
            ignore_index=True,
        )
        for name, drawn in _curves(by_run, paths, false_positive_cost, false_negative_cost).items()
        if drawn
    }

    return ThresholdReport(threshold, pd.DataFrame(points), curves)


def _check(threshold: float, false_positive_cost: float, false_negative_cost: float) -> None:
    if not 0 <= threshold <= 1:
        raise Invalid("a threshold lies between 0 and 1.", fields={"threshold": "0 to 1"})
    if (
        min(false_positive_cost, false_negative_cost) < 0
        or not false_positive_cost + false_negative_cost > 0
    ):
        raise Invalid(
            "a cost is 0 or more, and one of the two is above 0.", fields={"cost": "above 0"}
        )


@dataclass(frozen=True, eq=False)
class _ThresholdCounts:
    """Counts of true and false positives at every threshold that changes them, falling.

    The first threshold is above every score: nothing is predicted positive there.
    """

    threshold: Floats
    tp: Floats
    fp: Floats
    positives: int
    negatives: int

    @classmethod
    def of(cls, part: RunPredictions) -> _ThresholdCounts:
        import numpy as np

        order = part.rows.by_falling(part.score_column)
        score, hit = part.rows.columns[part.score_column][order], part.rows.truth[order] == 1
        last = np.flatnonzero(np.r_[score[1:] != score[:-1], True])
        tp = np.r_[0, np.cumsum(hit)[last]].astype(np.float64)
        called = np.r_[0, last + 1]
        above = np.nextafter(score[0], np.inf)
        positives = int(hit.sum())
        return cls(np.r_[above, score[last]], tp, called - tp, positives, len(score) - positives)

    def index_of(self, threshold: float) -> int:
        """The index of the last point whose threshold is not below this one."""
        import numpy as np

        return max(int(np.searchsorted(-self.threshold, -threshold, side="right")) - 1, 0)

    def costs(self, false_positive_cost: float, false_negative_cost: float) -> Floats:
        """The total cost at each threshold: cost(t) = c_fp * FP(t) + c_fn * FN(t)."""
        return false_positive_cost * self.fp + false_negative_cost * (self.positives - self.tp)

    def at(
        self, threshold: float, false_positive_cost: float, false_negative_cost: float
    ) -> dict[str, Any]:
        """The confusion matrix, rates and cost at a threshold, and the cheapest threshold."""
        index, costs = (
            self.index_of(threshold),
            self.costs(false_positive_cost, false_negative_cost),
        )
        tp, fp = float(self.tp[index]), float(self.fp[index])
        fn, tn = self.positives - tp, self.negatives - fp
        rows = self.positives + self.negatives
        best = int(costs.argmin())

        return {
            "rows": rows,
            "tp": int(tp),
            "fp": int(fp),
            "fn": int(fn),
            "tn": int(tn),
            "recall": _ratio(tp, tp + fn),
            "false_positive_rate": _ratio(fp, fp + tn),
            "precision": _ratio(tp, tp + fp),
            "specificity": _ratio(tn, fp + tn),
            "f1": _ratio(2 * tp, 2 * tp + fp + fn),
            "accuracy": _ratio(tp + tn, rows),
            "positive_rate": _ratio(tp + fp, rows),
            "cost": float(costs[index]),
            "cost_per_row": float(costs[index]) / rows,
            "best_threshold": min(float(self.threshold[best]), 1.0),
            "best_cost": float(costs[best]),
        }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _curves(
    by_run: Mapping[str, RunPredictions],
    paths: Mapping[str, _ThresholdCounts],
    false_positive_cost: float,
    false_negative_cost: float,
) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    import numpy as np

    grid = np.linspace(0, 1, STEPS)
    curves: dict[str, list[tuple[str, dict[str, Any]]]] = {
        name: [] for name in ("roc", "pr", "calibration", "cost")
    }
    for run, path in paths.items():
        indices = _thinned_indices(path)
        tp, fp, at = path.tp[indices], path.fp[indices], path.threshold[indices]
        recall = tp / max(path.positives, 1)
        roc = {"fpr": fp / max(path.negatives, 1), "tpr": recall, "threshold": at}
        called = np.maximum(tp + fp, 1)
        pr = {"recall": recall[1:], "precision": (tp / called)[1:], "threshold": at[1:]}
        places = [path.index_of(point) for point in grid]
        rows = path.positives + path.negatives
        cost = path.costs(false_positive_cost, false_negative_cost)[places] / rows
        curves["roc"].append((run, roc))
        curves["pr"].append((run, pr))
        curves["cost"].append((run, {"threshold": grid, "cost": cost}))
        curves["calibration"].append((run, _calibration(by_run[run])))

    return curves


def _thinned_indices(path: _ThresholdCounts) -> Any:
    """At most `POINTS` points, spread evenly over both counts, with both ends."""
    import numpy as np

    count = len(path.tp)
    if count <= POINTS:
        return np.arange(count)
    walked = path.tp / max(path.positives, 1) + path.fp / max(path.negatives, 1)
    stops = np.linspace(0, walked[-1], POINTS)
    return np.unique(np.r_[0, np.searchsorted(walked, stops), count - 1].clip(max=count - 1))


def _calibration(part: RunPredictions) -> dict[str, Any]:
    """Mean score and observed share in equal bins of the score, without too small bins."""
    import numpy as np

    score = part.rows.columns[part.score_column]
    bin_index = np.clip((score * BINS).astype(int), 0, BINS - 1)
    count = np.bincount(bin_index, minlength=BINS)
    filled = count >= MIN_BIN_ROWS
    mean_score = np.bincount(bin_index, score, BINS)[filled] / count[filled]
    true = np.bincount(bin_index, part.rows.truth == 1, BINS)[filled] / count[filled]
    return {"predicted": mean_score, "observed": true, "count": count[filled]}


def default_threshold(run_predictions: Sequence[RunPredictions]) -> float:
    """The initial threshold: the own one of the first run that has a score to decide on."""
    own = [part.signature.threshold for part in run_predictions if part.score_column]
    return round(own[0], 3) if own else UNRECORDED.threshold
