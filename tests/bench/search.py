"""The top 100 of 100,000 runs by a metric with a filter: ours beside MLflow's own store.

Both hold the same runs of 5 parameters and 8 metrics in SQLite, and are asked in the same words;
the answers must name the same runs. Ours is `Experiments.runs` with every parameter and metric as
a column, the reference `MlflowClient.search_runs` on its SQLAlchemy store, without HTTP. `growth`
is what a page of 100,000 runs costs over one of 1,000.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from pilothouse.experiments import RunFilter
from pilothouse.experiments.tables import Experiment, KnownKey, Param, Run, RunMetric
from pilothouse.kit.clock import to_ms
from pilothouse.workspace import Workspace, open_workspace

RUNS, FEW, ROUNDS, SIZE, BLOCK = 100_000, 1_000, 7, 100, 5_000
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
METRICS = ("auc", "loss", "accuracy", "f1", "brier", "recall", "precision", "seconds")
PARAMS = ("lr", "depth", "batch", "kind", "seed")
WORDS = "metrics.loss < 0.7 and params.kind = 'tree' and status = 'FINISHED'"
COLUMNS = ["name", "status", "trainer", "created_at", "duration_s"]
COLUMNS += [f"metrics.{key}" for key in METRICS] + [f"params.{key}" for key in PARAMS]
Made = dict[str, Any]


def measure() -> dict[str, Any]:
    """The median call of each."""
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with tempfile.TemporaryDirectory() as folder:
        few = _ours(Path(folder) / "few", FEW)
        many = _ours(Path(folder) / "many", RUNS)
        small, local = _timed(lambda: _page(few)), _timed(lambda: _page(many))
        search = _reference(Path(folder) / "mlflow.db", RUNS)
        run_ids = [run.info.run_id for run in search()]
        if run_ids != _page(many):
            raise SystemExit("the two do not find the same runs")
        reference = _timed(search, rounds=3)
        for workspace in (few, many):
            workspace.store.engine.dispose()
    return {
        "work": "search",
        "ours": round(local, 1),
        "reference": round(reference, 1),
        "ratio": round(reference / local, 1),
        "unit": "ms a page",
        "reference_is": "MlflowClient.search_runs on its own SQLite store, the same runs",
        "runs": RUNS,
        "growth": round(local / small, 2),
        "rounds": ROUNDS,
    }


def _timed(call: Callable[[], Any], rounds: int = ROUNDS) -> float:
    call()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def _page(workspace: Workspace) -> list[str]:
    frame = workspace.experiments.runs(
        RunFilter(query=WORDS), "metrics.auc", size=SIZE, columns=COLUMNS
    )
    return list(frame["id"])


def _made(runs: int) -> Iterator[Made]:
    draw = random.Random(3)
    for index in range(runs):
        at = BEGAN + timedelta(seconds=index)
        yield {
            "id": f"{draw.getrandbits(128):032x}",
            "name": f"run {index}",
            "finished": draw.random() < 0.9,
            "at": at,
            "ended": at + timedelta(seconds=draw.uniform(1, 900)),
            "params": {
                "lr": f"{10 ** draw.uniform(-4, 0):.5f}",
                "depth": str(draw.randint(2, 16)),
                "batch": str(draw.choice((16, 32, 64))),
                "kind": draw.choice(("tree", "line", "net")),
                "seed": str(index),
            },
            "metrics": {key: draw.random() for key in METRICS},
        }


def _in_blocks(
    runs: int, rows_of: Callable[[Made], dict[Any, list[Made]]], connection: Connection
) -> None:
    waiting: dict[Any, list[Made]] = {}
    for count, made in enumerate(_made(runs), 1):
        for table, rows in rows_of(made).items():
            waiting.setdefault(table, []).extend(rows)
        if count % BLOCK == 0 or count == runs:
            for table, rows in waiting.items():
                connection.execute(insert(table), rows)
            waiting.clear()


def _ours(folder: Path, runs: int) -> Workspace:
    """A workspace of so many runs, written straight into its tables."""
    workspace = open_workspace(folder)
    with workspace.store.write() as session:
        connection = session.connection()
        experiment = {"id": 1, "name": "all", "created_at": BEGAN, "created_by": "ada"}
        connection.execute(insert(Experiment), [experiment | {"note": ""}])
        keys = [("metric", key) for key in METRICS] + [("param", key) for key in PARAMS]
        rows = [{"experiment_id": 1, "kind": kind, "key": key} for kind, key in keys]
        connection.execute(insert(KnownKey), rows)
        _in_blocks(runs, _our_rows, connection)
    return workspace


def _our_rows(made: Made) -> dict[Any, list[Made]]:
    run, at = made["id"], made["at"]
    summary = {"first_step": 0, "first_at": at, "last_step": 9, "last_at": at, "best_step": 9}
    names = ("first", "last", "min", "max", "best")
    return {
        Run: [
            {
                "id": run,
                "experiment_id": 1,
                "name": made["name"],
                "status": "finished" if made["finished"] else "failed",
                "created_at": at,
                "started_at": at,
                "ended_at": made["ended"],
                "user": "ada",
                "source": "",
                "note": "",
                "error": "",
            }
        ],
        Param: [
            {
                "run_id": run,
                "key": key,
                "value": value,
                "number": None if key == "kind" else float(value),
            }
            for key, value in made["params"].items()
        ],
        RunMetric: [
            summary | {"run_id": run, "key": key, "count": 10} | dict.fromkeys(names, value)
            for key, value in made["metrics"].items()
        ],
    }


def _reference(file: Path, runs: int) -> Callable[[], Any]:
    """MLflow's own store with the same runs, and its search of them."""
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlParam, SqlRun
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking import MlflowClient

    url = f"sqlite:///{file}"
    store = SqlAlchemyStore(url, str(file.parent / "artifacts"))

    def rows(made: Made) -> dict[Any, list[Made]]:
        run = made["id"]
        return {
            SqlRun: [
                {
                    "run_uuid": run,
                    "name": made["name"],
                    "experiment_id": 0,
                    "status": "FINISHED" if made["finished"] else "FAILED",
                    "start_time": to_ms(made["at"]),
                    "end_time": to_ms(made["ended"]),
                    "lifecycle_stage": "active",
                    "artifact_uri": f"artifacts/{run}",
                    "user_id": "ada",
                }
            ],
            SqlParam: [
                {"run_uuid": run, "key": key, "value": value}
                for key, value in made["params"].items()
            ],
            SqlLatestMetric: [
                {
                    "run_uuid": run,
                    "key": key,
                    "value": value,
                    "timestamp": to_ms(made["at"]),
                    "step": 9,
                    "is_nan": False,
                }
                for key, value in made["metrics"].items()
            ],
        }

    with store.engine.begin() as connection:
        _in_blocks(runs, rows, connection)
    client = MlflowClient(url)
    return lambda: client.search_runs(["0"], WORDS, max_results=SIZE, order_by=["metrics.auc DESC"])
