"""Workflows for tests that leave a trace of every step.

A step named `wait-*` waits until the test puts a file of that name into the `signs` folder of the
workspace.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any, ClassVar

from pilothouse.jobs import JobContext, Progress, workflows
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter
from pilothouse.storage import Store

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


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "square": square,
    "die": die,
    "refuse": refuse,
    "tick_on": tick_on,
}


@workflows.register("steps")
class Steps:
    title, description = "Steps", "One step for each label."
    parameters = (
        Parameter("trace", "text", required=True, help="The file of the trace."),
        Parameter("labels", "list", required=True, help="The steps."),
    )

    @staticmethod
    def run(job: JobContext, *, trace: str, labels: list[str]) -> dict[str, Any]:
        return {"labels": [job.step(label, leave, job.store, trace, label) for label in labels]}


@workflows.register("child")
class Child:
    title, description = "Child", "One computation in a child."
    parameters = (Parameter("number", "integer", required=True, help="What is squared."),)

    @staticmethod
    def run(job: JobContext, *, number: int) -> dict[str, Any]:
        job.span(0.2, 0.6)
        return job.compute("square", square, number=number) | {"parent": os.getpid()}


@workflows.register("target")
class Target:
    title, description = "Target", "Any computation in a child."
    parameters = (
        Parameter("name", "text", required=True, help="The job function."),
        Parameter("args", "object", required=True, help="Its arguments."),
    )

    @staticmethod
    def run(job: JobContext, *, name: str, args: dict[str, Any]) -> dict[str, Any]:
        return {"result": job.compute(name, FUNCTIONS[name], **args)}


@workflows.register("lookout")
class Lookout:
    title, description = "Lookout", "A step that does its waiting in the worker itself."
    parameters = (Parameter("trace", "text", required=True, help="The file of the trace."),)

    @staticmethod
    def run(job: JobContext, *, trace: str) -> dict[str, Any]:
        return {"result": job.step("look", tick_on, job.store, job.reporter(), trace)}


@workflows.register("stumble")
class Stumble:
    title, description = "Stumble", "Three steps of which the second fails until its sign is there."
    parameters = (
        Parameter("trace", "text", required=True, help="The file of the trace."),
        Parameter("sign", "text", required=True, help="What the second step waits for."),
    )

    @staticmethod
    def run(job: JobContext, *, trace: str, sign: str) -> dict[str, Any]:
        first = job.step("first", leave, job.store, trace, "first")
        second = job.step("second", fail_without, job.store, trace, sign)
        return {"labels": [first, second, job.step("third", leave, job.store, trace, "third")]}


@workflows.register("unwritable")
class Unwritable:
    title, description = "Unwritable", "A result that is not a plain value."
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    @staticmethod
    def run(job: JobContext) -> dict[str, Any]:
        return {"result": job.step("look", lambda: {1, 2}) and object()}
