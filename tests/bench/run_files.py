"""Points a second out of a W&B run file: our reader beside the library's own protobuf schema.

260,000 points of 10 metrics in one offline run. Ours is what an import does before it writes: the
run, then every point of it. The reference takes the file apart without any check, parses each
record with `wandb.proto` and reads its numbers; its import is not counted.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from harness import wandb_files
from harness.history_reading import points_rate
from harness.paired_benchmark import in_turn
from harness.tracker_writers import run_script

METRICS, STEPS, ROUNDS = 10, 26_000, 3
POINTS = METRICS * STEPS
READER = Path(__file__).parents[1] / "interop" / "importing" / "write_wandb_runs.py"
REFERENCE = """
import runpy, sys, time
from pathlib import Path
reader = runpy.run_path(sys.argv[1])
began = time.perf_counter()
points = reader["read"](Path(sys.argv[2]))
seconds = time.perf_counter() - began
assert sum(map(len, points.values())) == int(sys.argv[3])
print(seconds)
"""


def measure() -> dict[str, Any]:
    """Both in turn, several times; the median round of each, and the median ratio."""
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        steps = (
            wandb_files.history(step, {f"metric_{n}": chance.random() for n in range(METRICS)})
            for step in range(STEPS)
        )
        records = [wandb_files.run("bench001"), *steps, wandb_files.exit_code(0)]
        file = wandb_files.write(folder / "wandb", "bench001", records)
        (folder / "reference.py").write_text(REFERENCE, encoding="utf-8")
        result = in_turn(
            lambda: points_rate("wandb", folder / "wandb", POINTS),
            lambda: _reference(folder, file),
            ROUNDS,
        )
    return {
        "work": "run_files",
        **result,
        "unit": "points/s",
        "reference_is": "wandb 0.31.0's protobuf schema, no checksums, without its import",
        "points": POINTS,
        "ours_s": round(POINTS / result["ours"], 2),
    }


def _reference(folder: Path, file: Path) -> float:
    arguments = (str(READER), str(file), str(POINTS))
    printed = run_script("wandb-0.31", folder / "reference.py", *arguments, cwd=folder)
    return POINTS / float(printed.splitlines()[-1])
