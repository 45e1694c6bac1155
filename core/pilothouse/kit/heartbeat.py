"""A heartbeat: a file that changes while a process works, read by the supervisor.

Only changes count, never the time in it, so that a clock that is set changes nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BEAT_SECONDS = 1.0
MAX_ACTION_SECONDS = 120.0
log = logging.getLogger(__name__)


class Heartbeat:
    """Beats as long as no running action has taken too long."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = beat_file(folder, name)
        self._began: dict[str, float] = {}
        self._count = 0

    @contextmanager
    def action(self, act: str) -> Iterator[None]:
        """An action that must end in time, or the heartbeat stops."""
        self._began[act] = time.monotonic()
        try:
            yield
        finally:
            self._began.pop(act, None)

    def beat(self) -> None:
        """Change the file, unless an action has taken too long."""
        now = time.monotonic()
        if all(now - began < MAX_ACTION_SECONDS for began in list(self._began.values())):
            self._count += 1
            partial = self._path.with_suffix(".part")
            partial.write_text(f"{os.getpid()} {self._count}", encoding="ascii")
            partial.replace(self._path)

    def start(self, stop: threading.Event) -> threading.Thread:
        """Beat in a thread until `stop` is set."""
        thread = threading.Thread(target=self._run, args=(stop,), name="heartbeat", daemon=True)
        thread.start()
        return thread

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT_SECONDS):
            try:
                self.beat()
            except OSError as refused:  # a full disk: the supervisor waits longer, then restarts
                log.warning("the heartbeat cannot be written: %s", refused.strerror)


def beat_file(folder: Path, name: str) -> Path:
    """Where a process leaves its heartbeat."""
    return folder / f"{name}.beat"


def read_beat(folder: Path, name: str) -> str:
    """The present heartbeat of a process; empty when there is none."""
    try:
        return beat_file(folder, name).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
