"""States of model processes (replicas), and when a replica counts as crash-looping."""

from __future__ import annotations

from datetime import timedelta

from pilothouse.deployments.tables import Replica

NEW, STARTING, READY, STOPPING = "new", "starting", "ready", "stopping"
FAILED, CRASH_LOOP = "failed", "crash_loop"
CRASH_LOOPED = "crash-looped"  # the entry in the audit log when a version reaches CRASH_LOOP
CRASH_LOOP_AFTER = 5  # crashes right after the start, one after another
WARM = timedelta(minutes=10)  # how long the previous version stays loaded, ready for a rollback


def is_looping(replica: Replica) -> bool:
    """Whether the process keeps ending right after its start."""
    return replica.state != READY and replica.fast_crashes >= CRASH_LOOP_AFTER
