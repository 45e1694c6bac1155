"""Points that were read together with the record of their run, until they are asked for.

A file of events says what a run is only at its end, so that a run is read whole before its points
are wanted. Those of short runs are kept, so that their files are read once.
"""

from __future__ import annotations

from collections.abc import Iterable

from pilothouse.experiments.metrics.summary import Points

MAX_KEPT = 300_000  # points of all runs that are kept


class KeptPoints:
    """The points of the runs that wait, by run."""

    def __init__(self) -> None:
        self._by_run: dict[str, list[Points]] = {}

    def collect(self, batches: Iterable[Points]) -> tuple[int, list[Points] | None]:
        """How many points a run has, and they themselves, None when they are too many to keep."""
        free = MAX_KEPT - sum(len(batch.steps) for run in self._by_run.values() for batch in run)
        count, collected = 0, list[Points]()
        for points in batches:
            count += len(points.steps)
            if count <= free:
                collected.append(points)
            else:
                collected.clear()
        return count, collected if count <= free else None

    def keep(self, run: str, points: list[Points] | None) -> None:
        """Keep what was collected of a run, if anything."""
        if points is not None:
            self._by_run[run] = points

    def take(self, run: str) -> list[Points] | None:
        """The points of a run, once; None when they were not kept."""
        return self._by_run.pop(run, None)
