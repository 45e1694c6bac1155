"""Finished runs of any task with everything that an evaluation keeps: metrics, documents, rows."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pilothouse.experiments import Experiments
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of


def score_values(keys: Sequence[str], y: Any, score: Any, threshold: float) -> dict[str, float]:
    """Metrics of a score for one of two classes, by the task itself."""
    signature = Signature((), "y", (0, 1), 1, threshold=threshold)
    columns, truth = {"score": np.asarray(score, float)}, np.asarray(y, float)
    measures = task_of(signature).measures(signature, columns, truth)
    return {key: measures[key]().value() for key in keys}


def log_evaluated(
    room: Experiments,
    name: str,
    signature: Signature,
    raw: Any,
    labels: Sequence[Any],
    *,
    features: pd.DataFrame | None = None,
    added: Mapping[str, Any] | None = None,
    held_out: str = "d1",
    documents: bool = True,
    model: bytes = b"",
) -> str:
    """A finished run that answered `raw` on rows with these labels, as training keeps it.

    With the bytes of a `model` it can be registered.
    """
    task = task_of(signature)
    decided = task.decide(signature, [list(row) for row in raw])
    columns = {key: np.array(values) for key, values in decided.items()}
    columns |= {key.removeprefix("__"): np.asarray(v) for key, v in (added or {}).items()}
    truth = task.truth(signature, labels)

    run = room.start("any task", name, trainer="ridge", seed=1, code=UNKNOWN)
    room.log_metrics(run, task.compute_metrics(signature, columns, truth))
    room.log_params(run, {"target": signature.target})
    room.log_input(run, "rows@1")
    room.tag(run, {"training.held_out": held_out})
    files = task.documents(signature, columns, truth) if documents else {}
    files = {**files, "model/signature.json": signature.to_json()}
    for path, value in files.items():
        room.log_artifact(run, path, json.dumps(value).encode())

    frame = pd.DataFrame(index=range(len(labels))) if features is None else features
    frame = frame.assign(
        __target=truth if truth.ndim == 1 else list(truth),
        __row=np.arange(len(labels)),
        **{f"__{column.name}": decided[column.name] for column in task.columns(signature)},
        **(added or {}),
    )
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    room.log_artifact(run, "reference.parquet", buffer.getvalue())
    if model:
        room.log_artifact(run, "model/model.joblib", model)
    room.finish(run)
    return run
