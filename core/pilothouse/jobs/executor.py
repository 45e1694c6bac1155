"""Where heavy work runs: what child processes and a Dask cluster have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pilothouse.jobs.functions import resolve_function
from pilothouse.jobs.logs import log_to_file
from pilothouse.jobs.progress import Progress
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, open_store

_opened: dict[str, Store] = {}


class Interrupted(BaseException):
    """The worker closed during the work, and the next one will repeat it.

    It derives from BaseException so that no `except Exception` takes it for a failure of the job.
    """


class Executor(Protocol):
    """Runs job functions outside of the worker's own interpreter, several at a time.

    The same function with the same arguments has the same result in each.
    """

    @property
    def closed(self) -> bool:
        """Whether it runs nothing any more."""
        ...

    def compute(
        self,
        store: Store,
        job_id: str,
        target: str,
        span: tuple[float, float],
        args: dict[str, Any],
        /,
    ) -> Any:
        """The plain result of the function that `target` names; its errors come through.

        Raises Unavailable when what runs it died, Interrupted once this is closed.
        """
        ...

    def raise_if_closed(self) -> None:
        """Raise Interrupted once this is closed."""
        ...

    def close(self) -> None:
        """End the work at once; it is repeated by the next worker."""
        ...


def run_call(
    settings: str,
    actor: str,
    job_id: str,
    target: str,
    span: tuple[float, float],
    args: dict[str, Any],
    raise_if_closed: Callable[[], None] = lambda: None,
) -> Any:
    """Run one call in the process that does the work, with its log and its progress."""
    store = opened_store(settings).acting_as(actor)
    with log_to_file(store, job_id):
        start, end = span
        progress = Progress(store, job_id, start=start, end=end, raise_if_closed=raise_if_closed)
        return resolve_function(target)(store, progress, **args)


def opened_store(settings: str) -> Store:
    """The store of settings as JSON, opened once in this process."""
    if settings not in _opened:
        _opened[settings] = open_store(Settings.model_validate_json(settings))
    return _opened[settings]
