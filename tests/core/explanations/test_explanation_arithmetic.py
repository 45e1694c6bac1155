"""Explanations equal closed forms and scikit-learn's own figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import partial_dependence, permutation_importance

from pilothouse.explanations.counterfactual import ColumnScale, CounterfactualSearch
from pilothouse.explanations.dependence import dependence, grid_of
from pilothouse.explanations.permuted_columns import permuted_columns
from pilothouse.explanations.shapley import background_rows, shapley_values
from pilothouse.models.signature import SignatureField

RNG = np.random.default_rng(7)
ROWS = pd.DataFrame(RNG.normal(size=(120, 4)), columns=list("abcd"))
FOREST = RandomForestRegressor(20, random_state=0)
TARGET = ROWS["a"] * 2 + ROWS["b"] * ROWS["c"]
FOREST.fit(ROWS, TARGET)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(list(frame[name]), dtype=object) for name in frame})


def forest(frame: pd.DataFrame) -> Any:
    return FOREST.predict(frame.astype(float))


@given(
    weights=st.lists(st.floats(-5, 5), min_size=1, max_size=6),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=20, deadline=None)
def test_of_a_linear_model_the_values_are_the_closed_form(weights: list[float], seed: int) -> None:
    """Value j is w_j (x_j - mean z_j), whatever orders are drawn."""
    rng = np.random.default_rng(seed)
    names = [f"x{i}" for i in range(len(weights))]
    background = pd.DataFrame(rng.normal(size=(9, len(weights))), columns=names)
    row = pd.DataFrame(rng.normal(size=(1, len(weights))), columns=names)

    def predict(frame: pd.DataFrame) -> Any:
        return frame.to_numpy() @ np.array(weights) + 3.0

    result = shapley_values(predict, row, background, rounds=4)
    exact = np.array(weights) * (row.iloc[0] - background.mean()).to_numpy()
    assert list(result.values.values()) == pytest.approx(exact, abs=1e-9)
    assert result.base + sum(result.values.values()) == pytest.approx(result.answer)
    assert max(result.errors.values()) == pytest.approx(0, abs=1e-9)


def test_a_product_is_shared_equally_and_a_column_without_effect_has_nothing() -> None:
    row = pd.DataFrame({"a": [2.0], "b": [3.0], "c": [9.0]})
    background = pd.DataFrame({"a": [0.0], "b": [0.0], "c": [0.0]})
    result = shapley_values(lambda f: (f["a"] * f["b"]).to_numpy(), row, background)
    assert result.values == pytest.approx({"a": 3.0, "b": 3.0, "c": 0.0})


def test_values_of_a_forest_sum_to_the_answer_and_are_near_the_exact_ones() -> None:
    row, background = ROWS.iloc[[3]], ROWS.iloc[10:40].reset_index(drop=True)
    result = shapley_values(forest, row, background)
    assert result.answer == pytest.approx(FOREST.predict(row)[0])
    assert result.base == pytest.approx(FOREST.predict(background).mean())
    assert sum(result.values.values()) == pytest.approx(result.answer - result.base)
    exact = exact_values(row, background)
    for name, value in exact.items():
        assert abs(result.values[name] - value) <= 5 * result.errors[name] + 1e-9, name


def exact_values(row: pd.DataFrame, background: pd.DataFrame) -> dict[str, float]:
    """By the definition, over all subsets of the columns."""
    from itertools import combinations
    from math import factorial

    names = list(row.columns)
    mean: dict[tuple[str, ...], float] = {}
    for size in range(len(names) + 1):
        for chosen in combinations(names, size):
            mixed = background.assign(**{n: row[n].iloc[0] for n in chosen})
            mean[chosen] = float(FOREST.predict(mixed).mean())
    values = {}
    for name in names:
        others = [n for n in names if n != name]
        total = 0.0
        for size in range(len(others) + 1):
            weight = factorial(size) * factorial(len(names) - size - 1) / factorial(len(names))
            for chosen in combinations(others, size):
                with_it = tuple(n for n in names if n in (*chosen, name))
                total += weight * (mean[with_it] - mean[chosen])
        values[name] = total
    return values


def test_a_wide_model_has_fewer_background_rows() -> None:
    assert background_rows(10) == 50
    assert 1 <= background_rows(1_000) < 25


@pytest.mark.parametrize("seed", [0, 5])
def test_permuted_columns_are_those_of_scikit_learn(seed: int) -> None:
    theirs = permutation_importance(FOREST, ROWS, TARGET, n_repeats=4, random_state=seed)
    own = permuted_columns(
        lambda frame: FOREST.score(frame, TARGET), ROWS, list(ROWS.columns), repeats=4, seed=seed
    )
    assert [item.falls for item in own] == [
        pytest.approx(tuple(row)) for row in theirs.importances.tolist()
    ]
    assert [item.mean for item in own] == pytest.approx(list(theirs.importances_mean))
    assert [item.std for item in own] == pytest.approx(list(theirs.importances_std))


def test_dependence_is_that_of_scikit_learn() -> None:
    theirs = partial_dependence(
        FOREST, ROWS, ["b"], grid_resolution=20, method="brute", kind="both"
    )
    field = SignatureField("b", "number")
    grid = grid_of(ROWS["b"], field)
    assert grid == pytest.approx(list(theirs["grid_values"][0]))
    own = dependence(lambda frame: {"predict": forest(frame)}, plain(ROWS), "b", grid)
    assert own.means["predict"] == pytest.approx(tuple(theirs["average"][0]))
    assert own.rows[0] == pytest.approx(tuple(theirs["individual"][0][0]))
    assert len(own.rows) == 20


def test_grids_of_few_values_of_integers_and_of_categories() -> None:
    assert grid_of(pd.Series([3, 1, 1, None], dtype=object), SignatureField("n", "number")) == [
        1,
        3,
    ]
    wide = pd.Series(range(1_000), dtype=object)
    assert all(isinstance(v, int) for v in grid_of(wide, SignatureField("n", "integer")))
    words = pd.Series(["b", "a", "b", None], dtype=object)
    assert grid_of(words, SignatureField("w", "string")) == ["b", "a"]
    assert grid_of(pd.Series([None], dtype=object), SignatureField("w", "string")) == []


FIELDS = {
    "income": SignatureField("income", "number"),
    "age": SignatureField("age", "integer"),
    "plan": SignatureField("plan", "string"),
}
PEOPLE = plain(
    pd.DataFrame(
        {
            "income": RNG.normal(50, 10, 200),
            "age": RNG.integers(20, 60, 200).tolist(),
            "plan": RNG.choice(["basic", "plus"], 200).tolist(),
        }
    )
)


def search(limit: float, allowed: list[str], budget: int = 20_000) -> tuple[Any, Any]:
    """Income of 40, age of 30, basic: the score is income/10 + age/10 + 2 for plus."""

    def judge(frame: pd.DataFrame) -> tuple[Any, Any]:
        income, age = frame["income"].astype(float), frame["age"].astype(float)
        score = (income / 10 + age / 10 + 2.0 * (frame["plan"] == "plus")).to_numpy()
        return score >= limit, score

    row = pd.DataFrame({"income": [40.0], "age": [30], "plan": ["basic"]}, dtype=object)
    own = row.iloc[0].to_dict()
    scales = {n: ColumnScale.of(FIELDS[n], own[n], PEOPLE[n]) for n in allowed}
    made = CounterfactualSearch(row, scales, judge, budget)
    return made, made.nearest(PEOPLE)


def test_the_nearest_change_flips_and_is_as_small_as_the_closed_form() -> None:
    made, nearest = search(7.5, ["income"])
    deviation = float(PEOPLE["income"].astype(float).std(ddof=0))
    assert set(nearest.changes) == {"income"}
    assert nearest.distance == pytest.approx(5 / deviation, rel=0.02)
    assert made.judge(made.rows_of([nearest.changes]))[0][0]
    assert made.answered <= 20_000


def test_it_takes_the_cheapest_columns_and_keeps_integers_whole() -> None:
    _, nearest = search(8.9, ["income", "age", "plan"])
    assert nearest.changes["plan"] == "plus"  # two points for a distance of one
    _, aged = search(8.0, ["age"])
    assert aged.changes == {"age": 40}


def test_none_is_found_where_no_change_reaches_the_goal() -> None:
    made, nearest = search(1_000, ["income", "age", "plan"])
    assert nearest is None
    assert made.answered <= 20_000
    assert search(7.5, ["income"], budget=0)[1] is not None  # background rows are tried still
