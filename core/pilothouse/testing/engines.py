"""Contract of engines: what every plugin of `pilothouse.models.engines` must do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from pilothouse.models.columns import Columns, as_lists
from pilothouse.models.engines import LIBRARY, AnswerEngine, Compute
from pilothouse.models.fitted_estimator import FittedEstimator
from pilothouse.models.signature import Signature, SignatureField

LOOSEST = 1e-4
ROWS = 200


def check_engine(name: str, engine: AnswerEngine) -> None:
    """Raise AssertionError, with what is wrong, unless the engine keeps every promise."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{name!r} is not a name for a plugin"
    assert name != LIBRARY, "the library itself is no engine"
    assert engine.title.strip() == engine.title != "", f"{name} needs a title"
    assert engine.description.endswith("."), f"{name} needs a description: a sentence"
    assert 0 <= engine.tolerance <= LOOSEST, f"{name}: a tolerance of {engine.tolerance:g}"

    # Where it answers, its answers are the library's: of lists and of arrays, and of a single row.
    for fitted in _models():
        try:
            compute = engine.build(fitted)
        except ImportError as absent:  # of an engine that needs an extra, which it names
            if "extra" not in str(absent):
                raise AssertionError(f"{name} does not say which extra it needs") from absent
            return
        if compute is not None:
            _check_answers(name, engine, fitted, compute)

    class Unknown:
        """A model of nobody's library."""

    foreign = FittedEstimator(Unknown(), "predict", _signature(), lambda columns: columns)
    assert engine.build(foreign) is None, f"{name} answers for a model that it cannot know"


def _check_answers(
    name: str, engine: AnswerEngine, fitted: FittedEstimator, compute: Compute
) -> None:
    rows = _rows()
    for part in (rows, rows[:1]):
        columns: Columns = np.ascontiguousarray(part.T)
        own = getattr(fitted.model, fitted.method)(fitted.inputs(as_lists(columns)))
        for form in (columns, as_lists(columns)):
            answer = np.asarray(compute(form))
            assert answer.shape == own.shape, f"{name} gives {answer.shape}, not {own.shape}"
            apart = float(np.abs(answer - own).max())
            assert apart <= engine.tolerance, f"{name} differs by {apart:g}: {fitted.model}"


def _signature() -> Signature:
    return Signature(
        tuple(SignatureField(name, "number") for name in ("a", "b")), task="regression"
    )


def _rows() -> Any:
    return np.random.default_rng(3).normal(size=(ROWS, 2))


def _models() -> list[FittedEstimator]:
    """Models of two numbers, fitted on a frame."""
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = _rows()
    frame = pd.DataFrame(rows, columns=["a", "b"])
    classes, number = (rows[:, 0] > rows[:, 1]).astype(int), rows[:, 0] * 2
    classifiers = [
        make_pipeline(StandardScaler(), LogisticRegression()),
        RandomForestClassifier(5, random_state=0),
        HistGradientBoostingClassifier(max_iter=5),
    ]
    regressors = [make_pipeline(StandardScaler(), Ridge()), KNeighborsRegressor(2)]

    def inputs(columns: Any) -> Any:
        return pd.DataFrame(np.asarray(columns, dtype=np.float64).T, columns=["a", "b"])

    fitted = [(model.fit(frame, classes), "predict_proba") for model in classifiers]
    fitted += [(model.fit(frame, number), "predict") for model in regressors]
    return [FittedEstimator(model, method, _signature(), inputs) for model, method in fitted]
