"""How a training is evaluated: on held-out rows, or by folds when these would be too few.

By folds, every row is answered by a model that was not fitted on it, and the model that is kept is
fitted on all rows. See docs/decisions/0019-small-data-is-evaluated-by-folds.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of
from pilothouse.training.splits import Codes, Rows

if TYPE_CHECKING:
    from pilothouse.models.metrics.weighted_metrics import Resampled
    from pilothouse.training.answers import Floats, Outputs

MEASURED_PATH = "measured.json"
EVALUATION_FOLDS = 5
# Held out, fewer rows than these judge nothing: an AUC of 0.75 has a standard error of 0.03 with 50
# rows of the rarer class, an accuracy of 0.8 and a mean error of 0.03 and 5 % with 200 rows.
MIN_CLASS_ROWS = 50
MIN_ROWS = 200
MAX_ROWS = 20_000  # above, folds are not chosen by themselves: each fits on nearly all rows
RESAMPLES = 400
RESAMPLED_AT_ONCE = 50
COVERAGE = 0.95


def are_too_few(held_out: Rows, codes: Codes | None, rows: int) -> bool:
    """Whether held-out rows would judge nothing, and folds of all `rows` are affordable.

    `codes` are the classes of all rows; None where the target is a number.
    """
    if rows > MAX_ROWS:
        return False
    return len(held_out) < MIN_ROWS or (
        codes is not None and _rarest(codes[held_out], len(np.unique(codes))) < MIN_CLASS_ROWS
    )


def _rarest(codes: Codes, classes: int) -> int:
    counts = np.unique(codes, return_counts=True)[1]
    return int(counts.min()) if len(counts) == classes else 0


@dataclass(frozen=True)
class Interval:
    """The metric that decides, with the interval that resampled rows give it."""

    metric: str
    value: float
    low: float
    high: float
    coverage: float = COVERAGE


def interval_of(
    metric: str,
    metrics: Mapping[str, float],
    signature: Signature,
    columns: Outputs,
    truth: Floats,
    groups: Rows | None,
    seed: int,
) -> Interval | None:
    """A bootstrap interval of a metric on answered rows; rows of a group are drawn together.

    None for a metric that cannot be resampled, and for so many rows that chance hardly matters.
    """
    from pilothouse.models.metrics.weighted_metrics import Untested

    make = task_of(signature).measures(signature, columns, truth).get(metric)
    if make is None or len(truth) > MAX_ROWS:
        return None
    measure = make()
    if isinstance(measure, Untested) or measure.unit != "rows":
        return None
    values = _resampled(measure, groups, np.random.default_rng(seed))
    values = values[np.isfinite(values)]
    if len(values) < RESAMPLES / 2:  # a class so rare that most draws lack it
        return None
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(values, [tail, 1 - tail]).tolist()
    return Interval(metric, metrics[metric], low, high)


def _resampled(measure: Resampled, groups: Rows | None, rng: np.random.Generator) -> Floats:
    """The metric of each resample."""
    units = measure.rows if groups is None else int(groups.max()) + 1
    parts = []
    for _ in range(RESAMPLES // RESAMPLED_AT_ONCE):
        drawn = rng.integers(0, units, (RESAMPLED_AT_ONCE, units))
        weights = np.stack([np.bincount(row, minlength=units) for row in drawn])
        weights = (weights if groups is None else weights[:, groups]).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append(measure.values(weights))
    return np.concatenate(parts)


@dataclass(frozen=True)
class HowMeasured:
    """How a training's metrics were measured, for people. `rarest` is None of a number.

    `folds` is 0 when the rows were held out.
    """

    folds: int
    rows: int
    rarest: int | None
    rarest_class: str | None = None
    interval: Interval | None = None
    searched: bool = False

    @property
    def text(self) -> str:
        """In a few words, such as "out of fold, 5 folds, 400 rows, 19 of them yes"."""
        way = f"out of fold, {self.folds} folds" if self.folds else "held out"
        way += " with a search in each" if self.searched else ""
        noun = "row" if self.rows == 1 else "rows"
        rare = "" if self.rarest is None else f", {self.rarest:,} of them {self.rarest_class}"
        return f"{way}, {self.rows:,} {noun}{rare}"

    @property
    def interval_text(self) -> str:
        """The metric that decides with its interval; empty without one."""
        if self.interval is None:
            return ""
        kind = metric_kind(self.interval.metric)
        value, low, high = map(
            kind.format_value, (self.interval.value, self.interval.low, self.interval.high)
        )
        return f"{kind.title} {value}, {self.interval.coverage:.0%} interval {low} to {high}"

    def to_json(self) -> dict[str, Any]:
        """A plain value that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> HowMeasured:
        """What `to_json` wrote."""
        interval = value.get("interval")
        return cls(
            int(value["folds"]),
            int(value["rows"]),
            value.get("rarest"),
            value.get("rarest_class"),
            None if not interval else Interval(**interval),
            bool(value.get("searched")),
        )
