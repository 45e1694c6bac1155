"""The worker's part of events: it keeps one process while a connection is enabled."""

from __future__ import annotations

import subprocess
import sys

from sqlmodel import col, select

from pilothouse.interop.tables import EventConnection
from pilothouse.storage import Store

END_SECONDS = 10.0
ENABLED = select(EventConnection.id).where(col(EventConnection.enabled)).limit(1)


class EventWorker:
    """What the worker does for events: it keeps the process while a connection is enabled."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._process: subprocess.Popen[bytes] | None = None

    def tick(self) -> None:
        """Start the process when it is needed, and end it when it is not.

        Raises RuntimeError when it ended by itself: it is started again, later and later.
        """
        with self._store.read() as session:
            is_needed = session.exec(ENABLED).first() is not None
        ended = None if self._process is None else self._process.poll()
        if ended is not None:
            self.close()
            if is_needed:
                raise RuntimeError(f"the process of events ended with {ended}")
        if is_needed and self._process is None:
            self._process = self._start()
        elif not is_needed:
            self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pilothouse.interop.events.bridge"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(self._store.settings.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        return process
