"""Points a second of MLflow's own client, unchanged, into ours and into MLflow's server.

Each run gets one `log_batch` of 500 points of five metrics; starting the runs is not counted. The
reference is `mlflow server` with one worker on SQLite. What the client itself needs to write its
requests counts on both sides.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.mlflow_server import QUIET, side_by_side
from harness.paired_benchmark import in_turn

RUNS, SIZE, ROUNDS = 20, 500, 5
AT_MS = 1_772_366_400_000


def measure() -> dict[str, Any]:
    """Both in turn, several times; the median round of each, and the median ratio."""
    os.environ.update(QUIET)
    with (
        tempfile.TemporaryDirectory() as folder,
        side_by_side(Path(folder)) as (_, local, reference),
    ):
        logged(local, 2)
        logged(reference, 2)
        result = in_turn(lambda: logged(local, RUNS), lambda: logged(reference, RUNS), ROUNDS)
    return {
        "work": "client",
        **result,
        "unit": "points/s",
        "reference_is": "mlflow server on SQLite, the same client and calls",
    }


def logged(url: str, count: int) -> float:
    """Points a second of the client's batches, one run each."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(tracking_uri=url)
    runs = [client.create_run("0").info.run_id for _ in range(count)]
    points = [Metric(f"m{i % 5}", i / 7, AT_MS + i, i // 5) for i in range(SIZE)]
    began = time.perf_counter()
    for run in runs:
        client.log_batch(run, metrics=points)
    return count * SIZE / (time.perf_counter() - began)
