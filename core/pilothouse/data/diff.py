"""What changed between two dataset versions: schema, rows, and how values are spread.

Everything comes from the profiles that were made at registration, so that nothing is read again.
How far two columns are apart is, for numbers and times, the largest gap between their distribution
functions (the statistic of Kolmogorov and Smirnov, as far as histograms tell it), and for words the
share of rows that would have to change their value (total variation). Both run from 0, alike, to 1,
nothing in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pilothouse.data.info import ColumnProfile, DatasetVersionInfo, Profile

if TYPE_CHECKING:
    import pandas as pd

SLIGHT, CLEAR, LARGE = 0.05, 0.1, 0.25
UNCHANGED = "same"
SCHEMA = ("column", "change", "before", "after")
SHIFT = (
    *("column", "type", "shift", "message", "missing_before", "missing_after"),
    *("mean_before", "mean_after", "median_before", "median_after"),
    *("distinct_before", "distinct_after", "new_values"),
)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DataDiff:
    """The differences between two versions, from `before` to `after`.

    `schema` has a row for each column that was added, removed or changed its type, `columns` one
    for each that both have, the most shifted first. `message` sums it up in a sentence.
    """

    before: DatasetVersionInfo
    after: DatasetVersionInfo
    schema: pd.DataFrame
    columns: pd.DataFrame
    message: str

    @property
    def identical(self) -> bool:
        """Whether both are the same content."""
        return self.before.content_hash == self.after.content_hash


def diff(
    before: DatasetVersionInfo,
    after: DatasetVersionInfo,
    before_profile: Profile,
    after_profile: Profile,
) -> DataDiff:
    """Compare two versions by their profiles."""
    import pandas as pd

    old = {column.name: column for column in before_profile.columns}
    new = {column.name: column for column in after_profile.columns}
    schema = pd.DataFrame(list(_schema(old, new)), columns=list(SCHEMA))
    rows = [_shift(old[name], new[name]) for name in old if name in new]
    columns = pd.DataFrame(rows, columns=list(SHIFT)).sort_values(
        "shift", ascending=False, na_position="last", kind="stable", ignore_index=True
    )
    return DataDiff(before, after, schema, columns, _summary(before, after, schema, columns))


def _schema(
    old: Mapping[str, ColumnProfile], new: Mapping[str, ColumnProfile]
) -> list[tuple[str, str, str, str]]:
    gone = [(name, "gone", old[name].type, "") for name in old if name not in new]
    came = [(name, "new", "", new[name].type) for name in new if name not in old]
    turned = [
        (name, "type", old[name].type, new[name].type)
        for name in old
        if name in new and old[name].type != new[name].type
    ]
    return [*gone, *came, *turned]


def _shift(old: ColumnProfile, new: ColumnProfile) -> tuple[object, ...]:
    apart = distance(old, new)
    return (
        *(old.name, new.type, apart, shift_label(apart)),
        *(_missing(old), _missing(new)),
        *_statistics(old, new),
        *(old.distinct, new.distinct, _new_values(old, new)),
    )


def _missing(column: ColumnProfile) -> float:
    return column.missing / column.rows if column.rows else 0.0


def _statistics(old: ColumnProfile, new: ColumnProfile) -> tuple[float | None, ...]:
    if "time" in (old.type, new.type):  # milliseconds say nothing to a reader
        return None, None, None, None
    return old.mean, new.mean, old.quantiles.get(0.5), new.quantiles.get(0.5)


def _new_values(old: ColumnProfile, new: ColumnProfile) -> str:
    """Frequent values that the earlier version does not have, when all of its values are known."""
    if not old.top or len(old.top) < old.distinct:
        return ""
    earlier_values = {value for value, _ in old.top}
    return ", ".join(str(value) for value, _ in new.top if value not in earlier_values)


def distance(old: ColumnProfile, new: ColumnProfile) -> float:
    """How far two columns are apart, 0 to 1; NaN without values, or of two kinds."""
    if old.top and new.top:
        return _variation(old, new)
    if old.edges and new.edges:
        return _largest_gap(old, new)
    return np.nan


def _variation(old: ColumnProfile, new: ColumnProfile) -> float:
    """Total variation over the frequent values; all others count as one."""
    p, q = _shares(old), _shares(new)
    names = {*p, *q}
    apart = sum(abs(p.get(name, 0.0) - q.get(name, 0.0)) for name in names)
    rest = abs((1 - sum(p.values())) - (1 - sum(q.values())))
    return float(min((apart + rest) / 2, 1.0))


def _shares(column: ColumnProfile) -> dict[str, float]:
    present = column.rows - column.missing
    return {str(value): count / present for value, count in column.top}


def _largest_gap(old: ColumnProfile, new: ColumnProfile) -> float:
    """The largest gap between the two distribution functions that is certain.

    Each is known at the edges of its own bins only. Between them it is somewhere from the edge
    below to the edge above, and the gap is counted from the nearer: a value that is very frequent
    must not look like a shift because the bins around it differ.
    """
    return max(_certain_gap(old, new), _certain_gap(new, old))


def _certain_gap(column: ColumnProfile, other: ColumnProfile) -> float:
    """How far the column's distribution function is outside the bounds of the other's."""
    edges, up_to = np.asarray(other.edges), _up_to(other)
    at, share = np.asarray(column.edges), _up_to(column)
    below = np.searchsorted(edges, at, side="right") - 1
    above = np.searchsorted(edges, at, side="left")
    least = np.where(below >= 0, up_to[below.clip(min=0)], 0.0)
    most = np.where(above < len(edges), up_to[above.clip(max=len(edges) - 1)], 1.0)
    return float(np.maximum(share - most, least - share).clip(min=0).max())


def _up_to(column: ColumnProfile) -> Floats:
    counts = np.concatenate([[0.0], np.cumsum(column.counts, dtype=np.float64)])
    return np.asarray(counts / counts[-1], dtype=np.float64)


def shift_label(apart: float) -> str:
    """A distance as a label: same, slight, clear or large."""
    if np.isnan(apart):
        return "cannot tell"
    if apart < SLIGHT:
        return UNCHANGED
    return "slight" if apart < CLEAR else "clear" if apart < LARGE else "large"


def _summary(
    before: DatasetVersionInfo,
    after: DatasetVersionInfo,
    schema: pd.DataFrame,
    columns: pd.DataFrame,
) -> str:
    if before.content_hash == after.content_hash:
        return f"{after.ref} and {before.ref} are the same content."
    moved = columns[columns["shift"] >= CLEAR]["column"].tolist()
    parts = [f"{after.rows - before.rows:+,} rows ({before.rows:,} to {after.rows:,})"]
    if len(schema):
        parts.append(f"{len(schema)} change{'s' if len(schema) > 1 else ''} of schema")
    if moved:
        named = ", ".join(moved[:3]) + (f" and {len(moved) - 3} more" if len(moved) > 3 else "")
        parts.append(f"a clear shift in {named}")
    else:
        parts.append("no clear shift in any column")
    return f"From {before.ref} to {after.ref}: {'; '.join(parts)}."
