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
from pilothouse.models.tasks import task_of
from pilothouse.storage import Store
from pilothouse.training.answers import Floats, output_columns, predict_raw


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
    signature = _signature(store, run)
    truth = rows["__target"].to_numpy().astype(np.float64)
    own = task_of(signature).compute_metrics(signature, _own_columns(signature, rows), truth)
    rival_metrics = {}
    for index, (name, rival) in enumerate(rivals.items()):
        progress(index / len(rivals), f"judging {name}")
        rival_metrics[name] = _judge(store, name, rival, rows, signature, truth)
    description = f"{len(rows):,} rows held out by run {run}"
    return {"rows": description, "count": len(rows), "own": own, "rivals": rival_metrics}


def _judge(
    store: Store,
    name: str,
    rival: Mapping[str, Any],
    rows: pd.DataFrame,
    own: Signature,
    truth: Floats,
) -> dict[str, float]:
    signature = Signature.from_json(rival["signature"])
    if missing := [column for column in signature.names if column not in rows]:
        raise Invalid(
            f"{name} needs {', '.join(missing)}, which the held-out rows do not have.",
            hint="Train on the same features, or compare each on rows of its own.",
        )
    if (signature.task, set(signature.classes)) != (own.task, set(own.classes)):
        raise Invalid(f"{name} answers something else than the run: they cannot be compared.")
    with store.read() as session:
        trusted_models.require_written(session, rival["digest"], name)
    pipeline = joblib.load(io.BytesIO(store.artifacts.read(rival["digest"])))
    raw = predict_raw(pipeline, signature, rows[list(signature.names)])
    columns = output_columns(signature, raw)
    return task_of(signature).compute_metrics(signature, columns, _as_truth(truth, own, signature))


def _own_columns(signature: Signature, rows: pd.DataFrame) -> dict[str, Any]:
    """The answers that the run stored with the rows."""
    names = [column.name for column in task_of(signature).columns(signature)]
    return {name: rows[f"__{name}"].to_numpy() for name in names}


def _as_truth(truth: Floats, own: Signature, other: Signature) -> Floats:
    """The labels as numbers of another signature, whose classes may have another order."""
    if own.classes == other.classes and own.positive == other.positive:
        return truth
    labels = [own.classes[int(position)] for position in truth]
    return task_of(other).truth(other, labels)


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
