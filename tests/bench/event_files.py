"""Scalars a second out of a TensorBoard event file: our reader beside TensorBoard's own.

100,000 scalars of 5 tags in one file. Ours is what an import does before it writes: the run, then
every point of it. The reference is `EventAccumulator` with all scalars kept, and its scalars as
Python numbers, in the environment of `harness.tracker_writers`; its import is not counted.
"""

from __future__ import annotations

import random
import struct
import tempfile
from pathlib import Path
from typing import Any

from harness import event_files
from harness.history_reading import points_rate
from harness.paired_benchmark import in_turn
from harness.protobuf_bytes import double, message, number
from harness.tracker_writers import run_script
from pilothouse.interop.importing.tensorboard.checksums import masked_checksums

TAGS, STEPS, ROUNDS = 5, 20_000, 5
POINTS = TAGS * STEPS
REFERENCE = """
import sys, time
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
began = time.perf_counter()
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
tags = events.Tags()["scalars"]
points = [(e.step, e.wall_time, e.value) for tag in tags for e in events.Scalars(tag)]
seconds = time.perf_counter() - began
assert len(points) == int(sys.argv[2]), len(points)
print(seconds)
"""


def measure() -> dict[str, Any]:
    """Both in turn, several times; the median round of each, and the median ratio."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write(folder / "logs")
        (folder / "reference.py").write_text(REFERENCE, encoding="utf-8")
        result = in_turn(
            lambda: points_rate("tensorboard", folder / "logs", POINTS),
            lambda: _reference(folder),
            ROUNDS,
        )
    return {
        "work": "event_files",
        **result,
        "unit": "scalars/s",
        "reference_is": "tensorboard 2.21, EventAccumulator with all scalars, without its import",
        "points": POINTS,
        "ours_s": round(POINTS / result["ours"], 2),
    }


def _write(logs: Path) -> None:
    chance = random.Random(7)
    records = [
        double(1, event_files.AT + step)
        + number(2, step)
        + message(5, message(1, event_files.scalar(f"metric/{tag}", chance.random())))
        for step in range(STEPS)
        for tag in range(TAGS)
    ]
    sizes = [struct.pack("<Q", len(record)) for record in records]
    checksums = zip(masked_checksums(sizes), masked_checksums(records), strict=True)
    event_files.write(
        logs,
        (
            size + struct.pack("<I", of_size) + record + struct.pack("<I", of_record)
            for size, record, (of_size, of_record) in zip(sizes, records, checksums, strict=True)
        ),
    )


def _reference(folder: Path) -> float:
    printed = run_script(
        "tensorboard", folder / "reference.py", str(folder / "logs"), str(POINTS), cwd=folder
    )
    return POINTS / float(printed.splitlines()[-1])
