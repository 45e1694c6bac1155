"""Permutation importance: how much worse a model ranks once a column is shuffled.

The measure is Breiman's (Random Forests, 2001), with ROC AUC as the score. It is computed on the
encoded matrix, so that a feature is encoded once and not once per shuffle. The columns that come
from one feature are shuffled together. It runs in child processes only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from pilothouse.training.columns import FeatureColumns
from pilothouse.training.splits import Labels, thin

ROWS = 2_000
REPEATS = 3


def importance(
    pipeline: Pipeline, columns: FeatureColumns, rows: Any, y: Labels, seed: int
) -> dict[str, list[Any]]:
    """Mean and deviation of the loss in ROC AUC per feature, the largest first.

    `pipeline` is a fitted one whose first step makes the matrix whose columns `columns` describes.
    """
    sample = thin(len(y), ROWS, seed)
    y = y[sample]
    matrix = pipeline[0].transform(rows.iloc[sample])
    model = pipeline[1:]

    whole = roc_auc_score(y, model.predict_proba(matrix)[:, 1])

    rng = np.random.default_rng(seed)
    sources = np.array(columns.sources, dtype=object)
    groups = [np.flatnonzero(sources == name) for name in columns.names]
    losses = np.array([whole - _shuffled(model, matrix, y, group, rng) for group in groups])

    order = np.argsort(-losses.mean(axis=1), kind="stable")
    return {
        "column": [columns.names[index] for index in order],
        "importance": losses.mean(axis=1)[order].tolist(),
        "std": losses.std(axis=1)[order].tolist(),
    }


def _shuffled(
    model: Pipeline,
    matrix: npt.NDArray[np.float64],
    y: Labels,
    group: npt.NDArray[np.intp],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """ROC AUC of each shuffle of one feature's columns; one call scores them all."""
    trials = np.tile(matrix, (REPEATS, 1))
    shuffles = [rng.permutation(matrix[:, group]) for _ in range(REPEATS)]
    trials[:, group] = np.concatenate(shuffles)
    scores = model.predict_proba(trials)[:, 1].reshape(REPEATS, -1)
    return np.array([roc_auc_score(y, score) for score in scores])
