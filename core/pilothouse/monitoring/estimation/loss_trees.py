"""A small boosted ensemble of trees as plain arrays, which is stored and read without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.monitoring.distances import Floats

TREES, DEPTH, MIN_LEAF = 25, 4, 50
LEARNING_RATE = 0.15
SEED = 20_130_301
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LossTrees:
    """All nodes of all trees: a row goes left when its feature is at most the threshold.

    `low` and `high` are a node's children; those of a leaf are the leaf itself. A missing value
    goes the way of `missing`. The prediction is `base` and the value of each tree's leaf.
    """

    base: float
    roots: Ints
    feature: Ints
    threshold: Floats
    low: Ints
    high: Ints
    missing: Ints
    value: Floats

    def predict(self, inputs: Floats) -> Floats:
        """The prediction of each row (rows x features, NaN where a value is missing)."""
        rows = np.arange(len(inputs))
        total = np.full(len(inputs), self.base)
        for root in self.roots.tolist():
            node = np.full(len(inputs), root)
            for _ in range(DEPTH):
                x = inputs[rows, self.feature[node]]
                below = np.where(x <= self.threshold[node], self.low[node], self.high[node])
                node = np.where(np.isnan(x), self.missing[node], below)
            total += self.value[node]
        return total

    def to_json(self) -> dict[str, Any]:
        """Plain values that `trees_from_json` reads back."""
        arrays = {name: getattr(self, name).tolist() for name in ARRAYS}
        return {"base": self.base, **arrays}


ARRAYS: Mapping[str, type] = {
    **dict.fromkeys(("roots", "feature", "low", "high", "missing"), np.int64),
    **dict.fromkeys(("threshold", "value"), np.float64),
}


def trees_from_json(value: Mapping[str, Any]) -> LossTrees:
    """The trees that `to_json` wrote."""
    arrays: Any = {name: np.asarray(value[name], kind) for name, kind in ARRAYS.items()}
    return LossTrees(base=value["base"], **arrays)


def fit_trees(inputs: Floats, target: Floats) -> LossTrees:
    """Trees that predict the mean of a target; those of scikit-learn as plain arrays."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=TREES,
        max_depth=DEPTH,
        max_leaf_nodes=2**DEPTH,
        min_samples_leaf=MIN_LEAF,
        learning_rate=LEARNING_RATE,
        early_stopping=False,
        random_state=SEED,
    ).fit(inputs, target)
    # There is no public way to a fitted ensemble's nodes; a test holds our predictions to the
    # model's own.
    nodes = [stage[0].nodes for stage in model._predictors]
    starts = np.cumsum([0, *map(len, nodes)])[:-1]
    return _joined(float(np.ravel(model._baseline_prediction)[0]), nodes, starts)


def _joined(base: float, nodes: list[Any], starts: Ints) -> LossTrees:
    everything = np.concatenate(nodes)
    offset = np.repeat(starts, [len(tree) for tree in nodes])
    is_leaf = everything["is_leaf"].astype(bool)
    itself = np.arange(len(everything))
    low = np.where(is_leaf, itself, everything["left"].astype(np.int64) + offset)
    high = np.where(is_leaf, itself, everything["right"].astype(np.int64) + offset)
    return LossTrees(
        base=base,
        roots=np.asarray(starts, dtype=np.int64),
        feature=np.where(is_leaf, 0, everything["feature_idx"]).astype(np.int64),
        # JSON has no infinity, and a threshold of a missing value's own split may be one.
        threshold=np.nan_to_num(np.where(is_leaf, 0.0, everything["num_threshold"])),
        low=low,
        high=high,
        missing=np.where(everything["missing_go_to_left"].astype(bool), low, high),
        value=np.where(is_leaf, everything["value"], 0.0),
    )
