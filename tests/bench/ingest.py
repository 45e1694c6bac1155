"""Points a second into histories: `Experiments.log_batch` beside bare SQLite.

200 runs of 5 metrics of 100 steps, one transaction per run on both sides. The reference is one
table of (run number, key, step, instant, value) in a WAL file, without key, index or summary:
nothing written through Python's driver in single rows can be leaner. Ours goes through the verb
that a training job calls: it checks the run, keeps each point once, and brings the summaries and
their two indexes along. Starting the runs is not counted on either side.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.paired_benchmark import in_turn
from pilothouse.experiments import Points
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.workspace import open_workspace

RUNS, METRICS, STEPS = 200, 5, 100
POINTS = RUNS * METRICS * STEPS
KEYS = [f"metric_{number}" for number in range(METRICS)]
ROUNDS = 7
AT_MS = 1_772_366_400_000
INSERT = "INSERT INTO metric VALUES (?, ?, ?, ?, ?)"

Values = list[list[list[float]]]  # by run, metric and step


def measure() -> dict[str, Any]:
    """Both in turn, several times; the median round of each, and the median ratio."""
    result = in_turn(ours, reference, ROUNDS)
    return {
        "work": "ingest",
        **result,
        "unit": "points/s",
        "reference_is": "bare SQLite in WAL, executemany, one transaction per run, no key or index",
        "points": POINTS,
    }


def ours() -> float:
    """Points a second through the verbs of a new workspace."""
    values = _values()
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(folder)
        room = workspace.experiments
        runs = [room.start("ingest", code=UNKNOWN) for _ in range(RUNS)]
        began = time.perf_counter()
        for run, of_run in zip(runs, values, strict=True):
            batch = [
                Points(key, range(STEPS), of_key) for key, of_key in zip(KEYS, of_run, strict=True)
            ]
            room.log_batch(run, batch)
        seconds = time.perf_counter() - began
        stored = sum(summary.count for run in runs for summary in room.run(run).metrics.values())
        workspace.store.engine.dispose()
    if stored != POINTS:
        raise SystemExit(f"{stored} of {POINTS} points were kept")
    return POINTS / seconds


def reference() -> float:
    """Points a second through the bare driver."""
    values = _values()
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE metric (run INTEGER, key TEXT, step INTEGER, at INTEGER, value REAL)"
        )
        began = time.perf_counter()
        for run, of_run in enumerate(values):
            rows = [
                (run, key, step, AT_MS, value)
                for key, of_key in zip(KEYS, of_run, strict=True)
                for step, value in enumerate(of_key)
            ]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, rows)
            connection.execute("COMMIT")
        seconds = time.perf_counter() - began
        connection.close()
    return POINTS / seconds


def _values() -> Values:
    draw = random.Random(1)
    return [[[draw.random() for _ in range(STEPS)] for _ in KEYS] for _ in range(RUNS)]
