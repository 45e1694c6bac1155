"""What a fitted pipeline answers, as the output columns of its task.

It runs in child processes only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.models.answers import answer_arrays
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of

Floats = npt.NDArray[np.float64]
Outputs = dict[str, npt.NDArray[Any]]
CHUNK = 50_000  # rows that are plain lists at one time


def predict_raw(pipeline: Any, signature: Signature, rows: Any) -> Floats:
    """The raw rows of a pipeline: a probability per class, or the predicted numbers."""
    if signature.gives == "probability":
        return np.asarray(pipeline.predict_proba(rows), dtype=np.float64)
    predicted = np.asarray(pipeline.predict(rows), dtype=np.float64)
    return predicted.reshape(len(predicted), -1)


def output_columns(signature: Signature, raw: Floats) -> Outputs:
    """The output columns that the task makes of raw rows, as arrays."""
    task = task_of(signature)
    parts = [
        answer_arrays(signature, task.decide(signature, raw[start : start + CHUNK].tolist()))
        for start in range(0, max(len(raw), 1), CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
