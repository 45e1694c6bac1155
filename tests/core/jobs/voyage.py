"""A worker for tests: workflows that leave a trace of every step, and a loop that runs them.

`python voyage.py FOLDER` works on the jobs of a workspace until it is told to stop. A step named
`wait-*` waits until the test puts a file of that name into the workspace's `signs` folder.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pilothouse.jobs import JobContext, Progress, workflows
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace

log = logging.getLogger("voyage")


def leave(store: Store, trace: str, word: str) -> str:
    """A step: write a word, and wait for its sign when the word says so."""
    path = store.folder / "traces" / trace
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as out:
        out.write(f"{word}\n")
    while word.startswith("wait-") and not (store.folder / "signs" / word).exists():
        time.sleep(0.02)
    return word


def fail_without(store: Store, trace: str, sign: str) -> str:
    """A step that fails until its sign is there."""
    leave(store, trace, f"try-{sign}")
    if not (store.folder / "signs" / sign).exists():
        raise Invalid(f"there is no {sign}.", hint="Put it there.")
    return sign


def square(store: Store, progress: Progress, number: int) -> dict[str, Any]:
    """In a child: compute, report and log."""
    progress(0.5, "half way")
    log.info("squaring %d in a child", number)
    return {"square": number * number, "pid": os.getpid()}


def die(store: Store, progress: Progress, trace: str) -> None:
    """In a child: end as one that the system kills when memory runs out."""
    leave(store, trace, "dying")
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(store: Store, progress: Progress) -> None:
    """In a child: an error of ours."""
    refusal = Invalid("the sea is too rough.", hint="Wait a day.", fields={"wind": "too strong"})
    refusal.remedy = {"kind": "wait", "days": 1}
    raise refusal


def tick_on(store: Store, progress: Progress, trace: str, sign: str = "enough") -> str:
    """Report progress until cancelled or interrupted, or until the sign is there."""
    leave(store, trace, "ticking")
    while not (store.folder / "signs" / sign).exists():
        progress(0.5, "tick")
        time.sleep(0.02)
    return "done"


@workflows.register("steps")
def steps(job: JobContext, *, trace: str, labels: list[str]) -> dict[str, Any]:
    """One step for each word."""
    return {"labels": [job.step(word, leave, job.store, trace, word) for word in labels]}


@workflows.register("child")
def child(job: JobContext, *, number: int) -> dict[str, Any]:
    """One computation in a child."""
    job.span(0.2, 0.6)
    result: dict[str, Any] = job.compute("square", "voyage:square", number=number)
    return result | {"parent": os.getpid()}


@workflows.register("target")
def target(job: JobContext, *, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Any computation in a child."""
    return {"result": job.compute(name, f"voyage:{name}", **args)}


@workflows.register("lookout")
def lookout(job: JobContext, *, trace: str) -> dict[str, Any]:
    """A step that does its waiting in the worker itself."""
    return {"result": job.step("look", tick_on, job.store, job.reporter(), trace)}


@workflows.register("stumble")
def stumble(job: JobContext, *, trace: str, sign: str) -> dict[str, Any]:
    """Three steps of which the second fails until its sign is there."""
    first = job.step("first", leave, job.store, trace, "first")
    second = job.step("second", fail_without, job.store, trace, sign)
    return {"labels": [first, second, job.step("third", leave, job.store, trace, "third")]}


@workflows.register("unwritable")
def unwritable(job: JobContext) -> dict[str, Any]:
    """A result that is no plain value."""
    return {"result": job.step("look", lambda: {1, 2}) and object()}


def work(folder: Path) -> None:
    """Run the engine until SIGTERM."""
    from pilothouse.jobs.engine import Engine

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    engine = Engine(open_workspace(folder).store)
    engine.resume()
    os.write(sys.stdout.fileno(), b"ready\n")
    while not stop.wait(0.03):
        engine.tick()
    engine.close()


if __name__ == "__main__":
    work(Path(sys.argv[1]))
