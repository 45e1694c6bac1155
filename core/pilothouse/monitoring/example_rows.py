"""Two rows that show a change: one as the reference has them, one as the window has them.

They are alike in the other columns, as far as there are such rows. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.monitoring.column_changes import MEAN, MISSING, VALUES, BeforeAfter, figures
from pilothouse.monitoring.column_values import category_name

if TYPE_CHECKING:
    import pandas as pd

    Positions = npt.NDArray[np.intp]

MAX_REFERENCE, MAX_WINDOW = 400, 20  # rows of which the two that are most alike are taken
FARTHEST = 3.0  # deviations from which two numbers are no less alike


@dataclass(frozen=True)
class ExampleRows:
    """A row of the reference and one of the window, by column; `column` is the one that changed."""

    column: str
    reference: Mapping[str, Any]
    window: Mapping[str, Any]


def example_rows(
    column: str, profile: Mapping[str, Any], reference: pd.DataFrame, window: pd.DataFrame
) -> ExampleRows | None:
    """The two rows that show how a column changed; None when no row of either side shows it."""
    changes = figures(profile)
    if not changes or column not in reference or column not in window:
        return None
    then = _typical(reference[column], profile)[:MAX_REFERENCE]
    now = _showing(window[column], profile, changes[0])[:MAX_WINDOW]
    if not len(then) or not len(now):
        return None
    names = [name for name in reference.columns if name in window]
    before, after = reference[names].iloc[then], window[names].iloc[now]
    first, second = _most_alike(before.drop(columns=column), after.drop(columns=column))
    return ExampleRows(column, _plain(before.iloc[first]), _plain(after.iloc[second]))


def _typical(values: pd.Series[Any], profile: Mapping[str, Any]) -> Positions:
    """Rows as the reference has them: near its mean, of its most frequent value, of any date."""
    if profile["kind"] == "time":
        return np.flatnonzero(values.notna().to_numpy())
    if profile["kind"] == "number":
        return _nearest(values, profile["mean"]["reference"])
    frequent = profile["labels"][int(np.argmax(profile["reference"]))]
    return _equal(values, frequent)


def _showing(values: pd.Series[Any], profile: Mapping[str, Any], change: BeforeAfter) -> Positions:
    """Rows of the window that have what it has more of."""
    if change.what == MISSING:
        return np.flatnonzero(values.isna().to_numpy())
    if profile["kind"] != "number":
        return _equal(values, change.of)
    if change.what == VALUES and change.of not in profile["labels"]:  # values that are no numbers
        return np.flatnonzero(values.notna().to_numpy() & np.isnan(_numbers(values)))
    return _nearest(values, change.after if change.what == MEAN else _middle(profile, change.of))


def _middle(profile: Mapping[str, Any], label: str) -> float:
    """The middle of a bin of numbers; of an outer one its cut."""
    index, cuts = profile["labels"].index(label), profile["cuts"]
    edges = cuts[max(index - 1, 0) : index + 1]
    return float(np.mean(edges)) if edges else float("nan")


def _nearest(values: pd.Series[Any], target: float) -> Positions:
    """The rows that have a number by its distance from `target`, the nearest first."""
    numbers = _numbers(values)
    distance = np.abs(numbers - target)
    order = np.argsort(distance, kind="stable")
    return order[np.isfinite(distance[order])]


def _equal(values: pd.Series[Any], name: str) -> Positions:
    """The rows of a category, which may be written as 1, 1.0 or True."""
    return np.flatnonzero(values.map(category_name, na_action="ignore").eq(name).to_numpy())


def _most_alike(before: pd.DataFrame, after: pd.DataFrame) -> tuple[int, int]:
    """The positions of the two rows that differ least."""
    distance = np.zeros((len(before), len(after)))
    for name in before.columns:
        distance += _distances(before[name], after[name])
    first, second = np.unravel_index(int(np.argmin(distance)), distance.shape)
    return int(first), int(second)


def _distances(before: pd.Series[Any], after: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """How far each pair of values is apart, 0 to 1; one that is missing is as far as can be."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(before.dtype) and pd.api.types.is_numeric_dtype(after.dtype):
        left, right = _numbers(before), _numbers(after)
        finite = left[np.isfinite(left)]
        spread = float(finite.std()) if len(finite) else 0.0
        gap = np.abs(left[:, None] - right[None, :]) / (spread or 1.0)
        both = np.isnan(left)[:, None] & np.isnan(right)[None, :]
        near = np.nan_to_num(np.minimum(gap, FARTHEST) / FARTHEST, nan=1.0)
        distances: npt.NDArray[np.float64] = np.where(both, 0.0, near)
        return distances
    left_text, right_text = before.astype(str).to_numpy(), after.astype(str).to_numpy()
    return np.asarray(left_text[:, None] != right_text[None, :], dtype=np.float64)


def _numbers(values: pd.Series[Any]) -> npt.NDArray[np.float64]:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(numbers, dtype=np.float64)


def _plain(row: pd.Series[Any]) -> dict[str, Any]:
    """The row as JSON can hold it: None for what is missing, times as texts."""
    return {str(name): _plain_value(value) for name, value in row.items()}


def _plain_value(value: Any) -> Any:
    import pandas as pd

    if value is None or value is pd.NaT or value is pd.NA:
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not math.isfinite(plain):
        return None
    return plain if isinstance(plain, bool | int | float | str) else str(plain)


def example_rows_of(stored: Mapping[str, Any], column: str) -> ExampleRows | None:
    """The rows that a stored profile has for a column; None in profiles from before."""
    entry = stored.get("examples", {}).get(column)
    return None if entry is None else ExampleRows(column, entry["reference"], entry["window"])
