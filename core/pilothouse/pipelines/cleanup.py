"""What a training that stops leaves behind: runs that nobody would end otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pilothouse.experiments import Experiments
from pilothouse.jobs import JobContext
from pilothouse.kit.errors import Cancelled, PilothouseError


@contextmanager
def closing_runs(job: JobContext) -> Iterator[None]:
    """When a workflow stops for good, its open runs say so; the error goes on.

    A child says so itself, but not one that was killed, nor a job cancelled between two workers:
    the second stops at the first step of a workflow, so the whole of it belongs into this block.
    """
    try:
        yield
    except PilothouseError as stopped:
        status = "cancelled" if isinstance(stopped, Cancelled) else "failed"
        message = "" if isinstance(stopped, Cancelled) else stopped.message
        Experiments(job.store).close_open_runs(job.id, status, message)
        raise
