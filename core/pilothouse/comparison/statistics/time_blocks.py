"""Blocks of time: rows of one day, or of one hour, are not independent of each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FEWEST = 10  # blocks from which how they differ says something
Codes = npt.NDArray[np.int64]


def block_length(at: npt.NDArray[np.int64]) -> int:
    """The length of a block in milliseconds: a day, or an hour where there are too few days.

    `at` are event times in milliseconds since the epoch; days are those of UTC.
    """
    days = np.unique(at // DAY_MS)
    return DAY_MS if len(days) >= FEWEST else HOUR_MS


def block_codes(at: npt.NDArray[np.int64], length_ms: int) -> Codes:
    """The number of each row's block, without gaps, in the order of time."""
    return np.unique(at // length_ms, return_inverse=True)[1].astype(np.int64)
