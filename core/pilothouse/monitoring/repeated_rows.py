"""How often rows repeat one another, and how often they would in a draw of fewer rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

ODD = np.uint64(0x9E3779B97F4A7C15)  # 2 ** 64 over the golden ratio
HALF = np.uint64(32)
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class RepeatedRows:
    """Groups of rows that are equal in all of `columns`: (rows a group, groups) of each size.

    Rows that are like no other one are in no group.
    """

    columns: tuple[str, ...]
    rows: int
    groups: tuple[tuple[int, int], ...]


def repeated_rows(frame: pd.DataFrame, columns: Sequence[str]) -> RepeatedRows:
    """The groups of equal rows of a frame.

    PERF: after each column only rows that still equal another one are looked at. Numbers go first:
    they mostly leave none.
    """
    positions = np.arange(len(frame))
    keys: Keys = np.zeros(len(frame), dtype=np.uint64)
    for name in sorted(columns, key=lambda name: frame[name].dtype.kind != "f"):
        values = frame[name].iloc[positions]
        keys = _mixed(keys, _codes(values))
        is_repeated = _is_repeated(keys)
        positions, keys = positions[is_repeated], keys[is_repeated]
        if not len(positions):
            break
    sizes = np.unique(keys, return_counts=True)[1] if columns else np.empty(0, dtype=np.int64)
    groups = zip(*np.unique(sizes, return_counts=True), strict=True)
    return RepeatedRows(tuple(columns), len(frame), tuple((int(n), int(f)) for n, f in groups))


def _codes(values: pd.Series[Any]) -> Keys:
    """Equal numbers for equal values; missing ones are equal."""
    import pandas as pd

    if values.dtype == np.float64:
        floats = values.to_numpy() + 0.0  # -0.0 becomes 0.0
        floats[np.isnan(floats)] = np.nan
        return floats.view(np.uint64)
    return pd.factorize(values)[0].astype(np.int64).view(np.uint64)


def _mixed(keys: Keys, codes: Keys) -> Keys:
    """Keys of pairs: a product and a shift, so that no simple pattern of both is lost."""
    mixed = (keys ^ (keys >> HALF)) * ODD + codes
    return (mixed ^ (mixed >> HALF)) * ODD


def _is_repeated(keys: Keys) -> npt.NDArray[np.bool_]:
    import pandas as pd

    return np.asarray(pd.Series(keys).duplicated(keep=False), dtype=bool)


def share_in_draw(repeated: RepeatedRows, size: int) -> float:
    """The expected share of rows that repeat another one, in a draw of so many of the rows.

    By rarefaction: a group of c of N rows is in a draw of s unless all s are of the other rows
    (Hurlbert, Ecology 52, 1971).
    """
    from scipy.special import gammaln

    rows = repeated.rows
    if not size or not repeated.groups:
        return 0.0
    sizes, counts = np.array(repeated.groups, dtype=np.float64).T
    others = rows - sizes
    fits = others >= size
    left = np.where(fits, others - size, 0.0)
    logs = gammaln(others + 1) - gammaln(left + 1) - gammaln(rows + 1) + gammaln(rows - size + 1)
    absent = np.where(fits, np.exp(np.where(fits, logs, 0.0)), 0.0)
    single = (rows - (sizes * counts).sum()) * size / rows
    distinct = float(single + (counts * (1 - absent)).sum())
    return max(1 - distinct / size, 0.0)
