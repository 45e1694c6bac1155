"""How certain it is that a challenger is better than the champion, on the rows that both answered.

Rows of one day have the weather, the prices and the holidays of that day in common, and rows of one
group their customer: they are no independent evidence. So whole days, or groups, are drawn: the
paired bootstrap of `comparison.statistics.bootstrap`.

It runs in child processes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from pilothouse.comparison.statistics.bootstrap import Clusters
    from pilothouse.models.metrics.weighted_metrics import Measures

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

MIN_BLOCKS = 8  # of fewer days or groups, the percentiles of their resamples mean too little


@dataclass(frozen=True, eq=False)
class Answers:
    """A version's answers to labelled rows, in one order for both versions of a comparison."""

    signature: Signature
    outputs: Mapping[str, npt.NDArray[Any]]
    truth: Floats

    def measures(self) -> Measures:
        """The metrics, each computed once."""
        task = task_of(self.signature)
        made = task.measures(self.signature, self.outputs, self.truth)
        return {key: cache(measure) for key, measure in made.items()}


def difference_interval(
    metric: str,
    champion: Answers,
    challenger: Answers,
    at: Integers | None,
    groups: Integers | None = None,
) -> dict[str, Any] | None:
    """The 95 % interval of the challenger's metric less the champion's; None without a test.

    `at` are the rows' event times in milliseconds, `groups` number the rows that belong together.
    The result is a plain value: `metric`, `delta`, `low`, `high`, `method`, `n`, `unit`, a `note`
    when rows had to be taken for independent, and whether that is because days or groups are
    `too_few`.
    """
    from pilothouse.comparison.statistics.paired import paired_tests

    clusters, note = _clusters(at, groups)
    models = [champion.measures(), challenger.measures()]
    tested = paired_tests(models, [metric], clusters, min_units=MIN_BLOCKS)
    if metric not in tested:
        return None
    (result,) = tested[metric]
    return {
        "metric": metric,
        "delta": result.delta,
        "low": result.low,
        "high": result.high,
        "method": result.method,
        "n": result.n,
        "unit": result.unit,
        "note": note,
        "too_few": clusters is None and (at is not None or groups is not None),
    }


def _clusters(at: Integers | None, groups: Integers | None) -> tuple[Clusters | None, str]:
    """What is drawn: groups, else days; rows where there are too few of these, and why."""
    from pilothouse.comparison.statistics.bootstrap import days_of, groups_of

    if groups is not None:
        clusters = groups_of(groups)
    elif at is not None:
        clusters = days_of(at)
    else:
        return None, "rows were taken for independent: they have no event time"
    if clusters.count >= MIN_BLOCKS:
        return clusters, ""
    return None, (
        f"rows were taken for independent: there are {clusters.count} {clusters.unit}, "
        f"and {MIN_BLOCKS} are needed"
    )


def interval_text(interval: Mapping[str, Any] | None) -> str:
    """Such as "difference -0.0120, 95 % interval -0.0200 to -0.0040, 14 days"; "" without one."""
    if not interval:
        return ""
    low, high = (_signed(interval[end]) for end in ("low", "high"))
    text = f"difference {_signed(interval['delta'])}, 95 % interval {low} to {high}"
    text += f", {interval['n']:,} {interval['unit']}"
    return f"{text} ({interval['note']})" if interval["note"] else text


def _signed(value: float) -> str:
    return f"{value:+.4f}" if abs(value) < 100 else f"{value:+,.0f}"
