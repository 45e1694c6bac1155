"""Differences of any metric between models on the same rows: the paired bootstrap.

Rows are drawn with replacement, the same draw for every model, so that rows that are hard for all
of them cancel out. The interval is between percentiles of the differences: Efron and
Tibshirani, An introduction to the bootstrap (1993), chapter 13; paired as in Berg-Kirkpatrick,
Burkett and Klein, An empirical investigation of statistical significance in NLP (2012). Rows that
belong together (a group, a block of time) are drawn together: Davison and Hinkley, Bootstrap
methods and their application (1997), sections 3.8 and 8.2.3.

PERF: a person waits for this. Of more than `MAX_ROWS` rows a sample is drawn once and resampled;
its spread is scaled to that of all rows by sqrt(sample / rows) (Politis, Romano and Wolf,
Subsampling, 1999), around the difference on all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from pilothouse.comparison.statistics.result import LEVEL, Floats, TestResult
from pilothouse.comparison.statistics.time_blocks import (
    DAY_MS,
    FEWEST,
    block_codes,
    block_length,
)
from pilothouse.models.metrics.weighted_metrics import Resampled, RowSums

Weights = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
ByKey = Mapping[str, Resampled]
RESAMPLES = 400
MAX_ROWS = 10_000
MIN_UNITS = 10  # of fewer, the percentiles of a resample mean little
FEW_COLUMNS = 100
BLOCK = 40
SEED = 20_130_301
METHODS = {
    "rows": "bootstrap",
    "groups": "bootstrap_groups",
    "blocks": "bootstrap_blocks",
    "days": "bootstrap_days",
}


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which rows belong together: the number of each row's cluster, from 0, and what these are."""

    codes: Places
    unit: str

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0


def groups_of(values: npt.NDArray[Any]) -> Clusters:
    """Clusters of rows with the same value."""
    codes = np.unique(values.astype(str), return_inverse=True)[1]
    return Clusters(codes.astype(np.int64), "groups")


def days_of(at: Places) -> Clusters:
    """Clusters of rows whose instants (milliseconds since the epoch) are of one day in UTC."""
    return Clusters(block_codes(at, DAY_MS), "days")


def blocks_of(at: Places) -> Clusters:
    """Blocks of rows that follow each other in time: days, or hours where there are too few days.

    Where there are too few of either, each is about the cube root of all rows long, which Hall,
    Horowitz and Jing, Biometrika 82 (1995), derive for a variance. Rows of one instant stay
    together.
    """
    blocks = block_codes(at, block_length(at))
    if FEWEST <= len(np.unique(blocks)) <= len(at) ** (2 / 3):
        return Clusters(blocks, "blocks")
    length = max(round(len(at) ** (1 / 3)), 1)
    order = np.argsort(at, kind="stable")
    first = np.searchsorted(at[order], at[order], side="left")  # the first row of its instant
    codes = np.empty(len(at), dtype=np.int64)
    codes[order] = np.unique(first // length, return_inverse=True)[1]
    return Clusters(codes, "blocks")


def bootstrap(
    models: Sequence[Mapping[str, Callable[[], Any]]],
    keys: Sequence[str],
    *,
    sampled: Sequence[Mapping[str, Callable[[], Any]]] | None = None,
    share: float = 1.0,
    clusters: Clusters | None = None,
    min_units: int = MIN_UNITS,
) -> Mapping[str, list[TestResult]]:
    """For each metric, the difference of each later model to the first.

    `sampled` are the metrics on a sample of the rows, this `share` of all, where there are many;
    `clusters` are of the sample's rows. The draws have a fixed seed, so that results are
    reproducible. Metrics of fewer than `min_units` units have no result.
    """
    whole = [{key: made[key]() for key in keys} for made in models]
    drawn = whole if sampled is None else [{key: made[key]() for key in keys} for made in sampled]
    results: dict[str, list[TestResult]] = {}
    units = sorted({whole[0][key].unit for key in keys})

    for unit in units:
        of_unit = [key for key in keys if whole[0][key].unit == unit]
        in_rows = clusters if unit == "rows" else None
        chosen = [{key: made[key] for key in of_unit} for made in drawn]
        gaps = _gaps(chosen, of_unit, in_rows, min_units)
        if gaps is None:
            continue
        differences, count = gaps
        method = METHODS[in_rows.unit if in_rows else unit]
        for index, key in enumerate(of_unit):
            results[key] = [
                _result(
                    TestResult(
                        method,
                        round(count / share),
                        in_rows.unit if in_rows else unit,
                        made[key].value() - whole[0][key].value(),
                        np.nan,
                        np.nan,
                    ),
                    differences[:, model, index] * np.sqrt(share),
                )
                for model, made in enumerate(whole[1:])
            ]
    return results


def _gaps(
    models: Sequence[ByKey], keys: Sequence[str], clusters: Clusters | None, min_units: int
) -> tuple[Floats, int] | None:
    """How far each draw's differences are from those of the rows once, and the units drawn."""
    columns = _ModelMeasures(models, keys)
    rows = columns.units
    count = clusters.count if clusters else rows
    if count < min_units:
        return None
    once = columns.metric_values(np.ones((1, rows), dtype=np.float32))[0]
    # BLAS threads wait for each other on busy cores
    with threadpool_limits(limits=1, user_api="blas"):
        values = np.concatenate(
            [
                columns.metric_values(weights if clusters is None else weights[:, clusters.codes])
                for weights in _resampled_weights(count)
            ]
        )
    gaps = values[:, 1:] - values[:, :1]
    return gaps - (once[1:] - once[:1]), count


def _result(difference: TestResult, spread: Floats) -> TestResult:
    finite = spread[np.isfinite(spread)]  # a draw without one of the classes has no value
    if not len(finite):
        return difference
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    delta = difference.delta
    return TestResult(
        difference.method,
        difference.n,
        difference.unit,
        delta,
        delta + float(low),
        delta + float(high),
    )


def sampled_rows(rows: int, clusters: Clusters | None = None) -> tuple[Places, float] | None:
    """Rows to resample of many, and which share they are of all; None where there are few.

    Of clusters, whole ones are drawn, and the share is that of the clusters.
    """
    if rows <= MAX_ROWS:
        return None
    rng = np.random.default_rng(SEED)
    if clusters is None:
        chosen = np.sort(rng.choice(rows, MAX_ROWS, replace=False))
        return chosen.astype(np.int64), MAX_ROWS / rows
    count = max(2, round(clusters.count * MAX_ROWS / rows))
    if count >= clusters.count:
        return None
    is_drawn = np.zeros(clusters.count, dtype=bool)
    is_drawn[rng.choice(clusters.count, count, replace=False)] = True
    return np.flatnonzero(is_drawn[clusters.codes]).astype(np.int64), count / clusters.count


def _resampled_weights(units: int) -> Iterator[Weights]:
    """How often each unit was drawn, `BLOCK` resamples at a time."""
    rng = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // BLOCK):
        drawn = rng.integers(0, units, (BLOCK, units), dtype=np.int32)
        drawn += np.arange(BLOCK, dtype=np.int32)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=BLOCK * units)
        yield counts.reshape(BLOCK, units).astype(np.float32)


class _ModelMeasures:
    """The metrics of all models, with every column to sum in one matrix.

    PERF: one matrix product sums all columns of all models for a block of resamples.
    """

    def __init__(self, made: Sequence[ByKey], keys: Sequence[str]) -> None:
        self._made, self._keys = made, keys
        sums = [
            measure.columns
            for by_key in made
            for measure in by_key.values()
            if isinstance(measure, RowSums)
        ]
        unique = {id(columns): columns for columns in sums}
        widths = np.cumsum([0, *(columns.shape[1] for columns in unique.values())])
        self._places = {
            at: slice(start, end)
            for at, start, end in zip(unique, widths, widths[1:], strict=False)
        }
        columns = np.concatenate(list(unique.values()), axis=1) if unique else np.empty((0, 0))
        # PERF: single precision halves the time where there are many columns. A sum of 10,000 of
        # its floats keeps six digits, more than the noise of resampling leaves.
        is_wide = columns.shape[1] > FEW_COLUMNS
        self._columns = columns.astype(np.float32) if is_wide else columns
        self._rows = {measure.rows for by_key in made for measure in by_key.values()}

    @property
    def units(self) -> int:
        """How many units are resampled."""
        return max(self._rows, default=0)

    def metric_values(self, weights: Weights) -> Floats:
        """Values as an array (sets of weights x models x metrics)."""
        total = weights.sum(axis=1, dtype=np.float64)[:, None]
        product = None
        if self._columns.size:
            product = (weights.astype(self._columns.dtype, copy=False) @ self._columns) / total
        values_by_model = np.empty((len(weights), len(self._made), len(self._keys)))

        for model, by_key in enumerate(self._made):
            for metric, key in enumerate(self._keys):
                measure = by_key[key]
                if isinstance(measure, RowSums):
                    assert product is not None
                    columns = self._places[id(measure.columns)]
                    values_by_model[:, model, metric] = measure.combine(product[:, columns])
                else:
                    values_by_model[:, model, metric] = measure.values(weights)

        return values_by_model
