"""Predictions and late labels as Arize's tabular schema has them: Parquet files and their schema.

Arize joins labels to predictions by id, whenever they come, so that they are files of their own.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of
from pilothouse.monitoring.evidently_report import (
    ANSWER,
    PREDICTION,
    TARGET,
    column_kinds,
)

if TYPE_CHECKING:
    import pandas as pd

ID, TIME, LABEL, SCORE = "prediction_id", "timestamp", "prediction_label", "prediction_score"
ACTUAL = "actual_label"
OWN = frozenset({ID, TIME, LABEL, SCORE, ACTUAL})


def refusal(frame: pd.DataFrame) -> str:
    """Why rows have no place in the schema, as a clause; empty when they have."""
    if TARGET in frame:
        return ""
    return "its answers are neither a number nor one class"


def model_type(signature: Signature) -> str:
    """Arize's name for what the model answers."""
    task = task_of(signature)
    if not task.has_classes:
        return "REGRESSION"
    return "BINARY_CLASSIFICATION" if task.has_threshold else "SCORE_CATEGORICAL"


def files_of(
    frame: pd.DataFrame, signature: Signature, model: str, version: int
) -> dict[str, bytes]:
    """The files of one version's rows: `report_frame` with their ids and times in seconds."""
    predictions, features = _predictions(frame, signature)
    actuals = _actuals(frame, signature)
    score = {"prediction_score_column_name": SCORE} if SCORE in predictions else {}
    description: dict[str, Any] = {
        "model_name": model,
        "model_version": str(version),
        "model_type": model_type(signature),
        "environment": "PRODUCTION",
        "predictions": {
            "prediction_id_column_name": ID,
            "timestamp_column_name": TIME,
            "feature_column_names": features,
            "prediction_label_column_name": LABEL,
            **score,
        },
    }
    files = {"predictions.parquet": _parquet(predictions)}
    if len(actuals):
        description["actuals"] = {
            "prediction_id_column_name": ID,
            "actual_label_column_name": ACTUAL,
        }
        files["actuals.parquet"] = _parquet(actuals)
    files["schema.json"] = (json.dumps(description, indent=2) + "\n").encode()
    return files


def _predictions(frame: pd.DataFrame, signature: Signature) -> tuple[pd.DataFrame, list[str]]:
    """Ids, times, answers and inputs; and the names of the inputs."""
    import pandas as pd

    task = task_of(signature)
    columns: dict[str, Any] = {ID: frame[ID].astype(str), TIME: frame[TIME].astype("int64")}
    kind: Any = str if task.has_classes else "float64"
    columns[LABEL] = frame[ANSWER].astype(kind)
    if task.has_threshold:
        columns[SCORE] = frame[PREDICTION + task.columns(signature)[0].name].astype("float64")
    features = {}
    for name, kind in column_kinds(signature).items():
        if name in frame and not name.startswith(PREDICTION):
            column = frame[name]
            features[_free_name(name)] = (
                pd.to_numeric(column, errors="coerce").astype("float64")
                if kind == "number"
                else column.astype("string").astype(object)
            )
    return pd.DataFrame({**columns, **features}), list(features)


def _actuals(frame: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """The labels that have come, by the id of their prediction."""
    labelled = frame[frame[TARGET].notna()]
    kind: Any = str if task_of(signature).has_classes else "float64"
    return labelled[[ID]].astype(str).assign(**{ACTUAL: labelled[TARGET].astype(kind)})


def _free_name(name: str) -> str:
    return f"{name}_input" if name in OWN else name


def _parquet(frame: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.to_parquet(content, index=False)
    return content.getvalue()
