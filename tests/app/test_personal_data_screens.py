"""Personal data of a dataset on its page: masked, decided about, revealed by who may."""

from __future__ import annotations

import pandas as pd
import pytest

from pilothouse.data.personal_data.masking import MASK
from pilothouse.workspace import Workspace
from pilothouse_app.features.personal_data.masked import REVEALED


@pytest.fixture
def customers(workspace: Workspace) -> str:
    frame = pd.DataFrame(
        {
            "email": [f"person{i}@example.org" for i in range(40)],
            "plan": ["basic", "premium"] * 20,
        }
    )
    return workspace.data.register("customers", frame).ref


def chosen_name_of(workspace: Workspace) -> str:
    return workspace.store.actor if workspace.store.is_person else ""


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def test_rows_and_profiles_are_masked(visit, customers):
    page = visit("dataset", ref=customers, dataset_view="Rows")
    assert not page.exception
    assert set(page.dataframe[0].value["email"]) == {MASK}
    assert "Masked as personal data: email" in shown(page)
    page = visit("dataset", ref=customers)
    assert not page.exception
    assert "person0" not in page.dataframe[0].value.to_json()


def test_a_proposal_is_rejected(visit, customers, workspace):
    page = visit("dataset", ref=customers, dataset_view="Personal data")
    assert not page.exception
    assert list(page.dataframe[0].value["column"]) == ["email"]
    page.button(key="personal_reject").click().run()
    assert "is shown to everybody" in shown(page)
    workspace.data.reject_personal("customers", "email", "of a test")
    page = visit("dataset", ref=customers, dataset_view="Rows")
    assert page.dataframe[0].value["email"].iloc[0] == "person0@example.org"


def test_what_somebody_has_revealed_is_shown_until_it_is_masked_again(visit, customers, workspace):
    page = visit("dataset", ref=customers, dataset_view="Rows")
    page.button(key="reveal_dataset").click().run()
    assert "It needs the right" in shown(page)
    page = visit("dataset", ref=customers, dataset_view="Rows")
    page.session_state[REVEALED] = {("dataset", "customers", chosen_name_of(workspace))}
    page.run()
    assert page.dataframe[0].value["email"].iloc[0] == "person0@example.org"
    page.button(key="reveal_dataset").click().run()
    assert set(page.dataframe[0].value["email"]) == {MASK}


def test_a_dataset_without_personal_data_says_so(visit, workspace):
    workspace.data.register("plain", b"a,b\n1,2\n3,4\n")
    page = visit("dataset", ref="plain", dataset_view="Personal data")
    assert not page.exception
    assert "No personal data was found" in shown(page)
