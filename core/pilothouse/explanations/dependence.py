"""Partial dependence: the mean answer when a column has one value in every row, by value.

Friedman, "Greedy function approximation", Annals of Statistics 29 (2001). Curves of single rows are
individual conditional expectations: Goldstein, Kapelner, Bleich and Pitkin, Journal of
Computational and Graphical Statistics 24 (2015). Grids of numbers are those of
`sklearn.inspection`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.models.signature import SignatureField

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

MAX_ROWS = 300  # of the held-out rows, drawn at random
RESOLUTION = 20  # values of a number
PERCENTILES = (0.05, 0.95)  # the ends of a number's grid
MAX_VALUES = 12  # of a category, the most frequent
ICE_ROWS = 20
NUMBERS = ("number", "integer")


@dataclass(frozen=True)
class Dependence:
    """The answers by value of a column: the mean by output, and some rows of the first output."""

    column: str
    values: tuple[Any, ...]
    means: Mapping[str, tuple[float, ...]]
    rows: tuple[tuple[float, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        means = {name: list(values) for name, values in self.means.items()}
        rows = [list(row) for row in self.rows]
        return {"column": self.column, "values": list(self.values), "means": means, "rows": rows}


def grid_of(
    values: pd.Series[Any], field: SignatureField, resolution: int = RESOLUTION
) -> list[Any]:
    """The values that a column takes in turn: between percentiles of a number, else the most
    frequent ones. Missing values are left out."""
    import numpy as np
    from scipy.stats.mstats import mquantiles

    present = values.dropna()
    if present.empty:
        return []
    if field.type not in NUMBERS:
        return list(present.value_counts().index[:MAX_VALUES])
    numbers = present.to_numpy(dtype=np.float64)
    distinct = np.unique(numbers)
    if len(distinct) >= resolution:
        low, high = mquantiles(numbers, prob=PERCENTILES)
        distinct = np.linspace(low, high, resolution)
    if field.type == "integer":
        return [int(value) for value in np.unique(distinct.round())]
    return [float(value) for value in distinct]


def dependence(
    predict: Callable[[pd.DataFrame], Mapping[str, Floats]],
    frame: pd.DataFrame,
    column: str,
    grid: Sequence[Any],
) -> Dependence:
    """The answers to the rows of a frame with each value of a grid in a column."""
    import pandas as pd

    rows = len(frame)
    every = pd.concat([frame] * len(grid), ignore_index=True)
    changed = pd.Series([value for value in grid for _ in range(rows)], dtype=object)
    answers = predict(every.assign(**{column: changed}))
    by_value = {name: values.reshape(len(grid), rows) for name, values in answers.items()}
    first = next(iter(by_value.values()))
    step = max(rows // ICE_ROWS, 1)
    return Dependence(
        column,
        tuple(grid),
        {name: tuple(values.mean(axis=1).tolist()) for name, values in by_value.items()},
        tuple(tuple(row) for row in first.T[::step][:ICE_ROWS].tolist()),
    )
