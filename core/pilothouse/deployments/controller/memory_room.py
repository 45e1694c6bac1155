"""Whether the limit of memory of all model processes has room for one more.

A start waits for others to fall asleep, but not for long: those that never sleep stay, and a caller
waits for the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pilothouse.deployments.sleeping import ROOM_FROM
from pilothouse.deployments.tables import Replica

MAX_WAIT_SECONDS = 10.0


@dataclass
class MemoryRoom:
    """Room below a limit in bytes, 0 for no limit; remembers since when each deployment waits."""

    limit: int
    clock: Callable[[], float] = time.monotonic
    _since: dict[str, float] = field(default_factory=dict)

    def allows(self, deployment: str, replicas: Sequence[Replica]) -> bool:
        """Whether another process of a deployment may start beside all that run now."""
        total, mean = _memory(replicas)
        if not self.limit or self.limit < ROOM_FROM * mean or total + mean <= self.limit:
            self._since.pop(deployment, None)
            return True
        waited = self.clock() - self._since.setdefault(deployment, self.clock())
        if waited < MAX_WAIT_SECONDS:
            return False
        del self._since[deployment]
        return True


def _memory(replicas: Sequence[Replica]) -> tuple[float, float]:
    """Bytes of all processes, and their mean; what is not measured yet is as large as that."""
    running = [r.rss_bytes for r in replicas if r.state and r.pid is not None]
    measured = [size for size in running if size]
    mean = sum(measured) / len(measured) if measured else 0.0
    return mean * len(running), mean
