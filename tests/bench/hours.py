"""10,000,000 logged rows of 20 columns and their labels, over 30 days, evaluated by hour.

Rows come day by day, as in life: a day is written, then another process, which is the one that is
measured, asks which windows are due and evaluates them with their alert rules. Memory is the peak
of that process. `growth` is the CPU of the last days over that of the first ones: 1 where the work
follows the new data only. PILOTHOUSE_BENCH_ROWS and
PILOTHOUSE_BENCH_DAYS ask for fewer.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS, DAYS = 10_000_000, int(os.environ.get("PILOTHOUSE_BENCH_DAYS", 30))
GOAL_MB, GOAL_GROWTH = 500, 1.2
NUMBERS, CATEGORIES = 14, 6
FILES = 6  # of a day, as the compaction of a busy server leaves them
BEGAN = datetime(2026, 3, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NAME = "busy"


def measure() -> dict[str, Any]:
    """Peak memory and CPU by day of the process that evaluates."""
    rows = int(os.environ.get("PILOTHOUSE_BENCH_ROWS", ROWS))
    with tempfile.TemporaryDirectory() as folder:
        _deploy(Path(folder))
        days = _days(Path(folder), rows // DAYS)
    first, last = (sum(day["seconds"] for day in part) for part in (days[1:4], days[-3:]))
    windows = sum(day["windows"] for day in days)
    peak = max(day["megabytes"] for day in days)
    return {
        "work": "hours",
        "ours": round(peak),
        "reference": GOAL_MB,
        "ratio": round(GOAL_MB / peak, 2),
        "unit": "MB at most in the process that evaluates",
        "reference_is": "the goal",
        "rows": rows // DAYS * DAYS,
        "windows": windows,
        "seconds_a_window": round(sum(day["seconds"] for day in days) / windows, 3),
        "seconds_to_find_due_windows": [days[1]["due"], days[-1]["due"]],
        "growth": round(last / first, 2),
        "growth_goal": GOAL_GROWTH,
    }


def _days(folder: Path, rows: int) -> list[dict[str, Any]]:
    days = []
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        for day in range(DAYS):
            _write_day(folder, day, rows)
            worker.stdin.write(f"{day}\n")
            worker.stdin.flush()
            days.append(json.loads(worker.stdout.readline()))
        worker.stdin.close()
    return days


def _draw(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    chance = rng.beta(2, 4, rows).round(3)
    made: dict[str, Any] = {f"number{i}": rng.normal(size=rows).round(2) for i in range(NUMBERS)}
    names = np.array([f"c{k}" for k in range(8)])
    made |= {f"category{i}": names[rng.integers(0, 8, rows)] for i in range(CATEGORIES)}
    return pd.DataFrame(made | {"score": chance, "y": (rng.random(rows) < chance).astype(int)})


def _write_day(folder: Path, day: int, rows: int) -> None:
    """A day of predictions, received as they happen, and their labels, received an hour later."""
    from pilothouse.deployments.prediction_log import id_index

    start = BEGAN + day * DAY
    at = pd.Timestamp(start) + pd.to_timedelta(np.linspace(0, 86_399, rows), unit="s")
    at = at.floor("ms").astype("datetime64[ms, UTC]")
    ids = [f"{day:08}-{n:08}" for n in range(rows)]  # in order of time, as the server makes them
    frame = _draw(rows, 100 + day).assign(
        prediction_id=ids, model=NAME, version=1, event_at=at, latency_ms=1.0,
        received_at=(at + timedelta(seconds=1)).astype("datetime64[us, UTC]"),
    )  # fmt: skip
    labels = frame[["prediction_id"]].assign(
        label=frame["y"], label_at=at,
        received_at=(at + HOUR).astype("datetime64[us, UTC]"),
    )  # fmt: skip
    id_index.add(folder, NAME, ids)
    for part, chosen in enumerate(np.array_split(np.arange(rows), FILES)):
        for tree, table in (("predictions", frame.drop(columns="y")), ("labels", labels)):
            path = folder / tree / NAME / f"date={start:%Y-%m-%d}" / f"{day:04}{part}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            table.iloc[chosen].to_parquet(path, index=False, row_group_size=65_536)


def _deploy(folder: Path) -> None:
    from sqlmodel import Session

    from pilothouse.deployments.tables import Deployment
    from pilothouse.experiments.tables import Experiment, Run, RunArtifact
    from pilothouse.models.signature import Signature, SignatureField
    from pilothouse.registry.tables import Model, ModelVersion
    from pilothouse.workspace import open_workspace

    held_out = _draw(10_000, 1)
    fields = tuple(
        SignatureField(name, "number" if name.startswith("number") else "string")
        for name in held_out.columns[:-2]
    )
    signature = Signature(fields, "y", (0, 1), 1)
    buffer = io.BytesIO()
    renamed = held_out.rename(columns={"score": "__score", "y": "__target"})
    renamed.to_parquet(buffer, index=False)
    workspace = open_workspace(folder)
    store, run, who = workspace.store, f"{1:032x}", {"created_at": BEGAN, "created_by": "ada"}

    def add(session: Session, *rows: Any) -> None:
        session.add_all(rows)
        session.flush()

    file, model = store.artifacts.put_bytes(buffer.getvalue()), store.artifacts.put_bytes(b"model")
    with store.write() as session:
        add(session, Experiment(id=1, name=NAME, **who), Model(name=NAME, **who))
        status = {"status": "finished", "created_at": BEGAN, "user": "ada"}
        add(session, Run(id=run, experiment_id=1, name="a", **status))
        size = len(buffer.getvalue())
        add(session, RunArtifact(run_id=run, path="reference.parquet", digest=file, size=size))
        version = {"signature": signature.to_json(), "input_example": [], "metrics": {}}
        add(
            session,
            ModelVersion(model=NAME, version=1, run_id=run, digest=model, **version, **who),
        )
        add(session, Deployment(name=NAME, model=NAME, version=1, updated_at=BEGAN, **who))
    workspace.monitoring.monitor(NAME, period="hour", zone="Europe/Paris")
    store.engine.dispose()


def evaluate(folder: Path) -> None:
    """What a worker does: for each day on the standard input, the due windows of its hours."""
    from pilothouse.jobs import Progress
    from pilothouse.kit.clock import FixedClock
    from pilothouse.monitoring.evaluate import due_job, evaluate_job
    from pilothouse.workspace import open_workspace

    workspace = open_workspace(folder)
    clock = FixedClock(BEGAN)
    store = replace(workspace.store, clock=clock)
    quiet = Progress(store, None)
    for line in sys.stdin:
        clock.advance(BEGAN + (int(line) + 1) * DAY + HOUR - clock.now())
        began = time.process_time()
        due = due_job(store, quiet, NAME)
        found_in = time.process_time() - began
        results = [evaluate_job(store, quiet, NAME, *ends) for ends in due]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer = {
            "windows": len(results),
            "rows": sum(result["rows"] for result in results),
            "due": round(found_in, 2),
            "seconds": time.process_time() - began,
            "megabytes": peak,
        }
        print(json.dumps(answer), flush=True)
        if os.environ.get("PILOTHOUSE_BENCH_VERBOSE"):
            print(answer, file=sys.stderr, flush=True)


if __name__ == "__main__":
    evaluate(Path(sys.argv[1]))
