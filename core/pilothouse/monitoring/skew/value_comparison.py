"""A column as it was served and as it should have been, row by row.

Rounding to 32 bits, whole numbers that became floats, zones of the same instant, and the several
ways of having no value are no difference. Pure functions on columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.skew.skew_report import ColumnSkew
from pilothouse.monitoring.skew.unit_changes import time_change, unit_change

if TYPE_CHECKING:
    import pandas as pd

RELATIVE, ABSOLUTE = 1e-6, 1e-9  # of numbers, the second of the largest one
MAX_EXAMPLES = 5
MAX_TEXT = 80


class Compared(NamedTuple):
    """Which rows differ, and by how much where that is a number."""

    differ: npt.NDArray[np.bool_]
    differences: Floats | None
    unit: str


def compare_column(
    column: str,
    served: pd.Series[Any],
    expected: pd.Series[Any],
    about: Sequence[Mapping[str, Any]] = (),
) -> ColumnSkew:
    """The skew of a column; rows are aligned by position, `about` says of which row each is."""
    compared = compare_values(served, expected)
    rows = np.flatnonzero(compared.differ)
    size = None if compared.differences is None else np.abs(compared.differences[rows])
    finite = None if size is None else size[np.isfinite(size)]
    order = rows
    if size is not None:
        order = rows[np.argsort(-np.nan_to_num(size, nan=0.0), kind="stable")]
    has_size = finite is not None and len(finite) > 0
    return ColumnSkew(
        column=column,
        rows=len(compared.differ),
        differing=len(rows),
        missing_served=int(served.isna().sum()),
        missing_expected=int(expected.isna().sum()),
        median_difference=float(np.median(finite)) if has_size else None,  # type: ignore[arg-type]
        largest_difference=float(np.max(finite)) if has_size else None,  # type: ignore[arg-type]
        unit=compared.unit,
        examples=tuple(_example(served, expected, about, row) for row in order[:MAX_EXAMPLES]),
    )


def compare_values(served: pd.Series[Any], expected: pd.Series[Any]) -> Compared:
    """Which rows of two columns differ: as times, as numbers, or else as texts."""
    import pandas as pd

    served, expected = served.reset_index(drop=True), expected.reset_index(drop=True)
    is_time = pd.api.types.is_datetime64_any_dtype
    if is_time(served.dtype) or is_time(expected.dtype):
        return _times(served, expected)
    numbers = as_numbers(served), as_numbers(expected)
    if numbers[0] is not None and numbers[1] is not None:
        return _numbers(numbers[0], numbers[1])
    texts = served.map(_text), expected.map(_text)
    missing = served.isna().to_numpy(bool), expected.isna().to_numpy(bool)
    differ = (texts[0] != texts[1]).to_numpy(bool) & ~(missing[0] & missing[1])
    return Compared(differ | (missing[0] != missing[1]), None, "")


def as_numbers(column: pd.Series[Any]) -> Floats | None:
    """The values of a column of numbers or truth values as floats; None for one of other values."""
    import pandas as pd

    if column.dtype == object:
        present = column.dropna()
        if any(isinstance(value, str) for value in present):
            return None
        try:
            column = pd.to_numeric(column.astype(object).where(column.notna(), np.nan))
        except (ValueError, TypeError):
            return None
    if not pd.api.types.is_numeric_dtype(column.dtype):  # truth values are numeric too
        return None
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _numbers(served: Floats, expected: Floats) -> Compared:
    finite = expected[np.isfinite(expected)]
    absolute = ABSOLUTE * float(np.max(np.abs(finite))) if len(finite) else 0.0
    close = np.isclose(served, expected, rtol=RELATIVE, atol=absolute, equal_nan=True)
    with np.errstate(invalid="ignore", over="ignore"):
        differences = served - expected
    return Compared(~close, differences, unit_change(served, expected, ~close))


def _times(served: pd.Series[Any], expected: pd.Series[Any]) -> Compared:
    """As milliseconds in UTC; times without a zone are in UTC."""
    seconds = []
    for column in (served, expected):
        instants = _instants(column)
        values = instants.astype("datetime64[ms, UTC]").astype("int64").to_numpy(np.float64)
        seconds.append(np.where(instants.isna().to_numpy(bool), np.nan, values / 1_000))
    differ = ~np.isclose(seconds[0], seconds[1], rtol=0.0, atol=0.0, equal_nan=True)
    differences = seconds[0] - seconds[1]
    return Compared(differ, differences, time_change(differences, differ))


def _instants(column: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        return pd.to_datetime(column, unit="ms", utc=True, errors="coerce")
    return pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")


def _text(value: Any) -> str:
    """A value as it is compared: 1, 1.0 and "1" are one text."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _example(
    served: pd.Series[Any],
    expected: pd.Series[Any],
    about: Sequence[Mapping[str, Any]],
    row: int,
) -> dict[str, Any]:
    of_row = dict(about[row]) if len(about) else {}
    return {**of_row, "served": plain(served.iloc[row]), "expected": plain(expected.iloc[row])}


def plain(value: Any) -> Any:
    """A value as JSON has it: numbers and truth values, or a text that is not too long."""
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    return str(value)[:MAX_TEXT]
