"""The last step of a pipeline, as numpy and the library's own compiled trees compute it.

Each function takes a finite matrix (gradient boosting takes NaN too) and returns what the named
method of the model returns for it. A model that is not known here is asked itself, on the matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.models.numpy_steps import Matrix, step_of

Answer = Callable[[Matrix], npt.NDArray[Any]]
LINEAR_REGRESSORS = ("LinearRegression", "Ridge", "Lasso", "ElasticNet", "RidgeCV", "LassoCV")
TREES = ("DecisionTreeClassifier", "DecisionTreeRegressor")
FORESTS = ("RandomForestClassifier", "ExtraTreesClassifier")
FOREST_REGRESSORS = ("RandomForestRegressor", "ExtraTreesRegressor")
BOOSTING = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


@dataclass(frozen=True)
class NumpyModel:
    """What answers a matrix, and whether it answers rows with missing values."""

    answer: Answer
    takes_missing: bool = False


def model_of(model: Any, method: str, *, is_sparse: bool) -> NumpyModel | None:
    """A fitted estimator's method on a matrix; None when it is not known here.

    `is_sparse` says that the library would be given a sparse matrix.
    """
    kind = type(model)
    if not kind.__module__.startswith("sklearn."):
        return None
    name = kind.__name__
    if name == "LogisticRegression" and method == "predict_proba":
        return _logistic(model, is_sparse)
    if name in LINEAR_REGRESSORS and method == "predict":
        return NumpyModel(_linear(model, is_sparse))
    if is_sparse:
        return None
    if name in (*FORESTS, *FOREST_REGRESSORS, *TREES):
        return _trees(model, name, method)
    return _boosting(model, method) if name in BOOSTING else None


def _linear(model: Any, is_sparse: bool) -> Answer:
    """Products added up as the library does: by BLAS, or in the order of a sparse row."""
    weights = np.asarray(model.coef_).T
    intercept = model.intercept_

    def answer(rows: Matrix) -> npt.NDArray[Any]:
        if not is_sparse:
            return np.asarray(rows @ weights + intercept)
        if weights.ndim == 1:
            return np.asarray(np.cumsum(rows * weights, axis=1)[:, -1] + intercept)
        sums = [np.cumsum(rows * column, axis=1)[:, -1] for column in weights.T]
        return np.asarray(np.stack(sums, axis=1) + intercept)

    return answer


def _logistic(model: Any, is_sparse: bool) -> NumpyModel:
    decide = _linear(model, is_sparse)
    if len(model.classes_) > 2:
        return NumpyModel(lambda rows: _softmax(decide(rows)))
    from scipy.special import expit

    def answer(rows: Matrix) -> npt.NDArray[Any]:
        probability = expit(decide(rows)[:, 0])
        result = np.empty((len(rows), 2))
        result[:, 0], result[:, 1] = 1 - probability, probability
        return result

    return NumpyModel(answer)


def _softmax(decisions: npt.NDArray[Any]) -> npt.NDArray[Any]:
    decisions = decisions - np.max(decisions, axis=1).reshape((-1, 1))
    powers = np.exp(decisions)
    return np.asarray(powers / np.sum(powers, axis=1).reshape((-1, 1)))


def _trees(model: Any, name: str, method: str) -> NumpyModel | None:
    """The mean of the trees' own answers, added up one after the other."""
    if (method == "predict_proba") != name.endswith("Classifier") or model.n_outputs_ != 1:
        return None
    is_one = name in TREES
    trees = [model.tree_] if is_one else [part.tree_ for part in model.estimators_]
    width = int(model.n_classes_) if method == "predict_proba" else 1
    ask = [tree.predict for tree in trees]

    def answer(rows: Matrix) -> npt.NDArray[Any]:
        single = np.ascontiguousarray(rows, dtype=np.float32)
        total = np.zeros((len(rows), width))
        for predict in ask:
            total += predict(single)[:, :width]
        if not is_one:
            total /= len(ask)
        return total if method == "predict_proba" else total[:, 0]

    return NumpyModel(answer)


def _boosting(model: Any, method: str) -> NumpyModel | None:
    """The sum of the trees' values, then the loss's own link."""
    is_classifier = method == "predict_proba"
    if is_classifier != hasattr(model, "classes_"):
        return None
    before = None
    if (encoder := getattr(model, "_preprocessor", None)) is not None:
        if (step := step_of(encoder)) is None:
            return None
        before = step.transform
    bitsets, positions = model._bin_mapper.make_known_categories_bitsets()
    trees = [[tree.predict for tree in iteration] for iteration in model._predictors]
    baseline, loss = model._baseline_prediction, model._loss

    def answer(rows: Matrix) -> npt.NDArray[Any]:
        rows = np.ascontiguousarray(rows if before is None else before(rows), dtype=np.float64)
        raw = np.zeros((len(rows), len(trees[0])), dtype=baseline.dtype, order="F")
        raw += baseline
        for iteration in trees:
            for position, predict in enumerate(iteration):
                raw[:, position] += predict(rows, bitsets, positions, 1)
        if is_classifier:
            return np.asarray(loss.predict_proba(raw))
        return np.asarray(loss.link.inverse(raw.ravel()))

    return NumpyModel(answer, takes_missing=True)
