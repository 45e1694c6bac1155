"""How much each column alone says of a target: the skill of a small tree on rows it has not seen.

Of a number, the share of its variance that the tree explains (R squared); of a category, the share
of its entropy (1 - log loss / entropy). Both are 0 for a column that says nothing, and 1 for one
that says everything; a column of almost 1 most likely is the target in another form, or is known
only after it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pilothouse.data.exploration.column_values import ColumnValues, Floats

FOLDS, LEAVES, LEAF_ROWS = 3, 16, 10
SUSPICIOUS = 0.95  # skill of a single column that is seldom an honest one
MIN_ROWS = 60


@dataclass(frozen=True)
class TargetRelation:
    """How much a column alone says of the target: its skill from 0 to 1, on so many rows.

    Missing values of the column are a value like any other. The skill is NaN of too few rows.
    """

    column: str
    skill: float
    rows: int

    @property
    def is_suspicious(self) -> bool:
        """Whether it says almost everything of the target."""
        return self.skill >= SUSPICIOUS


def target_relations(target: str, columns: Mapping[str, ColumnValues]) -> list[TargetRelation]:
    """The skill of each other column, the best first."""
    goal = columns[target]
    relations = [
        target_relation(goal, column) for name, column in columns.items() if name != target
    ]
    return sorted(relations, key=lambda relation: (math.isnan(relation.skill), -relation.skill))


def target_relation(target: ColumnValues, column: ColumnValues) -> TargetRelation:
    """The skill of one column for the rows that have a target."""
    rows = target.present
    count = int(rows.sum())
    skill = math.nan
    if count >= MIN_ROWS:
        inputs = _inputs(column, rows)
        measured = _explained if target.kind == "number" else _informed
        skill = max(0.0, measured(inputs, target.values[rows]))
    return TargetRelation(column.name, skill, count)


def _inputs(column: ColumnValues, rows: np.ndarray) -> Floats:
    """A number as it is; a category as one column of 0 and 1 a value. The tree takes NaN."""
    values: Floats = column.values[rows].reshape(-1, 1)
    if column.kind == "number":
        return values
    is_category: Floats = (values == np.arange(column.categories)).astype(np.float64)
    return is_category


def _explained(inputs: Floats, target: Floats) -> float:
    """The share of the variance that is explained on held-out folds."""
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeRegressor

    total = float(((target - target.mean()) ** 2).sum())
    if total == 0:
        return math.nan
    tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS, random_state=0)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(tree, inputs, target, cv=folds)
    return 1 - float(((target - predicted) ** 2).sum()) / total


def _informed(inputs: Floats, target: Floats) -> float:
    """The share of the entropy that is explained on held-out folds; rare classes are one."""
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    labels, codes, counts = np.unique(target, return_inverse=True, return_counts=True)
    codes = np.where(counts[codes] < FOLDS, -1, codes)
    labels, counts = np.unique(codes, return_counts=True)
    if counts.min() < FOLDS:  # the one row or two of the rare classes
        keep = np.isin(codes, labels[counts >= FOLDS])
        inputs, codes = inputs[keep], codes[keep]
        labels, counts = np.unique(codes, return_counts=True)
    if len(labels) < 2:
        return math.nan
    shares = counts / counts.sum()
    entropy = float(-(shares * np.log(shares)).sum())
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS, random_state=0)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    chances = cross_val_predict(tree, inputs, codes, cv=folds, method="predict_proba")
    # A leaf of one class is never certain: as many pseudo-rows as one row of each class.
    smoothed = (chances * LEAF_ROWS + shares) / (LEAF_ROWS + 1)
    return 1 - float(log_loss(codes, smoothed, labels=labels)) / entropy
