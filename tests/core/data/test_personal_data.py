"""Personal data of a dataset: proposed at registration, decided by people, masked for who looks."""

from __future__ import annotations

import pandas as pd
import pytest

from pilothouse.data.personal_data.masking import MASK, Masking
from pilothouse.kit.errors import Invalid, NotFound, Refused
from pilothouse.workspace import Workspace

ROWS = 60


def customers(rows: int = ROWS) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": range(1000, 1000 + rows),
            "email": [f"person{i}@example.org" for i in range(rows)],
            "birth_date": pd.date_range("1960-01-01", periods=rows, freq="99D"),
            "plan": ["basic", "premium"] * (rows // 2),
        }
    )


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.data.register("customers", customers())
    return workspace


def states(workspace: Workspace) -> dict[str, tuple[str, str]]:
    columns = workspace.data.personal_columns("customers")
    return {column.column: (column.kind, column.state) for column in columns}


def test_a_registration_proposes_and_a_later_version_keeps_what_was_decided(
    shop: Workspace,
) -> None:
    assert states(shop) == {
        "email": ("email", "proposed"), "birth_date": ("birth_date", "proposed"),
    }  # fmt: skip
    shop.data.mark_personal("customers", "email", reason="it is")
    shop.data.reject_personal("customers", "birth_date", reason="of the company")
    shop.data.mark_personal("customers", "number", reason="the customer's")
    entry = shop.activity.entries().iloc[0]
    assert (entry["verb"], entry["ref"]) == ("marked personal data of", "customers@1")
    assert entry["after"] == {"number": {"kind": "identifier", "state": "confirmed"}}
    shop.data.register("customers", customers(ROWS + 20), on_breach="accept")
    assert states(shop) == {
        "birth_date": ("birth_date", "rejected"),
        "email": ("email", "confirmed"),
        "number": ("identifier", "confirmed"),
    }
    with pytest.raises(NotFound):
        shop.data.mark_personal("customers", "nothing")
    with pytest.raises(NotFound):
        shop.data.personal_columns("nobody")


def test_who_looks_sees_masks_and_who_computes_true_values(shop: Workspace) -> None:
    shop.data.mark_personal("customers", "number", reason="the customer's")
    masked = shop.data.masked()
    rows = masked.first_rows("customers", 5)
    assert set(rows["email"]) == set(rows["number"]) == set(rows["birth_date"]) == {MASK}
    assert list(rows["plan"]) == ["basic", "premium", "basic", "premium", "basic"]
    assert list(shop.data.frame("customers")["email"]) == list(customers()["email"])
    assert set(masked.frame("customers", ["email"])["email"]) == {MASK}
    profile = masked.profile("customers")
    assert (profile["email"].top, profile["number"].quantiles, profile["number"].low) == (
        (),
        {},
        None,
    )
    assert profile["email"].distinct == ROWS
    assert profile["plan"] == shop.data.profile("customers")["plan"]
    assert masked.contract("customers").rule("number").high is None


def test_a_diff_and_a_verdict_name_no_value(shop: Workspace) -> None:
    few = pd.DataFrame({"email": ["a@example.org", "b@example.org"] * 50, "x": [1, 2] * 50})
    more = few.assign(email=["a@example.org", "c@example.org"] * 50)
    shop.data.register("few", few)
    assert "c@example.org" in str(shop.data.check("few", more).lines)
    report = shop.data.masked().check("few", more)
    assert not report.ok
    for part in (report.lines, report.message, report.checks.to_json(), report.failures.to_json()):
        assert "example.org" not in str(part)
    shop.data.register("few", more, on_breach="accept")
    assert shop.data.diff("few@1", "few@2").columns["new_values"].str.contains("c@").any()
    shown = shop.data.masked().diff("few@1", "few@2").columns
    assert not shown["new_values"].str.contains("c@").any()


def test_revealing_needs_the_right_and_a_reason_and_is_recorded(shop: Workspace) -> None:
    ada = shop.acting_as("Ada")
    ada.people.add("Ada")
    ada.people.add("Bo")
    with pytest.raises(Refused, match="personal_data"):
        shop.acting_as("Bo").data.reveal("customers", "I want to")
    with pytest.raises(Invalid):
        ada.data.reveal("customers", " ")
    assert ada.data.reveal("customers", "a complaint") == ["birth_date", "email"]
    entry = shop.activity.entries().iloc[0]
    assert (entry["verb"], entry["actor"], entry["reason"]) == ("revealed", "Ada", "a complaint")
    assert list(ada.data.masked(["customers"]).first_rows("customers", 1)["email"]) == [
        "person0@example.org"
    ]


def test_a_version_of_an_earlier_program_is_looked_at_on_demand(shop: Workspace) -> None:
    shop.data.reject_personal("customers", "email", reason="of a test")
    assert shop.data.find_personal("customers") == []
    assert states(shop)["email"] == ("email", "rejected")


def test_an_example_has_values_of_nobody() -> None:
    masking = Masking({"email": "email", "number": "identifier", "left": "person_name"})
    assert masking.examples([{"email": "a@b.org", "number": 17, "left": None, "x": 2.5}]) == [
        {"email": "someone@example.org", "number": 0, "left": None, "x": 2.5}
    ]
    frame = pd.DataFrame({"number": [1.0, None]})
    assert masking.frame(frame)["number"].isna().tolist() == [False, True]
