"""Threads that work for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self


class WorkingThreads:
    """Runs each function in a thread of its own; they look at `stop` to know that the block ends.

    Whoever leaves the block waits for all of them.
    """

    def __init__(self, *functions: Callable[[], object]) -> None:
        self.stop = threading.Event()
        self._threads = [threading.Thread(target=function) for function in functions]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()
