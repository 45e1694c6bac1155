"""Points of several metrics that wait until there are enough of them to hand over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing.records import BATCH

MAX_METRICS = 10_000
MAX_WAITING = 300_000
TOO_MANY = f"points of more than {MAX_METRICS:,} metrics"


@dataclass
class _Series:
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    instants: list[int] = field(default_factory=list)


class WaitingPoints:
    """What was read of the metrics of one run and has not been handed over."""

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether so many points wait that they should be handed over."""
        return self._count >= MAX_WAITING

    def __contains__(self, key: str) -> bool:
        return key in self._series

    def add(self, key: str, step: int, value: float, at_us: int) -> bool:
        """Let a point wait; False when there are too many metrics for it."""
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= MAX_METRICS:
                return False
            series = self._series[key] = _Series()
        series.steps.append(step)
        series.values.append(value)
        series.instants.append(at_us)
        self._count += 1
        return True

    def rest(self) -> Iterator[Points]:
        """The points that wait, in batches of one metric."""
        for key, series in self._series.items():
            for start in range(0, len(series.steps), BATCH):
                part = slice(start, start + BATCH)
                yield Points(
                    key, series.steps[part], series.values[part], at_us=series.instants[part]
                )
            self._series[key] = _Series()
        self._count = 0
