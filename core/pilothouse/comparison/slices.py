"""Metrics of runs on slices of their held-out rows, the worst slice first.

A slice is a value of a column, or a range of a numeric column between quantiles of the baseline's
rows; every run is sliced by the same values and ranges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.predictions import RunPredictions
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
ROWS_FOR_THRESHOLD = 2_000  # enough to see whether a threshold moves a metric
OTHERS, MISSING = "others", "missing"
COLUMNS = (
    *("column", "segment", "run", "label", "rows", "share", "actual"),
    *("value", "overall", "shortfall", "delta", "worst"),
)


@dataclass(frozen=True, eq=False)
class SliceReport:
    """A metric on slices of the rows: one row of `COLUMNS` per slice and run, worst slice first.

    `shortfall` is how much worse a run is there than on all of its rows (below 0: better), `worst`
    the largest shortfall of the slice; `delta` is the difference to the baseline in the same slice.
    `actual` is what the labels of the slice are like, titled `actual_title` (the share of a class,
    a mean); both are empty where one number does not tell.
    `too_small` counts the slices with fewer than `min_rows` rows, which are left out.
    """

    frame: pd.DataFrame
    metric: str
    too_small: int
    min_rows: int
    actual_title: str = ""
    actual_is_share: bool = False


@dataclass(frozen=True, eq=False)
class _Cutter:
    """How a column is sliced: the names of its segments, and the segment of each value."""

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
            indices = [codes.get(_plain_value(value), others) for value in column]
            return np.where(column.isna(), missing, indices).astype(np.int64)
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
        range_index = np.searchsorted(self.edges, numbers, side="right")
        return np.where(np.isnan(numbers), missing, range_index).astype(np.int64)


def slices(
    predictions_by_run: Mapping[str, RunPredictions],
    frames: Mapping[str, pd.DataFrame],
    labels: Mapping[str, str],
    kind: MetricKind,
    min_rows: int = MIN_ROWS,
) -> SliceReport:
    """The metric on every slice of every column of `frames`, which have each run's features.

    The first run is the baseline. Raises Invalid for a metric that predictions do not determine.
    """
    import pandas as pd

    baseline = next(iter(predictions_by_run))
    measures = predictions_by_run[baseline].measures()
    if kind.key not in measures:
        raise Invalid(
            f"{kind.title} cannot be computed on a slice of the rows.",
            hint=f"Known: {', '.join(measures)}.",
        )

    overall = {run: _metric_value(kind, part) for run, part in predictions_by_run.items()}
    rows: list[tuple[Any, ...]] = []
    small = 0

    for name in frames[baseline].columns:
        cut = _make_cutter(frames[baseline][name])
        parts = _slice_parts(cut, name, predictions_by_run, frames, kind)
        for segment, by_run in parts.items():
            large_enough = {
                run: run_predictions
                for run, run_predictions in by_run.items()
                if run_predictions[0] >= min_rows
            }
            small += len(large_enough) < len(by_run)
            rows += _slice_rows(
                name, segment, large_enough, predictions_by_run, overall, labels, kind, baseline
            )

    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    order = {run: index for index, run in enumerate(predictions_by_run)}
    frame = frame.assign(place=frame["run"].map(order)).sort_values(
        ["worst", "column", "segment", "place"],
        ascending=[False, True, True, True],
        na_position="last",
        kind="stable",
    )

    return SliceReport(
        frame.drop(columns="place").reset_index(drop=True),
        kind.key,
        small,
        min_rows,
        _actual(predictions_by_run[baseline])[0],
        predictions_by_run[baseline].task.has_classes,
    )


SlicePart = tuple[int, float, float]  # rows, what their labels are like, the metric's value


def _slice_parts(
    cut: _Cutter,
    name: str,
    by_run: Mapping[str, RunPredictions],
    frames: Mapping[str, pd.DataFrame],
    kind: MetricKind,
) -> dict[str, dict[str, SlicePart]]:
    import numpy as np

    parts: dict[str, dict[str, SlicePart]] = {}
    for run, run_predictions in by_run.items():
        if name not in frames[run]:
            continue
        codes = cut.of(frames[run][name])
        for code in np.unique(codes).tolist():
            rows = np.flatnonzero(codes == code)
            segment = cut.names[code] if code < len(cut.names) else MISSING
            of_rows = run_predictions.take(rows)
            part = len(rows), _actual(of_rows)[1], _metric_value(kind, of_rows)
            parts.setdefault(segment, {})[run] = part

    return parts


def _slice_rows(
    column: str,
    segment: str,
    by_run: Mapping[str, SlicePart],
    predictions_by_run: Mapping[str, RunPredictions],
    overall: Mapping[str, float],
    labels: Mapping[str, str],
    kind: MetricKind,
    baseline: str,
) -> list[tuple[Any, ...]]:
    sign = {"higher": 1, "lower": -1}.get(kind.direction, math.nan)
    falls = {run: sign * (overall[run] - value) for run, (_, _, value) in by_run.items()}
    known_falls = [fall for fall in falls.values() if not math.isnan(fall)]
    baseline_value = by_run[baseline][2] if baseline in by_run else math.nan

    return [
        (
            *(column, segment, run, labels[run], count),
            count / len(predictions_by_run[run].rows),
            *(rate, value, overall[run], falls[run], value - baseline_value),
            max(known_falls, default=math.nan),
        )
        for run, (count, rate, value) in by_run.items()
    ]


def sliceable(part: RunPredictions) -> dict[str, bool]:
    """The metrics that rows determine, each with whether it depends on the threshold."""
    if not part.score_column:
        return dict.fromkeys(part.measures(), False)
    import numpy as np

    some = part.take(np.arange(min(len(part.rows), ROWS_FOR_THRESHOLD)))
    of_part, *others = (some.at_threshold(at).measures() for at in (None, 0.0, 1.0))
    return {
        key: not all(
            np.isclose(other[key]().value(), measure().value(), equal_nan=True) for other in others
        )
        for key, measure in of_part.items()
    }


def _actual(part: RunPredictions) -> tuple[str, float]:
    """What the labels are like, if one number tells it, under its title."""
    summary = part.task.summary(part.signature, part.rows.truth)
    return next(iter(summary.items())) if len(summary) == 1 else ("", math.nan)


def _metric_value(kind: MetricKind, part: RunPredictions) -> float:
    """The metric on these rows; NaN where they do not allow it."""
    measure = part.measures().get(kind.key)
    return math.nan if measure is None else measure().value()


def _make_cutter(column: pd.Series[Any]) -> _Cutter:
    import numpy as np
    import pandas as pd

    present = column.dropna()
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if not is_number or present.nunique() <= MAX_DISTINCT_NUMBERS:
        counts = present.map(_plain_value).value_counts()
        chosen = sorted(counts.index[:MAX_VALUES], key=_sort_key)
        names = [str(value) for value in chosen]
        codes = {value: index for index, value in enumerate(chosen)}
        if len(counts) > MAX_VALUES:
            codes[OTHERS] = len(names)
            names.append(OTHERS)
        return _Cutter(tuple(names), codes=codes)

    inner = np.unique(np.quantile(present, np.linspace(0, 1, RANGES + 1)))[1:-1]
    return _Cutter(_range_names(inner.tolist()), edges=inner)


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (False, value) if isinstance(value, (int, float)) else (True, str(value))


def _plain_value(value: Any) -> Any:
    """A value as people write it: whole floats without their point."""
    if hasattr(value, "item"):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _range_names(inner: Sequence[float]) -> tuple[str, ...]:
    edges = [f"{edge:,.4g}" for edge in inner]
    if not edges:
        return ("any value",)
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return (f"below {edges[0]}", *between, f"{edges[-1]} or more")
