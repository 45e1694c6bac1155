"""How many processes a deployment needs for its load: a pure function of what was measured.

As Kubernetes' horizontal autoscaler computes it: processes times measured over target, rounded up,
nothing within a tolerance, and down only to the most that was needed for a while. Source:
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CPU_TARGET = 0.7  # of a core, for each process
QUEUE_TARGET = 4.0  # requests that wait for a process, for each process
TOLERANCE = 0.1
UP_SECONDS = 5.0
DOWN_SECONDS = 60.0


@dataclass(frozen=True)
class ProcessLimits:
    """How many processes each version has: as many as its load needs, from least to most."""

    least: int
    most: int

    @property
    def is_fixed(self) -> bool:
        """Whether the load changes nothing."""
        return self.least >= self.most

    @property
    def text(self) -> str:
        """The limits for people."""
        return str(self.least) if self.is_fixed else f"{self.least} to {self.most} by load"


ONE_PROCESS = ProcessLimits(1, 1)


@dataclass(frozen=True)
class LoadSample:
    """The load at one time: means over the processes.

    `cpu` is the share of a core, `queue` the requests that have waited for a while.
    """

    at: float
    processes: int
    cpu: float
    queue: float


def processes_needed(samples: Sequence[LoadSample], limits: ProcessLimits, current: int) -> int:
    """The number that the load needs, `current` where nothing is to change.

    `samples` are in the order of time, about one a second. More processes are needed when the mean
    of the last five seconds says so, fewer when no sample of the last minute needed as many.
    """
    if not samples:
        return current
    now = samples[-1].at
    recent = [s for s in samples if s.at > now - UP_SECONDS and s.processes == current]
    if now - samples[0].at >= UP_SECONDS - 1 and len(recent) >= UP_SECONDS / 2:
        cpu = sum(sample.cpu for sample in recent) / len(recent)
        queue = sum(sample.queue for sample in recent) / len(recent)
        if (up := _for_load(cpu, queue, current)) > current:
            return max(current, min(up, limits.most))
    if now - samples[0].at < DOWN_SECONDS:
        return current
    lately = [s for s in samples if s.at > now - DOWN_SECONDS]
    down = max(_for_load(s.cpu, s.queue, s.processes) for s in lately)
    return max(limits.least, down) if down < current else current


def _for_load(cpu: float, queue: float, processes: int) -> int:
    load = max(cpu / CPU_TARGET, queue / QUEUE_TARGET)
    return processes if abs(load - 1.0) <= TOLERANCE else max(1, math.ceil(processes * load))
