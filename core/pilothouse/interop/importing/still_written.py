"""Whether a run is still being written, by the time of its last record.

The times of the files say nothing: those of a copied folder are new.
"""

from __future__ import annotations

import time

QUIET_SECONDS = 300.0  # a training that writes nothing for so long is taken for ended


def wrote_just_now(last_us: int | None) -> bool:
    """Whether a last record of then was written a moment ago."""
    return abs(time.time() - (last_us or 0) / 1_000_000) < QUIET_SECONDS
