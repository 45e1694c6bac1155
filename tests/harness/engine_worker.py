"""A worker for tests that does jobs and nothing else: `python engine_worker.py FOLDER [MODULE]`.

The module is imported first: it registers workflows of the test's own.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pilothouse.workspace import open_workspace


@contextmanager
def engine_worker(folder: Path, workflows: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does the jobs of a workspace until the block ends.

    `workflows` is a file with workflows of the test's own, which its name imports.
    """
    module = [] if workflows is None else [workflows.stem]
    paths = [*([] if workflows is None else [str(workflows.parent)]), *sys.path]
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder), *module],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()
            process.stdout.close()


def work(folder: str, *modules: str) -> None:
    """Run the engine until SIGTERM."""
    from pilothouse.jobs.engine import Engine

    for module in modules:
        importlib.import_module(module)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    engine = Engine(open_workspace(Path(folder)).store)
    engine.resume()
    os.write(sys.stdout.fileno(), b"ready\n")
    while not stop.wait(0.03):
        engine.tick()
    engine.close()


if __name__ == "__main__":
    work(*sys.argv[1:])
