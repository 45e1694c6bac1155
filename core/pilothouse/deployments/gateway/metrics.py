"""Counters of the gateway for `/metrics`: requests, rows, labels, latencies.

They start at zero with the server; the prediction log keeps the history.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

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
