"""Requests of the last minute by version, read from the end of a deployment's journal.

Only what was written since the last look is read, and only the first bytes of each line: this is
for guards that act at once; the analysis of a step reads the whole log.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

from pilothouse.deployments.prediction_log import journal

SECONDS = 60
LEAST_FAILURES = 5
Z = 2.576  # of a bound that is wrong in one of two hundred cases
REQUEST = re.compile(
    rb'\{"q":\{"at":(\d{1,16}),"version":(\d{1,9}),"rows":\d+,"ms":[-+.\deE]+,"status":(\d{3})'
)
HEAD_BYTES = 200
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class RequestCount:
    """How many requests of a version were answered in the last minute, and how many failed."""

    requests: int = 0
    failed: int = 0

    @property
    def certain_share(self) -> float:
        """The share of failures that is certainly exceeded (Wilson's lower bound)."""
        if not self.requests:
            return 0.0
        share, square = self.failed / self.requests, Z * Z
        centre = share + square / (2 * self.requests)
        spread = sqrt(share * (1 - share) / self.requests + square / (4 * self.requests**2))
        return max(0.0, (centre - Z * spread) / (1 + square / self.requests))


@dataclass
class RecentRequests:
    """Follows the journal of one deployment."""

    folder: Path
    _positions: dict[str, int] = field(default_factory=dict)
    _requests: deque[tuple[int, int, bool]] = field(default_factory=deque)

    def counts(self, since_us: int = 0) -> Mapping[int, RequestCount]:
        """Requests by version that were received in the last minute, and not before `since_us`."""
        self._read()
        newest = time.time_ns() // 1_000
        start = max(since_us, newest - SECONDS * MICROSECONDS)
        while self._requests and self._requests[0][0] < newest - SECONDS * MICROSECONDS:
            self._requests.popleft()
        requests: Counter[int] = Counter()
        failed: Counter[int] = Counter()
        for at, version, has_failed in self._requests:
            if at >= start:
                requests[version] += 1
                failed[version] += has_failed
        return {version: RequestCount(n, failed[version]) for version, n in requests.items()}

    def _read(self) -> None:
        present: dict[str, int] = {}
        for path in journal.paths(self.folder):
            segment = path.name.split(".", 1)[0]
            start = self._positions.get(segment, 0)
            try:
                with path.open("rb") as file:
                    file.seek(start)
                    data = file.read()
            except OSError:  # compacted meanwhile, or not readable: a guard may miss a line
                continue
            whole = data.rfind(b"\n") + 1
            present[segment] = start + whole
            self._requests.extend(_requests(data[:whole]))
        self._positions = present


def _requests(data: bytes) -> list[tuple[int, int, bool]]:
    """The stamp, the version and the failure of each request in some lines."""
    matches = (REQUEST.match(line[:HEAD_BYTES]) for line in data.split(b"\n"))
    return [(int(m[1]), int(m[2]), m[3] >= b"500") for m in matches if m is not None]


def error_burst(
    counts: Mapping[int, RequestCount], stable: int, candidate: int, max_percent: float
) -> str:
    """Why a candidate's errors end a rollout at once; empty when they do not.

    Failures that the stable version has as well are not the candidate's.
    """
    own, live = counts.get(candidate, RequestCount()), counts.get(stable, RequestCount())
    if own.failed < LEAST_FAILURES or own.certain_share * 100 <= max_percent:
        return ""
    if live.requests and live.failed / live.requests >= own.failed / own.requests:
        return ""
    return (
        f"{own.failed:,} of {own.requests:,} requests to version {candidate} failed within a "
        f"minute, {live.failed:,} of {live.requests:,} to version {stable}"
    )
