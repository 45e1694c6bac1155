"""Columns as the measures of an exploration take them: numbers, or codes of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from pilothouse.data.schema import Column

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
MAX_CATEGORIES = 50
MAX_MAGNITUDE = 1e150  # what is larger has no square


@dataclass(frozen=True)
class ColumnValues:
    """A column as numbers, NaN where one is missing; of a category the number of its value.

    `categories` is how many there are, 0 for a number.
    """

    name: str
    kind: Literal["number", "category"]
    values: Floats
    categories: int = 0

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Which rows have a value."""
        return ~np.isnan(self.values)


def column_values(frame: pd.DataFrame, schema: Sequence[Column]) -> dict[str, ColumnValues]:
    """The columns that can be compared, by name.

    Left out are constants, and texts of more than fifty values, which are names or identifiers.
    Times are numbers, booleans are categories.
    """
    values = {column.name: _values(frame[column.name], column) for column in schema}
    return {name: column for name, column in values.items() if column is not None}


def left_out(schema: Sequence[Column], values: Mapping[str, ColumnValues]) -> tuple[str, ...]:
    """The names of the columns that cannot be compared."""
    return tuple(column.name for column in schema if column.name not in values)


def _values(series: pd.Series, column: Column) -> ColumnValues | None:
    import pandas as pd

    if column.type in ("string", "boolean"):
        codes, distinct = pd.factorize(series, use_na_sentinel=True)
        if not 1 < len(distinct) <= MAX_CATEGORIES:
            return None
        numbers = np.where(codes < 0, np.nan, codes.astype(np.float64))
        return ColumnValues(column.name, "category", numbers, len(distinct))
    numbers = _numbers(series, column.type)
    present = numbers[~np.isnan(numbers)]
    if not len(present) or present.min() == present.max():
        return None
    return ColumnValues(column.name, "number", numbers)


def _numbers(series: pd.Series, kind: str) -> Floats:
    """Numbers with NaN for what is missing or infinite; a time is its milliseconds."""
    import pandas as pd

    if kind == "time":
        times = pd.to_datetime(series, utc=True).dt.tz_localize(None).astype("datetime64[ms]")
        numbers = times.astype("int64").to_numpy().astype(np.float64)
        numbers[times.isna().to_numpy()] = np.nan
        return numbers
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.abs(numbers) < MAX_MAGNITUDE, numbers, np.nan)
