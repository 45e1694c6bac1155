"""Explorations: measures against other libraries and by hand, and frames of any kind."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import contingency, spearmanr

from pilothouse.data.exploration.associations import correlation_ratio, cramers_v, spearman
from pilothouse.data.exploration.explore import SAMPLED_ROWS, explore
from pilothouse.data.schema import Column
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.workspace import Workspace

DRAW = np.random.default_rng(5)
ROWS = 600
NUMBER = DRAW.normal(size=ROWS)
SHOP = np.where(NUMBER > 0.3, "north", np.where(NUMBER < -0.4, "south", "middle"))
FRAME = pd.DataFrame(
    {
        "number": NUMBER,
        "double": 2 * NUMBER + 1,
        "noise": DRAW.normal(size=ROWS),
        "shop": SHOP,
        "coin": DRAW.random(ROWS) < 0.5,
        "one": 1.0,
        "name": [f"customer {at}" for at in range(ROWS)],
        "day": pd.date_range("2024-01-01", periods=ROWS, tz="UTC"),
    }
)
SCHEMA = tuple(
    Column(name, kind, nullable=True)
    for name, kind in {
        "number": "number", "double": "number", "noise": "number", "shop": "string",
        "coin": "boolean", "one": "number", "name": "string", "day": "time",
    }.items()
)  # fmt: skip


def strength(left: str, right: str, frame: pd.DataFrame = FRAME) -> float:
    pairs = {frozenset((p.left, p.right)): p for p in explore(frame, SCHEMA).associations}
    return pairs[frozenset((left, right))].strength


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=40))
def test_spearman_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    ours = spearman(left, right)
    if left.min() == left.max() or right.min() == right.max():
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(spearmanr(left, right).statistic, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=30, max_size=200))
@settings(deadline=None)
def test_cramers_v_is_that_of_scipy_before_its_correction(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    ours = cramers_v(left, right)
    table = pd.crosstab(left, right).to_numpy()
    if min(table.shape) < 2:
        assert math.isnan(ours)
        return
    biased = contingency.association(table, method="cramer", correction=False)
    n, (r, k) = len(pairs), table.shape
    phi2 = biased**2 * (min(r, k) - 1)
    corrected = max(0.0, phi2 - (r - 1) * (k - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    assert ours == pytest.approx(min(1.0, math.sqrt(corrected / least)), abs=1e-9)


def test_the_correlation_ratio_by_hand() -> None:
    numbers, groups = np.array([1.0, 2, 3, 4, 5, 6]), np.array([0.0, 0, 0, 1, 1, 1])
    # Ranks are the numbers: total 17.5, within 2 + 2, so 1 - 5/4 * 4/17.5.
    assert correlation_ratio(numbers, groups) == pytest.approx(math.sqrt(1 - 5 / 4 * 4 / 17.5))


def test_what_belongs_together_is_strong_and_chance_is_weak() -> None:
    assert strength("number", "double") == pytest.approx(1.0)
    assert strength("number", "shop") > 0.85
    assert abs(strength("number", "noise")) < 0.15
    assert strength("shop", "coin") < 0.15
    assert strength("noise", "coin") < 0.15


def test_constants_and_names_are_left_out() -> None:
    assert explore(FRAME, SCHEMA).left_out == ("one", "name")


def test_a_target_names_what_gives_it_away() -> None:
    relations = {r.column: r for r in explore(FRAME, SCHEMA, target="shop").relations}
    assert list(relations)[:2] in (["number", "double"], ["double", "number"])
    assert relations["number"].skill > 0.8
    assert relations["noise"].skill < 0.05
    of_number = {r.column: r for r in explore(FRAME, SCHEMA, target="number").relations}
    assert of_number["double"].is_suspicious
    assert not of_number["coin"].is_suspicious
    assert of_number["coin"].skill < 0.05


def test_a_target_has_to_be_one() -> None:
    with pytest.raises(Invalid, match="constant"):
        explore(FRAME, SCHEMA, target="one")
    with pytest.raises(NotFound, match="no column 'price'"):
        explore(FRAME, SCHEMA, target="price")


def test_outliers_and_the_row_that_has_them() -> None:
    frame = FRAME.copy()
    frame.loc[17, ["number", "double", "noise"]] = [40.0, -90.0, 55.0]
    explored = explore(frame, SCHEMA)
    noise = next(column for column in explored.outliers if column.column == "noise")
    first, third = np.quantile(frame["noise"], (0.25, 0.75))
    assert noise.far == 1
    assert noise.high == pytest.approx(third + 3 * (third - first))
    assert noise.highest == 55.0
    assert explored.unusual_rows[0].position == 17


def test_columns_that_are_missing_together() -> None:
    frame = FRAME.copy()
    frame.loc[:99, ["number", "shop"]] = None
    frame.loc[100:149, "noise"] = None
    patterns = {p.columns: p.rows for p in explore(frame, SCHEMA).missing}
    assert patterns == {(): 450, ("number", "shop"): 100, ("noise",): 50}


def test_a_large_version_is_sampled_the_same_way_each_time() -> None:
    frame = pd.concat([FRAME] * 10, ignore_index=True)
    explored = explore(frame, SCHEMA)
    assert (explored.rows, explored.sampled) == (6_000, SAMPLED_ROWS)
    assert explored == explore(frame, SCHEMA)


@pytest.mark.parametrize("rows", [0, 1, 19, 60])
def test_few_rows_and_nothing_but_missing_values_are_explored_too(rows: int) -> None:
    frame = FRAME.head(rows).assign(noise=np.nan, shop=None)
    explored = explore(frame, SCHEMA, columns=["number", "double", "noise"])
    assert explored.sampled == rows
    assert {"noise", "shop"} <= set(explored.left_out)


def test_masks_take_values_and_leave_counts(workspace: Workspace) -> None:
    workspace.data.register("people", FRAME.assign(day=FRAME["day"].dt.tz_localize(None)))
    workspace.data.mark_personal("people", "noise", "identifier", reason="a test")
    masked = workspace.data.masked().explore("people")
    true = {column.column: column for column in workspace.data.explore("people").outliers}
    noise = next(column for column in masked.outliers if column.column == "noise")
    assert (noise.low, noise.high, noise.lowest, noise.highest) == (None,) * 4
    assert noise.outside == true["noise"].outside
    assert true["noise"].lowest is not None
    rows = workspace.data.masked().rows_at("people", [3, 1])
    assert rows["number"].tolist() == FRAME["number"].iloc[[3, 1]].tolist()
    assert set(rows["noise"]) == {"\u2022" * 5}
