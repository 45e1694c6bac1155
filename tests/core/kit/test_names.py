"""A name that is suggested is never refused, and what is wrong with another is said as typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.errors import Invalid
from pilothouse.kit.names import ALIAS, DATASET, DEPLOYMENT, MODEL, NameRule

RULES = (DATASET, MODEL, ALIAS, DEPLOYMENT)
FILES = {
    "Kunden 2024 (März).v2": "Kunden_2024_Marz_.v2",
    "données": "donnees",
    "Straße": "Strasse",
    "- -x": "x",
    "__late__": "late",
    "": "dataset",
    "数据": "dataset",
    "a" * 150: "a" * 100,
}


@pytest.mark.parametrize("text", FILES)
def test_a_suggestion_stays_near_to_the_text(text: str) -> None:
    assert DATASET.suggest(text) == FILES[text]


def test_a_deployment_is_suggested_in_small_letters() -> None:
    assert DEPLOYMENT.suggest("My Model (new)") == "my_model_new"
    assert DEPLOYMENT.suggest("Churn", {"churn", "churn-2"}) == "churn-3"


@pytest.mark.parametrize("rule", RULES)
@given(text=st.text(max_size=200), taken=st.sets(st.text("ab", max_size=3)))
def test_what_is_suggested_is_never_refused(rule: NameRule, text: str, taken: set[str]) -> None:
    name = rule.suggest(text, taken)
    assert rule.problem(name) == ""
    rule.check(name)
    assert name not in taken


@pytest.mark.parametrize("rule", RULES)
@given(text=st.text("abzAZ09._-", min_size=1, max_size=80))
def test_what_is_valid_is_suggested_as_it_is(rule: NameRule, text: str) -> None:
    if not rule.problem(text) and text[-1] not in "._-":
        assert rule.suggest(text) == text


PROBLEMS = {
    "my data": "has a space in it",
    "a/b": "has / in it",
    "naïve": "has ï in it",
    "-x": "begins with -",
    "x" * 101: "has 101 characters, and 100 are allowed",
    "": "a name is needed",
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_wrong_is_said_and_a_valid_name_is_given(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        DATASET.check(name)
    assert refused.value.fields == {"name": PROBLEMS[name]}
    assert repr(name) in refused.value.message or not name
    assert not name or DATASET.suggest(name) in refused.value.hint


def test_capital_letters_are_no_fault_of_a_dataset() -> None:
    assert DATASET.problem("Sales.2024-Q1_x") == ""
    assert DEPLOYMENT.problem("Sales") == "has S in it"
