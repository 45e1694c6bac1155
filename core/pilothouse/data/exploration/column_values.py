"""Columns as the measures of an exploration take them: numbers, or codes of categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from pilothouse.data.schema import Column

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
MAX_CATEGORIES = 50
MAX_MAGNITUDE = 1e150  # what is larger has no square
MAX_GROUPED_DIGITS = 1e15  # whole numbers up to it are written in full


@dataclass(frozen=True)
class ColumnValues:
    """A column as numbers, NaN where one is missing; of a category the number of its value.

    `labels` are the values of a category by their number. A time is its milliseconds.
    """

    name: str
    kind: Literal["number", "category"]
    values: Floats
    labels: tuple[str, ...] = ()
    is_time: bool = False

    @property
    def categories(self) -> int:
        """How many values a category has; 0 for a number."""
        return len(self.labels)

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


def figure(value: float, *, is_time: bool = False, digits: int = 6) -> str:
    """A number as people read it; of a time its day, with the minute when it is not midnight."""
    if is_time:
        import pandas as pd

        at = pd.Timestamp(value, unit="ms")
        return f"{at:%Y-%m-%d}" if at == at.normalize() else f"{at:%Y-%m-%d %H:%M}"
    is_whole = value == int(value) and abs(value) < MAX_GROUPED_DIGITS
    return f"{value:,.0f}" if is_whole else f"{value:.{digits}g}"


def frequent_values(series: pd.Series, column: Column, rest: str) -> ColumnValues | None:
    """A text of too many values to be compared: its most frequent ones, the others as `rest`.

    None when no value is there twice, as of an identifier, and for a constant.
    """
    counts = series.value_counts()
    if len(counts) < 2 or counts.iloc[0] < 2:
        return None
    labels = tuple(map(str, counts.index[: MAX_CATEGORIES - 1]))
    numbers = {label: float(at) for at, label in enumerate(labels)}
    codes: Floats = np.asarray(series.map(numbers), dtype=np.float64)
    if len(counts) > len(labels):
        codes[np.isnan(codes) & series.notna().to_numpy()] = len(labels)
        labels = (*labels, rest)
    return ColumnValues(column.name, "category", codes, labels)


def _values(series: pd.Series, column: Column) -> ColumnValues | None:
    import pandas as pd

    if column.type in ("string", "boolean"):
        codes, distinct = pd.factorize(series, use_na_sentinel=True)
        if not 1 < len(distinct) <= MAX_CATEGORIES:
            return None
        numbers = np.where(codes < 0, np.nan, codes.astype(np.float64))
        return ColumnValues(column.name, "category", numbers, tuple(map(str, distinct)))
    numbers = _numbers(series, column.type)
    present = numbers[~np.isnan(numbers)]
    if not len(present) or present.min() == present.max():
        return None
    return ColumnValues(column.name, "number", numbers, is_time=column.type == "time")


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
