"""Two figures in turn: ours and a reference, on a machine whose speed changes meanwhile."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any


def in_turn(
    ours: Callable[[], float], reference: Callable[[], float], rounds: int
) -> dict[str, Any]:
    """Ask both in turn so many times; the median of each, and the median ratio of a round."""
    told = [(ours(), reference()) for _ in range(rounds)]
    return {
        "ours": round(statistics.median(mine for mine, _ in told)),
        "reference": round(statistics.median(theirs for _, theirs in told), 1),
        "ratio": round(statistics.median(mine / theirs for mine, theirs in told), 3),
        "rounds": rounds,
    }
