"""The process that coordinates the job runs its parts itself, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from pilothouse.jobs.backends import HERE, PartRunner, backends


class OwnProcess:
    """Runs each part when its result is asked for."""

    where = ""

    def map(
        self,
        function: Callable[..., Any],
        data: Any,
        calls: Iterable[tuple[Any, ...]],
        check: Callable[[], None] = lambda: None,
    ) -> Generator[Any]:
        """Each result, made when it is asked for."""
        for call in calls:
            yield function(data, *call)

    def close(self) -> None:
        """Nothing is open."""


class ThisMachine:
    """No cluster."""

    title = "This machine"
    description = "The parts of a job run one after the other in its child process."
    needs = extra = setting = ""

    @staticmethod
    def connect(address: str) -> PartRunner:
        """A runner in this process."""
        return OwnProcess()


backends.register(HERE)(ThisMachine())
