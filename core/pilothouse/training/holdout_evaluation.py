"""Evaluate other models on the very rows that a run held out, so that all are compared fairly.

It runs in child processes only: models are loaded here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import joblib
import numpy as np
import pandas as pd

from pilothouse.experiments import lifecycle, trusted_models
from pilothouse.experiments.tables import RunArtifact
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.signature import Signature
from pilothouse.storage import Store
from pilothouse.training.evaluation import Floats, Labels, compute_metrics


def evaluate_job(
    store: Store,
    progress: Callable[[float, str], None],
    *,
    run: str,
    rivals: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Metrics of each rival on the rows that `run` held out, beside the run's own.

    A rival is `{"digest": ..., "signature": {...}}` under its name ("late@1"). The result holds
    `rows` (a description), their `count`, `own` (the run's metrics there) and `rivals` (metrics by
    name).
    Raises Invalid when a rival needs a column that those rows do not have.
    """
    rows = _reference(store, run)
    y = rows["__target"].to_numpy().astype(np.int8)
    threshold = _signature(store, run).threshold
    own = compute_metrics(y, rows["__score"].to_numpy().astype(float), threshold)
    rival_metrics = {}
    for index, (name, rival) in enumerate(rivals.items()):
        progress(index / len(rivals), f"judging {name}")
        rival_metrics[name] = _judge(store, name, rival, rows, y)
    description = f"{len(rows):,} rows held out by run {run}"
    return {"rows": description, "count": len(rows), "own": own, "rivals": rival_metrics}


def _judge(
    store: Store, name: str, rival: Mapping[str, Any], rows: pd.DataFrame, y: Labels
) -> dict[str, float]:
    signature = Signature.from_json(rival["signature"])
    if missing := [column for column in signature.names if column not in rows]:
        raise Invalid(
            f"{name} needs {', '.join(missing)}, which the held-out rows do not have.",
            hint="Train on the same features, or compare each on rows of its own.",
        )
    with store.read() as session:
        trusted_models.require_written(session, rival["digest"], name)
    pipeline = joblib.load(io.BytesIO(store.artifacts.read(rival["digest"])))
    score: Floats = pipeline.predict_proba(rows[list(signature.names)])[:, 1]
    return compute_metrics(y, score, signature.threshold)


def _reference(store: Store, run: str) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(_file(store, run, "reference.parquet")))


def _signature(store: Store, run: str) -> Signature:
    return Signature.from_json(json.loads(_file(store, run, "model/signature.json")))


def _file(store: Store, run: str, path: str) -> bytes:
    with store.read() as session:
        lifecycle.require(session, run)
        artifact = session.get(RunArtifact, (run, path))
    if artifact is None:
        raise NotFound(f"run {run} has no {path}.")
    return store.artifacts.read(artifact.digest)
