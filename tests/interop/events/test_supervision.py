"""The worker keeps one process of events while a connection is enabled, and no longer."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pilothouse.interop.events.connections import ConnectionSpec
from pilothouse.interop.events.supervision import EventWorker
from pilothouse.workspace import Workspace

WAITS = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]


class Waiting(EventWorker):
    """Starts a process that ends with its input, as the real one does."""

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(WAITS, stdin=subprocess.PIPE)

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process that runs."""
        return self._process


def test_a_process_is_kept_while_it_is_needed(workspace: Workspace) -> None:
    worker = Waiting(workspace.store)
    worker.tick()
    assert worker.process is None
    workspace.events.add(ConnectionSpec("acts", "activity", "file", "", {"name": "acts"}))
    worker.tick()
    first = worker.process
    worker.tick()
    assert first is worker.process is not None
    first.kill()
    first.wait()
    with pytest.raises(RuntimeError, match="ended with -9"):
        worker.tick()
    worker.tick()
    second = worker.process
    assert second is not None
    workspace.events.change("acts", enabled=False)
    worker.tick()
    assert (worker.process, second.returncode) == (None, 0)
