"""Counters of the gateway for `/metrics`: requests, rows, labels, latencies.

They start at zero with the server; the prediction log keeps the history.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BUCKETS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0)


@dataclass
class Histogram:
    """Counts of latencies by upper bound."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_MS) + 1))
    total_ms: float = 0.0

    def add(self, ms: float) -> None:
        """Count one latency."""
        self.counts[bisect_left(BUCKETS_MS, ms)] += 1
        self.total_ms += ms


RECENT_LOOKUPS = 1_000


@dataclass
class LookupFigures:
    """What lookups of a deployment cost since the server started.

    `age_seconds` is the age of the oldest value of the last lookup whose values have times. The
    last `RECENT_LOOKUPS` have their times and ages, for quantiles.
    """

    count: int = 0
    failed: int = 0
    rows: int = 0
    missing_rows: int = 0
    age_seconds: float | None = None
    duration: Histogram = field(default_factory=Histogram)
    recent_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_LOOKUPS))
    recent_ages: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_LOOKUPS))

    def add(
        self, columns: Mapping[str, list[Any]], rows: int, ms: float, age: float | None
    ) -> None:
        """Count a lookup that was answered."""
        self.count += 1
        self.rows += rows
        values = zip(*columns.values(), strict=True)
        self.missing_rows += sum(all(value is None for value in row) for row in values)
        self.duration.add(ms)
        self.recent_ms.append(ms)
        if age is not None:
            self.age_seconds = age
            self.recent_ages.append(age)

    @property
    def mean_ms(self) -> float | None:
        """The mean time of a lookup that was answered."""
        return self.duration.total_ms / self.count if self.count else None

    def facts(self) -> dict[str, Any]:
        """The figures as they are stored and shown, with quantiles of the recent lookups."""
        return {
            "count": self.count,
            "failed": self.failed,
            "rows": self.rows,
            "missing_rows": self.missing_rows,
            "mean_ms": self.mean_ms,
            "p50_ms": quantile(self.recent_ms, 0.5),
            "p99_ms": quantile(self.recent_ms, 0.99),
            "age_seconds": self.age_seconds,
            "age_p50_seconds": quantile(self.recent_ages, 0.5),
            "age_p99_seconds": quantile(self.recent_ages, 0.99),
        }


def quantile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that so large a share of the values does not exceed; None without any."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None


@dataclass
class GatewayMetrics:
    """Counters by deployment, version and status.

    `fallbacks` are requests that another version answered, because the one that was chosen had no
    ready process. `mirrored` are copies for a shadow: answered, failed or dropped.
    """

    requests: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    rows: Counter[tuple[str, int]] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[tuple[str, int]] = field(default_factory=Counter)
    mirrored: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    rewards: Counter[str] = field(default_factory=Counter)
    latency: dict[tuple[str, int], Histogram] = field(default_factory=dict)

    def count_rows(self, deployment: str, version: int, rows: int, labels: int) -> None:
        """Count a request with predictions that were made elsewhere, which has no latency."""
        self.requests[deployment, version, 200] += 1
        self.rows[deployment, version] += rows
        self.labels[deployment] += labels

    def count(self, deployment: str, version: int, status: int, rows: int, ms: float) -> None:
        """Count one request."""
        self.requests[deployment, version, status] += 1
        if status < 400:
            self.rows[deployment, version] += rows
            histogram = self.latency.get((deployment, version))
            if histogram is None:
                histogram = self.latency[deployment, version] = Histogram()
            histogram.add(ms)
