"""What every trainer promises, whoever brought it."""

from __future__ import annotations

import io
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.signature import Signature
from pilothouse.training.encoding import Encoder
from pilothouse.training.importance import AnsweredRows, importance
from pilothouse.training.search import Search
from pilothouse.training.trainers import (
    FeatureColumns,
    Hyperparameter,
    Trainer,
    is_installed,
    resolve_params,
    trainers,
)

TWO_CLASSES = Signature((), "y", (0, 1), 1)
COLUMNS = FeatureColumns(("size", "old", "count"), ("colour", "kind"))


def rows(count: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", "blue"], count),
            "size": rng.normal(size=count),
            "old": rng.choice(np.array([True, False, None], dtype=object), count),
            "count": pd.array(rng.integers(0, 9, count), dtype="Int64"),
            "kind": rng.choice([f"k{i}" for i in range(300)], count),
        }
    )
    chance = 1 / (1 + np.exp(-2 * frame["size"] - 2 * (frame["colour"] == "red")))
    y = (rng.uniform(size=count) < chance).astype(np.int8)
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "colour"] = None
    frame.loc[::11, "count"] = pd.NA
    return frame, y.to_numpy() if hasattr(y, "to_numpy") else y


CLASSIFIERS = [
    name
    for name, trainer in trainers.items()
    if "classifier" in trainer.estimators and not trainer.is_baseline and is_installed(trainer)
]


@pytest.fixture(params=CLASSIFIERS)
def trainer(request: pytest.FixtureRequest) -> Trainer:
    return trainers.get(request.param)


def test_it_learns_from_missing_values_and_answers_for_what_it_never_saw(trainer: Trainer) -> None:
    frame, y = rows(1500)
    model = trainer.build(COLUMNS, resolve_params(trainer, {}), 0).fit(frame, y)
    unseen, truth = rows(500, seed=1)
    unseen.loc[:20, "colour"] = "ultraviolet"
    score = model.predict_proba(unseen)[:, 1]
    assert np.isfinite(score).all()
    assert score[truth == 1].mean() > score[truth == 0].mean() + 0.1


def test_it_answers_the_same_from_plain_lists_and_in_any_column_order(trainer: Trainer) -> None:
    frame, y = rows(600)
    model = trainer.build(COLUMNS, resolve_params(trainer, {}), 0).fit(frame, y)
    plain = {
        name: [None if pd.isna(value) else value for value in frame[name]]
        for name in reversed(frame.columns)
    }
    np.testing.assert_allclose(model.predict_proba(plain), model.predict_proba(frame))


def test_the_same_seed_makes_the_same_model(trainer: Trainer) -> None:
    frame, y = rows(600)
    params = resolve_params(trainer, {})
    one, two = (trainer.build(COLUMNS, params, 5).fit(frame, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(frame), two.predict_proba(frame))


def test_its_defaults_lie_in_its_space_and_a_search_starts_there(trainer: Trainer) -> None:
    params = resolve_params(trainer, {})
    assert params == {hyper.name: hyper.default for hyper in trainer.parameters}
    assert Search(trainer, params, "higher", 0).suggest(1) == [params]


def test_it_is_read_back_without_pandas(trainer: Trainer) -> None:
    frame, y = rows(300)
    buffer = io.BytesIO()
    joblib.dump(trainer.build(COLUMNS, resolve_params(trainer, {}), 0).fit(frame, y), buffer)
    program = """
import io, sys
class NoPandas:
    def find_spec(self, name, *rest):
        if name == "pandas":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoPandas())
import joblib
model = joblib.load(io.BytesIO(sys.stdin.buffer.read()))
row = {"size": [None], "old": [True], "count": [3], "colour": ["red"], "kind": ["x"]}
assert model.predict_proba(row).shape == (1, 2)
assert not {"pandas", "optuna", "sqlmodel"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], input=buffer.getvalue(), check=True)


def test_a_column_that_is_all_missing_in_training_does_no_harm(trainer: Trainer) -> None:
    frame, y = rows(300)
    frame = frame.assign(size=np.nan, colour=None)
    model = trainer.build(COLUMNS, resolve_params(trainer, {}), 0).fit(frame, y)
    assert np.isfinite(model.predict_proba(frame)).all()


def test_importance_puts_the_columns_that_matter_first(trainer: Trainer) -> None:
    frame, y = rows(1500)
    model = trainer.build(COLUMNS, resolve_params(trainer, {}), 0).fit(frame, y)
    part = AnsweredRows(model, frame, y.astype(float))
    ranking = importance([part], COLUMNS, TWO_CLASSES, 0)
    assert set(ranking["column"][:2]) == {"size", "colour"} or ranking["column"][0] == "size"
    assert sorted(ranking["column"]) == sorted(COLUMNS.names)
    assert ranking["importance"] == sorted(ranking["importance"], reverse=True)


def test_more_categories_than_codes_keeps_the_most_frequent() -> None:
    frame = pd.DataFrame({"kind": [f"k{i}" for i in range(300)] * 2 + ["often"] * 5})
    encoder = Encoder((), ("kind",)).fit(frame)
    assert len(encoder.categories_of("kind")) == 254
    assert encoder.categories_of("kind")[0] == "often"
    codes = encoder.transform(frame)[:, 0]
    assert np.nanmax(codes) == 253
    assert np.isnan(codes).sum() == 2 * (301 - 254)


def test_what_is_infinite_or_unknown_is_missing() -> None:
    encoder = Encoder(("size",), ("colour",)).fit({"size": [1.0], "colour": ["red"]})
    matrix = encoder.transform({"size": [np.inf, 2], "colour": ["blue", None]})
    assert np.isnan(matrix).tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize(
    ("hyper", "value", "message"),
    [
        (Hyperparameter("depth", "integer", 3, 1, 9), 2.5, "whole number"),
        (Hyperparameter("depth", "integer", 3, 1, 9), 10, "between 1 and 9"),
        (Hyperparameter("rate", "number", 0.1, 0.01, 1), "fast", "a number"),
        (Hyperparameter("rate", "number", 0.1, 0.01, 1), float("nan"), "between"),
        (Hyperparameter("kind", "choice", "a", choices=("a", "b")), "c", "one of a, b"),
    ],
)
def test_a_value_outside_the_space_is_named(
    hyper: Hyperparameter, value: object, message: str
) -> None:
    with pytest.raises(Invalid, match=message) as refusal:
        hyper.read(value)
    assert list(refusal.value.fields) == [f"params.{hyper.name}"]


def test_values_take_the_type_of_their_parameter() -> None:
    assert repr(Hyperparameter("depth", "integer", 3, 1, 9).read("4")) == "4"
    assert repr(Hyperparameter("rate", "number", 0.1, 0.01, 1).read(1)) == "1.0"


def test_an_unknown_parameter_and_an_unknown_trainer_list_the_known_ones() -> None:
    with pytest.raises(Invalid, match="learning_rate"):
        resolve_params(trainers.get("hist_gradient_boosting"), {"depth": 3})
    with pytest.raises(NotFound, match="random_forest"):
        trainers.get("oracle")


def test_a_search_told_the_same_answers_asks_the_same_questions() -> None:
    trainer = trainers.get("random_forest")
    suggested = []
    for _ in range(2):
        search = Search(trainer, resolve_params(trainer, {}), "lower", 4)
        proposals = []
        for value in (3.0, 1.0, 2.0, 5.0):
            proposals += search.suggest(1)
            search.report(value)
        assert search.best == 1
        suggested.append(proposals)
    assert suggested[0] == suggested[1]
    for proposal in suggested[0]:
        assert resolve_params(trainer, proposal) == proposal
