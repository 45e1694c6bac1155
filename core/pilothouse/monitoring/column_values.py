"""Reading a column's values as numbers, times or categories, and counting what cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pilothouse.monitoring.distances import Floats

if TYPE_CHECKING:
    import pandas as pd

MAX_MAGNITUDE = 1e140
MAX_EXAMPLE = 40
BLANKS = frozenset(("", "nan", "none", "null", "na", "n/a", "nat", "<na>"))
INFINITIES: tuple[tuple[float, Literal["left", "right"]], ...]
INFINITIES = ((-np.inf, "right"), (np.inf, "left"))  # the finite ones of sorted numbers are between
MISSING_TIME = np.iinfo(np.int64).min  # what NaT is as a whole number
MAX_TIME = 2.0**53  # milliseconds that a float holds exactly: 285,000 years

Times = npt.NDArray[np.int64]


class UnreadableProfile(ValueError):
    """A column holds values that do not fit its kind; the message says which."""


@dataclass(frozen=True)
class Numbers:
    """The finite numbers of a column, sorted, and how many rows have none.

    `missing` counts infinite ones too. `unreadable` rows have a value that is not a number;
    `example` is one of those values as text.
    """

    values: Floats
    missing: int
    infinite: int = 0
    unreadable: int = 0
    example: str = ""


@dataclass(frozen=True)
class ReadTimes:
    """Times as milliseconds since 1970 in UTC, row by row; `MISSING_TIME` where there is none."""

    values: Times
    missing: int
    unreadable: int = 0
    example: str = ""


def read_numbers(column: pd.Series[Any]) -> Numbers:
    """The numbers of a column, texts that are numbers included.

    Values beyond `MAX_MAGNITUDE` are clipped, so that the squares of a whole window still add up.
    """
    import pandas as pd

    unreadable, example = 0, ""
    if column.dtype == np.float64:  # PERF: as most are, pandas has nothing to convert
        return _finite(column.to_numpy(), 0, "")
    if pd.api.types.is_datetime64_any_dtype(column.dtype):  # pandas would count nanoseconds
        column = column.astype(object)
    try:
        numbers = _floats(pd.to_numeric(column))
    except (ValueError, TypeError):
        numbers = _floats(pd.to_numeric(column, errors="coerce"))
        unreadable, example = _unreadable(column, np.isnan(numbers))
    return _finite(numbers, unreadable, example)


def _finite(numbers: Floats, unreadable: int, example: str) -> Numbers:
    """The finite ones of the numbers, sorted. PERF: NaN comes last, so the ends show if any is."""
    values: Floats = np.sort(numbers)
    if not len(values) or (values[0] >= -MAX_MAGNITUDE and values[-1] <= MAX_MAGNITUDE):
        return Numbers(values, 0, 0, unreadable, example)
    some = int(values.searchsorted(np.nan))
    first, last = (int(values.searchsorted(end, side)) for end, side in INFINITIES)
    finite = np.clip(values[first:last], -MAX_MAGNITUDE, MAX_MAGNITUDE)
    empty = len(values) - len(finite)
    return Numbers(finite, empty - unreadable, some - len(finite), unreadable, example)


def _floats(column: pd.Series[Any]) -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def read_times(column: pd.Series[Any]) -> ReadTimes:
    """The times of a column: instants, numbers of milliseconds since 1970, or ISO 8601 texts.

    A time without a zone is in UTC.
    """
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        values = _milliseconds(column)
        return ReadTimes(values, int((values == MISSING_TIME).sum()))

    numbers = _floats(pd.to_numeric(column, errors="coerce"))
    readable = np.abs(numbers) <= MAX_TIME  # false for NaN
    values = np.full(len(column), MISSING_TIME, dtype=np.int64)
    values[readable] = numbers[readable].astype(np.int64)
    if not readable.all() and not pd.api.types.is_numeric_dtype(column.dtype):
        rest = column[~readable]
        parsed = pd.to_datetime(rest, errors="coerce", utc=True, format="ISO8601")
        values[~readable] = _milliseconds(parsed)
    empty = values == MISSING_TIME
    unreadable, example = _unreadable(column, empty) if empty.any() else (0, "")
    return ReadTimes(values, int(empty.sum()) - unreadable, unreadable, example)


def _milliseconds(column: pd.Series[Any]) -> Times:
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy().astype("datetime64[ms]").astype(np.int64)


def _unreadable(column: pd.Series[Any], empty: npt.NDArray[np.bool_]) -> tuple[int, str]:
    """How many rows without a readable value have another one, and such a value as text.

    Texts that stand for a missing value count as missing.
    """
    import pandas as pd

    codes, values = pd.factorize(column[empty])  # missing ones have the code -1
    texts = [str(value).strip() for value in values]
    is_other = np.array([text.casefold() not in BLANKS for text in texts], dtype=bool)
    if not is_other.any():
        return 0, ""
    unreadable = int(is_other[codes[codes >= 0]].sum())
    return unreadable, texts[int(is_other.argmax())][:MAX_EXAMPLE]


def count_categories(column: pd.Series[Any]) -> dict[str, int]:
    """Rows a category, the most frequent first; missing ones are left out."""
    import pandas as pd

    codes, values = pd.factorize(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    categories = [category_name(value) for value in values]
    merged: dict[str, int] = {}
    for category, count in zip(categories, counts.tolist(), strict=True):
        merged[category] = merged.get(category, 0) + count
    return dict(sorted(merged.items(), key=lambda item: (-item[1], item[0])))


def category_name(value: Any) -> str:
    """A category's name: 1, 1.0 and True are the same category in a log as in training."""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
