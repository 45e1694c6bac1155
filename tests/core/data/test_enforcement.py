"""A contract decides about new versions; it can be edited, and data can be accepted into it."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pilothouse.data import ContractBreach, ContractRule
from pilothouse.data.contracts.contract import to_pandera
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.pipelines.retraining import check_contract
from pilothouse.workspace import Workspace

ROWS = 400


def sales(seed: int = 1, **columns: Any) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS) + seed * ROWS,
            "town": draw.choice(["Bonn", "Cork", "Oslo"], ROWS),
            "price": draw.normal(50, 10, ROWS),
            "late": draw.integers(0, 2, ROWS),
        }
    )
    return frame.assign(**columns)


def with_new_town(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(town=frame["town"].where(frame.index % 5 > 0, "Dublin"))


@pytest.fixture
def registered(workspace: Workspace) -> Workspace:
    workspace.data.register("sales", sales())
    return workspace


WRONG: dict[str, tuple[pd.DataFrame, str]] = {
    "another table": (pd.DataFrame({"x": range(9)}), "price: is not there"),
    "a column less": (sales(2).drop(columns="town"), "town: is not there"),
    "text for numbers": (sales(2, price="much"), "price: is not of the type number"),
    "another unit": (sales(2, price=sales(2)["price"] * 100), "price: 100.0% of rows are outside"),
    "missing values": (
        sales(2, price=sales(2)["price"].where(sales().index > 40)),
        "price: 10.2% of rows are missing",
    ),
    "a new value": (with_new_town(sales(2)), "town: 20.0% of rows are in no known category ('Dub"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_does_not_become_the_newest_version(registered: Workspace, what: str) -> None:
    frame, message = WRONG[what]
    with pytest.raises(ContractBreach) as refused:
        registered.data.register("sales", frame)
    assert message in refused.value.message
    assert "sales@1" in refused.value.message
    assert not refused.value.report.ok
    assert registered.data.version("sales").ref == "sales@1"
    assert registered.activity.count() == 1


def test_good_data_and_running_ids_pass_and_keep_the_contract(registered: Workspace) -> None:
    assert registered.data.register("sales", sales(7)).ref == "sales@2"
    assert registered.data.contract("sales@2").rules == registered.data.contract("sales@1").rules
    assert registered.data.version("sales").breach == ""


@pytest.mark.parametrize("what", WRONG)
def test_what_is_accepted_is_written_down_and_not_refused_again(
    registered: Workspace, what: str
) -> None:
    frame, message = WRONG[what]
    version = registered.data.register("sales", frame, on_breach="accept")
    assert version.ref == "sales@2"
    assert message in version.breach
    assert registered.data.check("sales", registered.data.frame("sales@2")).ok
    entry = registered.activity.entries().iloc[0]
    assert entry.after is not None
    assert message in entry.after["accepted breach"]


def test_accepting_leaves_the_other_rules(registered: Workspace) -> None:
    registered.data.register("sales", with_new_town(sales(2)), on_breach="accept")
    before, after = registered.data.contract("sales@1"), registered.data.contract("sales@2")
    assert after.rule("town").categories == ("Bonn", "Cork", "Dublin", "Oslo")
    assert after.rule("price") == before.rule("price")
    with pytest.raises(ContractBreach, match="price"):
        registered.data.register("sales", sales(3, price=1e6))


def test_a_new_column_gets_a_rule_of_its_own(registered: Workspace) -> None:
    registered.data.register("sales", sales(2, kind=["a", "b"] * (ROWS // 2)))
    assert registered.data.contract("sales").rule("kind").categories == ("a", "b")


def test_another_way_is_refused_by_name(registered: Workspace) -> None:
    with pytest.raises(Invalid) as refused:
        registered.data.register("sales", sales(2), on_breach="maybe")  # type: ignore[arg-type]
    assert set(refused.value.fields) == {"on_breach"}


def test_the_contract_can_be_edited_and_holds_from_then_on(registered: Workspace) -> None:
    data = registered.data
    town, price = data.contract("sales").rule("town"), data.contract("sales").rule("price")
    changed = data.edit_contract(
        "sales",
        [replace(town, categories=None, nullable=True), replace(price, low=0.0, high=None)],
        tolerance=0.05,
        reason="a new market",
    )
    assert (changed.edited, changed.tolerance) == (True, 0.05)
    assert changed == data.contract("sales@1")
    assert data.register("sales", with_new_town(sales(2, price=1e6))).ref == "sales@2"
    assert data.contract("sales@2") == replace(
        data.contract("sales@1"), ref="sales@2", pandera=data.contract("sales@2").pandera
    )
    with pytest.raises(ContractBreach, match="outside at least 0"):
        data.register("sales", sales(3, price=-1.0))
    entry = registered.activity.entries(verb="edited the contract of").iloc[0]
    assert (entry.verb, entry.ref, entry.reason) == (
        "edited the contract of", "sales@1", "a new market",
    )  # fmt: skip
    assert entry.before is not None
    assert entry.after is not None
    assert entry.before["town"]["categories"] == ["Bonn", "Cork", "Oslo"]
    assert "categories" not in entry.after["town"]
    assert entry.after["tolerance"] == 0.05
    assert "late" not in entry.after


BAD_RULES: dict[str, tuple[dict[str, Any], str]] = {
    "range of texts": ({"column": "town", "low": 1.0}, "no numbers"),
    "values of numbers": ({"column": "price", "categories": ("a",)}, "no texts"),
    "no values": ({"column": "town", "categories": ()}, "one allowed value"),
    "turned round": ({"column": "price", "low": 2.0, "high": 1.0}, "at least 2 and at most 1"),
    "endless": ({"column": "price", "high": float("inf")}, "finite"),
    "another type": ({"column": "price", "type": "string"}, "cannot change"),
}


@pytest.mark.parametrize("what", BAD_RULES)
def test_a_rule_that_its_column_cannot_have_is_refused(registered: Workspace, what: str) -> None:
    changes, message = BAD_RULES[what]
    rule = registered.data.contract("sales").rule(changes["column"])
    with pytest.raises(Invalid, match=message) as refused:
        registered.data.edit_contract("sales", [replace(rule, **changes)])
    assert set(refused.value.fields) == {changes["column"]}


def test_a_rule_for_a_column_that_is_not_there_is_refused(registered: Workspace) -> None:
    with pytest.raises(NotFound, match="says nothing of 'weight'"):
        registered.data.edit_contract("sales", [ContractRule("weight", "number", False)])
    with pytest.raises(Invalid, match="not a share of rows"):
        registered.data.edit_contract("sales", tolerance=1.5)


def test_an_edit_that_changes_nothing_is_no_activity(registered: Workspace) -> None:
    registered.data.edit_contract("sales", [registered.data.contract("sales").rule("town")])
    assert registered.activity.count() == 1


def test_pandera_reads_every_form(registered: Workspace) -> None:
    import pandera.pandas as pandera

    rules = [
        ContractRule("a", "number", False, low=1.5),
        ContractRule("b", "integer", True, high=2.0, required=False),
        ContractRule("c", "string", False, categories=("x", "y")),
        ContractRule("d", "time", True),
        ContractRule("e", "boolean", False),
        ContractRule("f", "number", True, 0.0, 1.0),
    ]
    import json

    schema = pandera.DataFrameSchema.from_json(json.dumps(to_pandera(rules)))
    assert list(schema.columns) == list("abcdef")
    assert not schema.columns["b"].required


def test_a_failing_row_is_counted_once_and_the_first_are_listed(registered: Workspace) -> None:
    report = registered.data.check("sales", sales(2, price=np.where(sales().index % 2, -1e9, 1e9)))
    assert report.checks[["column", "check", "failing", "share"]].values.tolist() == [
        ["price", "range", ROWS, 1.0]
    ]
    assert len(report.failures) == 100


def test_a_retraining_that_meets_a_new_value_offers_the_way_on(registered: Workspace) -> None:
    """The failed step names what to accept; once accepted, the same step passes."""
    data, progress = registered.data, Progress(registered.store, "job")
    live = data.register("late-live", with_new_town(sales(5))).ref
    step = {"dataset": live, "against": "sales@1", "columns": ["town", "price", "late"]}
    with pytest.raises(ContractBreach) as refused:
        check_contract(registered.store, progress, **step)
    copy = pickle.loads(pickle.dumps(refused.value))  # as it comes from the child process
    assert (copy.message, copy.hint, copy.remedy) == (
        refused.value.message, refused.value.hint, refused.value.remedy,
    )  # fmt: skip
    assert "accept" in copy.hint
    assert copy.remedy is not None
    assert copy.remedy.pop("kind") == "contract"
    data.accept_data(**copy.remedy, reason="we sell in Dublin now")
    assert "Dublin" in (data.contract("sales@1").rule("town").categories or ())
    assert check_contract(registered.store, progress, **step) == {"checked": 3, "failures": 0}


def test_one_value_can_be_accepted(registered: Workspace) -> None:
    registered.data.accept_values("sales", {"town": ["Dublin"]}, reason="new shop")
    assert registered.data.register("sales", with_new_town(sales(2))).ref == "sales@2"
    with pytest.raises(Invalid, match="no list of allowed values"):
        registered.data.accept_values("sales", {"price": ["1"]})


def test_two_registrations_at_once_are_not_checked_against_a_past_contract(
    registered: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilothouse.data import contract_enforcement as enforcement

    enforce = enforcement.enforce

    def slow(*args: Any) -> Any:
        monkeypatch.setattr(enforcement, "enforce", enforce)
        registered.data.register("sales", sales(8))
        return enforce(*args)

    monkeypatch.setattr(enforcement, "enforce", slow)
    with pytest.raises(Conflict, match="in the meantime"):
        registered.data.register("sales", sales(9))
