"""Which columns are missing together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MAX_PATTERNS = 20


@dataclass(frozen=True)
class MissingPattern:
    """Columns that are missing in the same rows, and in no others of these rows; none: all there.

    `share` is that of all rows.
    """

    columns: tuple[str, ...]
    rows: int
    share: float


def missing_patterns(frame: pd.DataFrame) -> list[MissingPattern]:
    """The patterns of missing values, the most frequent first, at most twenty."""
    missing = frame.isna()
    names = [str(name) for name in missing.columns[missing.any()]]
    if not names or not len(frame):
        return []
    packed = np.packbits(missing[names].to_numpy(dtype=bool), axis=1)
    _, first, counts = np.unique(packed, axis=0, return_index=True, return_counts=True)
    rows = missing[names].to_numpy(dtype=bool)
    patterns = [
        MissingPattern(
            tuple(name for name, is_missing in zip(names, rows[at], strict=True) if is_missing),
            int(times),
            int(times) / len(frame),
        )
        for at, times in zip(first, counts, strict=True)
    ]
    return sorted(patterns, key=lambda pattern: (-pattern.rows, pattern.columns))[:MAX_PATTERNS]
