"""Two figures in turn: ours and a reference, on a machine whose speed changes meanwhile."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any


def in_turn(
    local: Callable[[], float], reference: Callable[[], float], rounds: int
) -> dict[str, Any]:
    """Ask both in turn so many times; the median of each, and the median ratio of a round."""
    pairs = [(local(), reference()) for _ in range(rounds)]
    return {
        "ours": round(statistics.median(own for own, _ in pairs)),
        "reference": round(statistics.median(other for _, other in pairs), 1),
        "ratio": round(statistics.median(own / other for own, other in pairs), 3),
        "rounds": rounds,
    }
