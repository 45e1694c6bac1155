"""A contract lets the same kind of data pass and tells what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pilothouse.data import samples
from pilothouse.kit.errors import Invalid
from pilothouse.workspace import Workspace

ROWS = 1000


def good() -> pd.DataFrame:
    draw = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "price": draw.normal(50, 10, ROWS),
            "count": draw.integers(0, 9, ROWS),
            "gap": np.where(draw.random(ROWS) < 0.1, np.nan, draw.random(ROWS)),
            "place": draw.choice(["EWR", "JFK", "LGA"], ROWS),
            "id": [f"id-{at}" for at in range(ROWS)],
            "flag": draw.random(ROWS) < 0.5,
            "at": pd.date_range("2013-01-01", periods=ROWS, freq="h", tz="UTC"),
        }
    )


@pytest.fixture
def goods(workspace: Workspace) -> Workspace:
    workspace.data.register("goods", good())
    return workspace


def test_the_data_itself_passes(goods: Workspace) -> None:
    report = goods.data.check("goods", goods.data.frame("goods"))
    assert report.ok
    assert report.rows == ROWS
    assert report.failures.empty
    assert report.checks.empty


def test_the_contract_says_what_was_seen(goods: Workspace) -> None:
    contract = goods.data.contract("goods@1")
    rules = {rule.column: rule for rule in contract.rules}
    assert list(rules) == list(good().columns)
    assert rules["place"].categories == ("EWR", "JFK", "LGA")
    assert rules["id"].categories is None
    assert rules["gap"].nullable
    assert not rules["price"].nullable
    assert (rules["count"].low, rules["count"].high) == (0, 16)
    assert rules["at"].type == "time"
    assert contract.pandera["schema_type"] == "dataframe"
    assert len(contract.frame()) == len(rules)


BROKEN: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str, str]] = {
    "a column is gone": (lambda f: f.drop(columns="price"), "price", "present"),
    "texts for numbers": (lambda f: f.assign(price="a lot"), "price", "type"),
    "halves for wholes": (lambda f: f.assign(count=f["count"] + 0.5), "count", "type"),
    "mixed": (lambda f: f.assign(price=["x", *range(ROWS - 1)]), "price", "type"),
    "missing": (lambda f: f.assign(price=f["price"].where(f.index > 99)), "price", "not missing"),
    "other unit": (lambda f: f.assign(price=f["price"] * 100), "price", "range"),
    "below zero": (lambda f: f.assign(count=-1 - f["count"]), "count", "range"),
    "new place": (
        lambda f: f.assign(place=f["place"].where(f.index > 99, "BOS")),
        "place",
        "category",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_feed_is_told(goods: Workspace, what: str) -> None:
    breaking, column, check = BROKEN[what]
    report = goods.data.check("goods", breaking(good()))
    assert not report.ok
    assert column in report.message
    assert [tuple(row) for row in report.checks[["column", "check"]].to_numpy()] == [
        (column, check)
    ]
    assert set(report.failures["column"]) == {column}


def test_failures_name_value_and_row(goods: Workspace) -> None:
    frame = good()
    frame.loc[[3, 5], "place"] = ["BOS", "ORD"]
    report = goods.data.check("goods", frame)
    assert report.failures.to_dict("records") == [
        {"column": "place", "check": "category", "value": "BOS", "row": 3},
        {"column": "place", "check": "category", "value": "ORD", "row": 5},
    ]
    assert report.ok, "two rows of a thousand are within the tolerance"
    assert report.checks["failing"].tolist() == [2]


def test_other_spellings_of_the_same_types_pass(goods: Workspace) -> None:
    frame = good().astype({"count": "float32", "price": "float32", "place": "category"})
    assert goods.data.check("goods", frame.assign(more=1)).ok
    assert goods.data.check("goods", good().assign(gap=None)).ok
    assert goods.data.check("goods", good().assign(price=50)).ok


def test_some_columns_can_be_checked_alone(goods: Workspace) -> None:
    frame = good()[["price"]]
    assert goods.data.check("goods", frame, columns=["price"]).ok
    assert not goods.data.check("goods", frame).ok
    with pytest.raises(Invalid, match="says nothing of weight"):
        goods.data.check("goods", frame, columns=["weight"])


def test_the_winter_contract_of_the_flights_holds_all_year(workspace: Workspace) -> None:
    flights = pd.read_parquet(samples.flights())
    features = list(samples.FLIGHT_FEATURES)
    workspace.data.register("winter", flights[flights["month"] <= 2])
    report = workspace.data.check("winter", flights[features], columns=features)
    assert report.ok, report.message
