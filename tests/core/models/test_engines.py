"""Engines: their answers are the library's own, and one that differs does not serve."""

from __future__ import annotations

import io
import sys
from typing import Any, cast

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import serving
from pilothouse.models import engine_choice
from pilothouse.models.engine_choice import choose_engine
from pilothouse.models.engines import AnswerEngine, Compute, onnx_runtime
from pilothouse.models.engines.direct import DirectEngine
from pilothouse.models.estimators import Estimator
from pilothouse.models.fitted_estimator import FittedEstimator
from pilothouse.models.formats.pilothouse_pipeline import PipelineModel
from pilothouse.models.probe_rows import UNSEEN, drawn_rows, edge_rows
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.training.columns import FeatureColumns
from pilothouse.training.encoding import LabelledPipeline
from pilothouse.training.trainers import resolve_params, trainers

SIGNATURE = Signature(
    inputs=(
        SignatureField("distance", "number", low=0.0, high=900.0),
        SignatureField("wind", "number", required=False, low=-5.0, high=40.0),
        SignatureField("carrier", "string", required=False, categories=("AA", "B6", "UA")),
        SignatureField("night", "boolean", nullable=True),
        SignatureField("leaves", "time"),
    ),
    target="late",
    classes=("no", "yes"),
    positive="yes",
)
EXAMPLE = [
    {"distance": 3, "wind": None, "carrier": "AA", "night": True, "leaves": 1_700_000_000_000}
]


def pipeline(trainer: str, target: str = "classes") -> Any:
    """A pipeline of a built-in trainer, on columns of every type."""
    draw = np.random.default_rng(2)
    table = {
        "distance": draw.uniform(0, 900, 300),
        "wind": np.where(draw.random(300) < 0.1, np.nan, draw.normal(10, 5, 300)),
        "carrier": draw.choice(["AA", "B6", "UA"], 300),
        "night": draw.random(300) < 0.5,
        "leaves": np.array(1_700_000_000_000 + draw.integers(0, 10**10, 300), "datetime64[ms]"),
    }
    columns = FeatureColumns(("distance", "wind", "night"), ("carrier",), ("leaves",))
    kind = trainers.get(trainer)
    score = table["distance"] + draw.normal(0, 90, 300)
    y = (
        score
        if target == "number"
        else np.digitize(score, [450] if target == "classes" else [300, 600])
    )
    estimator: Any = "regressor" if target == "number" else "classifier"
    model = kind.build(columns, resolve_params(kind, {}), 1, estimator).fit(table, y)
    return (
        model
        if target == "number"
        else LabelledPipeline.of(model, ("no", "yes", "both")[: y.max() + 1])
    )


@pytest.fixture(scope="module")
def models() -> dict[str, PipelineModel]:
    """Every kind of model that `direct` answers for."""
    value = Signature(SIGNATURE.inputs, "late", task="regression", gives="value")
    three = Signature(SIGNATURE.inputs, "late", ("no", "yes", "both"), task="multiclass")
    made = {
        name: PipelineModel(pipeline(name), SIGNATURE)
        for name in ("logistic_regression", "random_forest", "hist_gradient_boosting")
    }
    made["three classes"] = PipelineModel(pipeline("logistic_regression", "three"), three)
    for name in ("ridge", "random_forest", "hist_gradient_boosting"):
        made[f"{name} of a number"] = PipelineModel(pipeline(name, "number"), value)
    return made


def test_built_in_models_are_answered_directly_and_exactly(
    models: dict[str, PipelineModel],
) -> None:
    results = {name: choose_engine(model, EXAMPLE)[1] for name, model in models.items()}
    assert {name: result.engine for name, result in results.items()} == dict.fromkeys(
        models, "direct"
    )
    assert max(result.difference for result in results.values()) == 0.0
    assert min(result.rows for result in results.values()) >= 500


numbers = st.floats(-1e6, 1e6) | st.integers(-1000, 1000).map(float)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(
            numbers,
            numbers | st.none(),
            st.sampled_from(["AA", "UA", "?", "", None]),
            st.booleans() | st.none(),
            st.integers(0, 4_000_000_000_000),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_rows_are_answered_as_by_the_library(
    models: dict[str, PipelineModel], rows: list[tuple[Any, ...]]
) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    for model in models.values():
        compute = DirectEngine.build(model.fitted)
        assert compute is not None
        assert model.rows(compute(columns), len(rows)) == model.predict(columns)


class Wrong:
    """An engine that is a little off for one category only."""

    title, description, order = "Wrong", "Wrong.", 1
    tolerance, is_steady = 1e-9, True

    @staticmethod
    def build(fitted: FittedEstimator) -> Compute:
        library = getattr(fitted.model, fitted.method)

        def compute(columns: Any) -> Any:
            return library(fitted.inputs(columns)) + 1e-6 * (UNSEEN in columns[2])

        return compute


class Raising(Wrong):
    """An engine that cannot be built with this version of a library."""

    @staticmethod
    def build(fitted: FittedEstimator) -> Compute:
        raise AttributeError("there is no such part")


def test_an_engine_that_differs_or_fails_does_not_serve(
    models: dict[str, PipelineModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[str, AnswerEngine]] = [("raising", Raising), ("wrong", Wrong)]
    monkeypatch.setattr(engine_choice, "in_order", lambda: tried)
    model = models["logistic_regression"]
    served, result = choose_engine(model, EXAMPLE)
    assert served is model
    assert result.engine == "library"
    assert result.refused == {
        "raising": "AttributeError: there is no such part",
        "wrong": "an answer differs by 1e-06, more than 1e-09",
    }


def test_an_engine_of_an_extra_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    model = joblib.load(io.BytesIO(serving.trained()))
    _, result = choose_engine(PipelineModel(model, serving.SIGNATURE), serving.EXAMPLE)
    assert result.engine == "library"
    assert "extra `onnx`" in result.refused["onnx_runtime"]


def test_an_answer_near_a_decision_is_left_to_the_library() -> None:
    rows = np.array([[0.5, 0.5], [0.3, 0.7], [0.69995, 0.30005], [0.1, 0.9]])
    assert onnx_runtime._is_near(rows, 0.7).tolist() == [True, True, True, False]
    assert onnx_runtime._is_near(np.array([0.7, 1.0]), 0.7).tolist() == [False, False]


def test_a_reason_is_one_short_line() -> None:
    class Converter:
        @staticmethod
        def build(fitted: FittedEstimator) -> Compute:
            raise ValueError("x" * 10_000 + "\n and more")

    refused: dict[str, str] = {}
    assert (
        engine_choice._built(cast(AnswerEngine, Converter), cast(Any, None), refused, "a") is None
    )
    assert len(refused["a"]) < 300


def test_a_model_fitted_on_a_frame_of_numbers_is_asked_on_arrays() -> None:
    import pandas as pd
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["b", "a"])
    model = make_pipeline(StandardScaler(), SVR()).fit(frame, frame["a"])
    fields = tuple(SignatureField(name, "number") for name in ("a", "b"))
    signature = Signature(fields, "y", task="regression", gives="value")
    library = Estimator(model, signature)
    served, result = choose_engine(library, [])
    assert (result.engine, result.difference) == ("arrays", 0.0)
    assert served.predict([[0.5], [0.1]]) == library.predict([[0.5], [0.1]])


@pytest.mark.parametrize("named", [True, False], ids=["frame", "array"])
def test_the_library_takes_an_array_of_numbers_as_it_takes_lists(named: bool) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    draw = np.random.default_rng(3)
    rows = draw.normal(size=(200, 3))
    names = ["a", "b", "c"]
    fitted: Any = pd.DataFrame(rows, columns=names) if named else rows
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(fitted, rows[:, 0] > 0)
    fields = tuple(SignatureField(name, "number", required=False) for name in names)
    signature = Signature(inputs=fields, target="y", classes=(False, True), positive=True)
    model = PipelineModel(estimator, signature)
    assert model.takes_numbers
    numbers = rows[:20].T.copy()
    numbers[1, 3] = np.nan
    lists = [[None if value != value else value for value in column] for column in numbers.tolist()]
    assert model.predict(numbers) == model.predict(lists)


def test_what_the_library_refuses_is_refused_in_its_words() -> None:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    signature = Signature((SignatureField("a", "number", nullable=True),), "y", task="regression")
    library = Estimator(model, Signature(signature.inputs, "y", task="regression", gives="value"))
    served, result = choose_engine(library, [])
    assert result.engine == "direct"
    messages = []
    for either in (library, served):
        with pytest.raises(ValueError, match="NaN") as refused:
            either.predict([[None]])
        messages.append(str(refused.value))
    assert messages[0] == messages[1]


def test_rows_at_the_edges_hold_every_category_and_every_column_missing() -> None:
    edges = dict(zip(SIGNATURE.names, edge_rows(SIGNATURE, EXAMPLE), strict=True))
    assert {"AA", "B6", "UA", UNSEEN, None} <= set(edges["carrier"])
    assert None in edges["wind"]
    assert None in edges["night"]
    assert None not in edges["distance"]
    assert min(edges["distance"]) < 0.0 < 900.0 < max(edges["distance"])
    assert (edges["wind"][-1], edges["carrier"][-1], edges["night"][-1]) == (None, None, None)
    assert drawn_rows(SIGNATURE, 50, EXAMPLE) == drawn_rows(SIGNATURE, 50, EXAMPLE)
    assert drawn_rows(SIGNATURE, 50, EXAMPLE)[0][0] == 3.0
