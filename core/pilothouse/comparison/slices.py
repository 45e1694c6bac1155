"""How good runs are on each part of their held-out rows: worst part first.

A part is a value of a column, or a range of a numeric one between quantiles of the baseline's
rows; every run is cut by the same values and the same ranges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.predictions import Predictions
from pilothouse.comparison.statistics.weighted_metrics import KEYS, values
from pilothouse.experiments.metrics.kinds import MetricKind
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Codes = npt.NDArray[np.int64]

RANGES = 5
MAX_VALUES = 12
MAX_DISTINCT_NUMBERS = 8
MIN_ROWS = 50
OTHERS, MISSING = "others", "missing"
COLUMNS = (
    *("column", "segment", "run", "label", "rows", "share", "positive_rate"),
    *("value", "overall", "shortfall", "delta", "worst"),
)


@dataclass(frozen=True, eq=False)
class Slices:
    """A metric on parts of the rows: a row per part and run, of `COLUMNS`, worst part first.

    `shortfall` is how much worse a run is there than on all of its rows (below 0: better), `worst`
    the largest of the part's shortfalls; `delta` is the difference to the baseline in the same
    part. `small` counts the parts that have too few rows to be shown.
    """

    frame: pd.DataFrame
    metric: str
    small: int
    least_rows: int


@dataclass(frozen=True, eq=False)
class _Cut:
    """How a column is cut: its segments' names, and which segment each value falls in."""

    names: tuple[str, ...]
    edges: Any = None
    codes: Mapping[Any, int] | None = None

    def of(self, column: pd.Series[Any]) -> Codes:
        """The segment of each row; the last one is for missing values."""
        import numpy as np
        import pandas as pd

        missing = len(self.names)
        if self.codes is not None:
            codes, others = self.codes, self.codes.get(OTHERS, missing)
            found = [codes.get(_plain(value), others) for value in column]
            return np.where(column.isna(), missing, found).astype(np.int64)
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
        place = np.searchsorted(self.edges, numbers, side="right")
        return np.where(np.isnan(numbers), missing, place).astype(np.int64)


def slices(
    found: Mapping[str, Predictions],
    frames: Mapping[str, pd.DataFrame],
    labels: Mapping[str, str],
    kind: MetricKind,
    threshold: float,
    min_rows: int = MIN_ROWS,
) -> Slices:
    """The metric on every part of every column of `frames`, which have each run's features.

    The first run is the baseline. Raises Invalid for a metric that rows alone do not give.
    """
    import pandas as pd

    if kind.key not in KEYS:
        raise Invalid(
            f"{kind.title} cannot be measured on a part of the rows.",
            hint=f"It is done for {', '.join(KEYS)}.",
        )
    overall = {run: _value(kind, each, threshold, None) for run, each in found.items()}
    baseline = next(iter(found))
    rows: list[tuple[Any, ...]] = []
    small = 0
    for name in frames[baseline].columns:
        cut = _cut(frames[baseline][name])
        parts = _parts(cut, name, found, frames, kind, threshold)
        for segment, by_run in parts.items():
            told = {run: each for run, each in by_run.items() if each[0] >= min_rows}
            small += len(told) < len(by_run)
            rows += _rows(name, segment, told, found, overall, labels, kind, baseline)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    order = {run: place for place, run in enumerate(found)}
    frame = frame.assign(place=frame["run"].map(order)).sort_values(
        ["worst", "column", "segment", "place"],
        ascending=[False, True, True, True],
        na_position="last",
        kind="stable",
    )
    return Slices(frame.drop(columns="place").reset_index(drop=True), kind.key, small, min_rows)


Part = tuple[int, float, float]  # rows, share of positives, the metric's value


def _parts(
    cut: _Cut,
    name: str,
    found: Mapping[str, Predictions],
    frames: Mapping[str, pd.DataFrame],
    kind: MetricKind,
    threshold: float,
) -> dict[str, dict[str, Part]]:
    import numpy as np

    parts: dict[str, dict[str, Part]] = {}
    for run, each in found.items():
        if name not in frames[run]:
            continue
        codes = cut.of(frames[run][name])
        for code in np.unique(codes).tolist():
            rows = np.flatnonzero(codes == code)
            segment = cut.names[code] if code < len(cut.names) else MISSING
            rate = float((each.scored.y[rows] == 1).mean())
            told = len(rows), rate, _value(kind, each, threshold, rows)
            parts.setdefault(segment, {})[run] = told
    return parts


def _rows(
    column: str,
    segment: str,
    by_run: Mapping[str, Part],
    found: Mapping[str, Predictions],
    overall: Mapping[str, float],
    labels: Mapping[str, str],
    kind: MetricKind,
    baseline: str,
) -> list[tuple[Any, ...]]:
    sign = {"higher": 1, "lower": -1}.get(kind.direction, math.nan)
    falls = {run: sign * (overall[run] - value) for run, (_, _, value) in by_run.items()}
    known = [fall for fall in falls.values() if not math.isnan(fall)]
    ours = by_run[baseline][2] if baseline in by_run else math.nan
    return [
        (
            *(column, segment, run, labels[run], count),
            count / len(found[run].scored.y),
            *(rate, value, overall[run], falls[run], value - ours),
            max(known, default=math.nan),
        )
        for run, (count, rate, value) in by_run.items()
    ]


def _value(kind: MetricKind, each: Predictions, threshold: float, rows: Any) -> float:
    y, score = each.scored.y, each.scored.score
    if rows is not None:
        y, score = y[rows], score[rows]
    return values([kind.key], y, score, threshold)[kind.key]


def _cut(column: pd.Series[Any]) -> _Cut:
    import numpy as np
    import pandas as pd

    present = column.dropna()
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if not is_number or present.nunique() <= MAX_DISTINCT_NUMBERS:
        counts = present.map(_plain).value_counts()
        chosen = sorted(counts.index[:MAX_VALUES], key=_order)
        names = [str(value) for value in chosen]
        codes = {value: place for place, value in enumerate(chosen)}
        if len(counts) > MAX_VALUES:
            codes[OTHERS] = len(names)
            names.append(OTHERS)
        return _Cut(tuple(names), codes=codes)
    inner = np.unique(np.quantile(present, np.linspace(0, 1, RANGES + 1)))[1:-1]
    return _Cut(_ranges(inner.tolist()), edges=inner)


def _order(value: Any) -> tuple[bool, Any]:
    return (False, value) if isinstance(value, (int, float)) else (True, str(value))


def _plain(value: Any) -> Any:
    """A value as people write it: whole floats without their point."""
    if hasattr(value, "item"):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _ranges(inner: Sequence[float]) -> tuple[str, ...]:
    words = [f"{edge:,.4g}" for edge in inner]
    if not words:
        return ("any value",)
    between = [f"{low} to {high}" for low, high in pairwise(words)]
    return (f"below {words[0]}", *between, f"{words[-1]} or more")
