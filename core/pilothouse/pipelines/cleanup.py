"""Cleanup after a training that stops: its open runs are closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pilothouse.experiments import Experiments
from pilothouse.jobs import JobContext
from pilothouse.kit.errors import Cancelled, PilothouseError
from pilothouse.pipelines.recipes.job_functions import close_runs


@contextmanager
def closing_runs(job: JobContext, *others: str) -> Iterator[None]:
    """Close the open runs of a workflow that stops with an error, and raise it again.

    `others` are further ids under which its steps start runs.

    A child process closes its runs itself, unless it was killed. A job that was cancelled between
    two workers stops at the first step of its workflow, so the whole of it belongs in this block.
    """

    def close(status: str, error: str) -> None:
        for job_id in (job.id, *others):
            Experiments(job.store).close_open_runs(job_id, status, error)

    with _closing(close):
        yield


@contextmanager
def closing_recipe_runs(job: JobContext) -> Iterator[None]:
    """Close the open runs of a recipe's code that stops with an error, and raise it again."""
    with _closing(lambda status, error: close_runs(job.store, job.id, status, error)):
        yield


@contextmanager
def _closing(close: Callable[[str, str], None]) -> Iterator[None]:
    """Call `close` with the status and the error of runs that something stopped."""
    try:
        yield
    except PilothouseError as stopped:
        is_cancelled = isinstance(stopped, Cancelled)
        close("cancelled" if is_cancelled else "failed", "" if is_cancelled else stopped.message)
        raise
