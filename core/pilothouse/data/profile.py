"""What is in each column, computed once when a version is registered."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.canonical import type_of
from pilothouse.data.info import ColumnProfile, Profile

PROBABILITIES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
BINS = 30
TOP = 20
MAX_FINITE = 1e150  # what is larger has no square, and no place among quantiles


def profile(table: pa.Table) -> Profile:
    """The profile of a canonical table."""
    columns = zip(table.column_names, table.columns, strict=True)
    return Profile(table.num_rows, tuple(_column(name, column) for name, column in columns))


def _column(name: str, column: pa.ChunkedArray) -> ColumnProfile:
    kind, present = type_of(column.type), column.drop_null()
    counted = pc.value_counts(present)
    statistics: dict[str, Any] = {}
    if kind in ("string", "boolean"):
        statistics["top"] = _top(counted)
    elif len(present):
        if kind == "number":
            statistics["infinite"] = pc.sum(pc.is_inf(present)).as_py() or 0
        statistics |= _spread(_floats(present), whole=kind == "integer")
        if kind == "time":
            del statistics["std"]
    return ColumnProfile(name, kind, len(column), column.null_count, len(counted), **statistics)


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """The values that can be reckoned with; a time is its milliseconds since the epoch."""
    if pa.types.is_timestamp(column.type):
        column = pc.divide(column.cast(pa.int64()), 1000)
    values = column.to_numpy().astype(np.float64)
    finite: npt.NDArray[np.float64] = values[np.abs(values) < MAX_FINITE]
    return finite


def _spread(values: npt.NDArray[np.float64], *, whole: bool) -> dict[str, Any]:
    if not len(values):
        return {}
    quantiles = np.quantile(values, PROBABILITIES)
    edges = _edges(float(quantiles[0]), float(quantiles[-1]), whole=whole)
    counts, _ = np.histogram(values, bins=edges)
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "quantiles": dict(zip(PROBABILITIES, map(float, quantiles), strict=True)),
        "edges": tuple(map(float, edges)),
        "counts": tuple(map(int, counts)),
    }


def _edges(low: float, high: float, *, whole: bool) -> npt.NDArray[np.float64]:
    """Equal bins from end to end; a bin a value where there are few whole ones."""
    if low == high:
        half = max(0.5, abs(low) / 1e6)
        return np.array([low - half, high + half])
    if whole and high - low < BINS:
        return np.arange(low - 0.5, high + 1.0)
    return np.linspace(low, high, BINS + 1)


def _top(counted: pa.StructArray) -> tuple[tuple[str, int], ...]:
    """The most frequent values; of equals the first in order."""
    table = pa.table(
        {"value": counted.field("values").cast(pa.string()), "count": counted.field("counts")}
    )
    if not len(table):  # PyArrow 25 cannot choose from nothing
        return ()
    order = [("count", "descending"), ("value", "ascending")]
    best = table.take(pc.select_k_unstable(table, k=min(TOP, len(table)), sort_keys=order))
    return tuple(zip(best["value"].to_pylist(), best["count"].to_pylist(), strict=True))
