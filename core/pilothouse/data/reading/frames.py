"""Frames in: the columns of a pandas frame, those that only pandas knows as text, and its index."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

AS_TEXT = ("Interval", "Period", "UUID", "PosixPath", "WindowsPath")
INDEX = "index"
ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)


def from_frame(frame: pd.DataFrame) -> pa.Table:
    """The columns of a frame. Raises Invalid that names the row and column of mixed types."""
    names = [str(name) for name in frame.columns]
    return pa.Table.from_arrays(
        [_from_series(name, frame.iloc[:, position]) for position, name in enumerate(names)],
        names=names,
    )


def from_frame_with_index(frame: pd.DataFrame) -> tuple[pa.Table, tuple[str, ...]]:
    """The columns of a frame and of an index that carries data, and notes about the index.

    An index without a name that is made of whole numbers only says where rows once were.
    """
    import pandas as pd

    index = frame.index
    named = any(name is not None for name in index.names)
    counts = pd.api.types.is_integer_dtype(index.dtype) or not len(frame.columns)
    if isinstance(index, pd.MultiIndex) or named or not counts:
        taken = {str(name) for name in frame.columns}
        if named and not taken.isdisjoint(str(name) for name in index.names):
            raise Invalid(
                f"the frame's index is named like a column: {', '.join(map(str, index.names))}.",
                hint="Drop it by `reset_index(drop=True)`, or rename it.",
                fields={str(index.names[0]): "names an index and a column"},
            )
        reset = frame.reset_index()
        return from_frame(reset), ("the frame's index was kept as a column",)
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return from_frame(frame), ()
    first = index[0] if len(index) else 0
    if len(index) and (int(first) != 0 or not index.equals(pd.RangeIndex(len(index)))):
        return from_frame(frame), ("the frame's index of whole numbers was left out",)
    return from_frame(frame), ()


def _from_series(name: str, series: pd.Series[Any]) -> pa.Array:
    import pandas as pd

    kind = series.dtype
    if isinstance(kind, pd.CategoricalDtype) and not _is_plain(kind.categories.dtype):
        return _as_text(series.astype(object))
    if isinstance(kind, pd.IntervalDtype | pd.PeriodDtype):
        return _as_text(series.astype(object))
    if isinstance(kind, pd.SparseDtype):
        series = pd.Series(series.to_numpy(), name=series.name)
    try:
        return pa.Array.from_pandas(series)
    except ERRORS as mixed:
        kinds = set(series.dropna().map(lambda value: type(value).__name__))
        if len(kinds) == 1 and kinds <= set(AS_TEXT):
            return _as_text(series)
        raise _mixed(name, series) from mixed
    except (OverflowError, UnicodeEncodeError) as beyond:
        raise _beyond(name, series) from beyond


def _is_plain(dtype: Any) -> bool:
    import pandas as pd

    return not isinstance(dtype, pd.IntervalDtype | pd.PeriodDtype)


def _as_text(series: pd.Series[Any]) -> pa.Array:
    """The values as they print, such as (0.0, 10.0]."""
    return pa.array([None if missing else str(value) for value, missing in
                     zip(series, series.isna(), strict=True)], pa.string())  # fmt: skip


def _beyond(name: str, series: pd.Series[Any]) -> Invalid:
    """What the first value is that no column can hold: an integer too large, half a character."""
    row, value = next((row, value) for row, value in enumerate(series, start=1) if not _fits(value))
    what = f"{value!r:.60} cannot be kept"
    return Invalid(
        f"row {row}, column {name!r}: {what}.",
        hint="Integers have 64 bits, text is UTF-8. Rows count from 1.",
        fields={name: f"row {row}: {what}"},
    )


def _fits(value: Any) -> bool:
    try:
        pa.array([value], pa.int64() if isinstance(value, int) else None)
    except (OverflowError, UnicodeEncodeError, pa.ArrowInvalid):
        return False
    return True


def _mixed(name: str, series: pd.Series[Any]) -> Invalid:
    """What the first value is that differs from most of its column."""
    kinds = series.map(lambda value: type(value).__name__).where(series.notna())
    usual = Counter(kinds.dropna()).most_common(1)[0][0]
    odd = (kinds.notna() & (kinds != usual)).to_numpy()
    row = int(odd.argmax()) + 1
    value = series.iloc[row - 1]
    what = f"{value!r:.60} is {type(value).__name__}" + (f", not {usual}" if odd.any() else "")
    return Invalid(
        f"row {row}, column {name!r}: {what}.",
        hint="Make the column one type. Rows count from 1.",
        fields={name: f"row {row}: {what}"},
    )
