"""A memory limit for child processes, so that one job cannot exhaust the machine's memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pilothouse.kit.errors import Unavailable
from pilothouse.kit.settings import Settings

SHARE = 0.75  # of the machine's memory, when nothing is set


def memory_limit(settings: Settings) -> int:
    """The number of bytes that a child process may allocate."""
    if settings.job_memory_mb:
        return settings.job_memory_mb << 20
    import psutil

    return int(psutil.virtual_memory().total * SHARE)


@contextmanager
def limited_memory(limit: int) -> Iterator[None]:
    """Bound what this process may allocate. Raises Unavailable when the work needs more.

    Where the operating system has no such bound, on Windows, the work runs without one.
    """
    if sys.platform == "win32":
        yield
        return
    import resource

    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    try:
        yield
    except MemoryError as exhausted:
        raise Unavailable(
            f"the work needs more than the {limit >> 20:,} MB of memory that a job may take.",
            hint="Give it less data, or set PILOTHOUSE_JOB_MEMORY_MB higher.",
        ) from exhausted
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))
