"""Job functions that tests run on Dask workers and in child processes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from pilothouse.jobs import Progress
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store


def process_id(store: Store, progress: Progress, *, seconds: float) -> dict[str, Any]:
    """The process that does the work, after a while."""
    time.sleep(seconds)
    return {"pid": os.getpid(), "actor": store.actor}


def refuse(store: Store, progress: Progress) -> None:
    """An error with all that errors carry."""
    refusal = Invalid("the column is missing.", hint="Add it.", fields={"column": "needed"})
    refusal.remedy = {"kind": "wait"}
    raise refusal


def report_on(store: Store, progress: Progress, *, label: str) -> None:
    """Report progress until the work is given up; then leave a file of that label."""
    (store.folder / f"{label}-began").touch()
    try:
        while True:
            progress(0.5, "still here")
            progress.check()
            time.sleep(0.05)
    finally:
        (store.folder / f"{label}-ended").touch()


def die(store: Store, progress: Progress) -> None:
    """End the process that does the work, as a lack of memory would."""
    os._exit(1)


def letter(letters: list[str], number: int, seconds: float, folder: str = "") -> str:
    """A part of a job: one letter, after a while; with a folder it leaves a file there."""
    time.sleep(seconds)
    if folder:
        (Path(folder) / str(number)).touch()
    if number >= len(letters):
        raise Invalid(f"no letter {number}.")
    return letters[number]


def end_process(_data: None) -> None:
    """A part of a job that ends the process that runs it."""
    os._exit(1)
