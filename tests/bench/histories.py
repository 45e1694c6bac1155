"""Histories for one chart: 10 runs x 5 metrics x 10,000 steps, sampled to 1,000 points each.

Ours is one question, `Experiments.history` on ended runs, whose histories are blocks. The reference
is what a client of MLflow has: `get_metric_history` for each run and metric on its SQLAlchemy
store, without HTTP and without sampling. `bytes_a_point` is what a block takes, `live` what the
same question costs while the points are still rows.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlmodel import col

from pilothouse.experiments import Points
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.tables import Block
from pilothouse.workspace import Workspace, open_workspace

RUNS, STEPS, MOST, ROUNDS = 10, 10_000, 1_000, 5
KEYS = [f"metric_{number}" for number in range(5)]
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
AT_MS = 1_772_323_200_000


def measure() -> dict[str, Any]:
    """The median call of each."""
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder) / "ours")
        room = workspace.experiments
        runs = [room.start("histories", code=UNKNOWN) for _ in range(RUNS)]
        for run in runs:
            room.log_batch(run, [_points(run, key) for key in KEYS])
        live = _timed(lambda: _asked(workspace, runs))
        for run in runs:
            room.finish(run)
        local = _timed(lambda: _asked(workspace, runs))
        with workspace.store.read() as session:
            size = session.scalar(select(func.sum(func.length(col(Block.data))))) or 0
        workspace.store.engine.dispose()
        reference = _timed(_reference(Path(folder) / "mlflow.db"), rounds=3)
    return {
        "work": "histories",
        "ours": round(local, 1),
        "reference": round(reference, 1),
        "ratio": round(reference / local, 1),
        "unit": "ms a chart",
        "reference_is": "get_metric_history for each run and metric, MLflow's own SQLite store",
        "points": RUNS * len(KEYS) * STEPS,
        "live": round(live, 1),
        "bytes_a_point": round(size / (RUNS * len(KEYS) * STEPS), 2),
        "rounds": ROUNDS,
    }


def _timed(call: Callable[[], int], rounds: int = ROUNDS) -> float:
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        if call() < RUNS * len(KEYS) * MOST // 2:
            raise SystemExit("too few points were told")
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took[1:])


def _asked(workspace: Workspace, runs: list[str]) -> int:
    return len(workspace.experiments.history(runs, KEYS, MOST))


def _values(seed: str) -> list[float]:
    draw, level, values = random.Random(seed), 1.0, []
    for _ in range(STEPS):
        level *= 0.9997
        values.append(level + draw.gauss(0, 0.02))
    return values


def _points(run: str, key: str) -> Points:
    instants = [BEGAN + timedelta(milliseconds=100 * step) for step in range(STEPS)]
    return Points(key, range(STEPS), _values(run + key), instants)


def _reference(file: Path) -> Callable[[], int]:
    """MLflow's own store with as many points, and the calls that read them."""
    from mlflow.store.tracking.dbmodels.models import SqlMetric
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking import MlflowClient

    url = f"sqlite:///{file}"
    store = SqlAlchemyStore(url, str(file.parent / "artifacts"))
    client = MlflowClient(url)
    runs = [client.create_run("0").info.run_id for _ in range(RUNS)]
    with store.engine.begin() as connection:
        for run in runs:
            for key in KEYS:
                rows = [
                    {
                        "run_uuid": run,
                        "key": key,
                        "value": value,
                        "timestamp": AT_MS + 100 * step,
                        "step": step,
                        "is_nan": False,
                    }
                    for step, value in enumerate(_values(run + key))
                ]
                connection.execute(insert(SqlMetric), rows)
    return lambda: sum(len(client.get_metric_history(run, key)) for run in runs for key in KEYS)
