"""Policies on screen: the list, one with its history and dry run, the editor, and files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.registry.policy import Approvals, GateRule, Policy
from pilothouse.workspace import Workspace

Tour = Callable[..., Any]
STRICT = Policy(
    "strict",
    "production",
    ("late",),
    (GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.99}),),
    Approvals(2, four_eyes=True),
)


def new_script() -> None:
    import streamlit as st

    from pilothouse_app.features.policies.editor import DRAFT, begin_draft, edit_policy

    if DRAFT not in st.session_state:
        begin_draft()
    edit_policy()


def import_script() -> None:
    from pilothouse_app.features.policies.files import import_dialog

    import_dialog()


def texts(page: Any) -> str:
    return " ".join(str(element.value) for element in (*page.markdown, *page.caption))


@pytest.fixture
def strict(served: Workspace) -> Workspace:
    served.policies.save(STRICT, "raised after the audit")
    return served


def test_the_list_has_the_policies_and_what_is_built_in(tour: Tour, strict: Workspace) -> None:
    page = tour("policies")
    assert not page.exception
    frame = page.dataframe[0].value
    assert frame["name"].tolist() == ["production", "strict", "Built-in"]
    assert frame["approvals"].tolist() == ["1 person", "2 people, four eyes", "1 person"]
    assert page.button(key="policy_new").label == "New policy"


def test_a_new_workspace_has_the_built_in_ones(visit: Tour) -> None:
    page = visit("policies")
    assert not page.exception
    assert page.dataframe[0].value["name"].tolist() == ["Built-in", "Built-in"]
    built_in = visit("policy", name="default:staging")
    assert not built_in.exception
    assert built_in.button(key="policy_edit").label == "Make one of your own"
    assert "No version of these models is there to be judged." in texts(built_in)
    assert "Which policy?" in texts(visit("policy"))


def test_one_says_what_it_would_say_and_what_changed(tour: Tour, strict: Workspace) -> None:
    page = tour("policy", name="strict")
    assert not page.exception
    assert "**0 of 2 versions** would pass" in texts(page)
    gates, judged, history = (table.value for table in page.table)
    assert gates["With"].tolist() == ["Metric ROC AUC, Threshold 0.99"]
    assert judged["Version"].tolist() == ["late 2", "late 1"]
    assert "(0.9900)" in judged["Metric reaches its threshold"].iloc[0]
    assert history["Reason"].tolist() == ["raised after the audit"]


def test_a_policy_that_is_not_there_is_said_so(tour: Tour, served: Workspace) -> None:
    page = tour("policy", name="absent")
    assert not page.exception
    assert "absent" in texts(page) + " ".join(str(item.value) for item in page.error)


def test_a_new_one_is_made_with_models_approvals_and_a_reason(
    tour: Tour, served: Workspace
) -> None:
    page = AppTest.from_function(new_script, default_timeout=30).run()
    assert page.button(key="policy_go").disabled
    number = page.session_state["policy_drafts"]
    page.text_input(key=f"policy_name_{number}").set_value("careful")
    page.multiselect(key=f"policy_models_{number}").set_value(["late"])
    page.number_input(key=f"policy_needed_{number}").set_value(2)
    page.text_input(key="policy_reason").set_value("two people see more").run()
    page.button(key="policy_go").click().run()
    info = served.policies.policy("careful")
    assert (info.stage, info.models, info.approvals) == ("production", ("late",), Approvals(2))
    assert info.reason == "two people see more"


def test_a_file_is_applied_after_a_look_at_what_it_changes(tour: Tour, served: Workspace) -> None:
    text = "policies:\n  - {name: strict, stage: moon, models: [late]}\n"
    page = AppTest.from_function(import_script, default_timeout=30).run()
    page.text_area(key="policies_text").set_value(text).run()
    assert "must be staging or production" in " ".join(error.value for error in page.error)
    assert page.button(key="policies_import_go").help == "The file has faults"
    page.text_area(key="policies_text").set_value(text.replace("moon", "staging")).run()
    assert "strict: added" in page.code[0].value
    page.text_input(key="policies_reason").set_value("agreed on").run()
    page.button(key="policies_import_go").click().run()
    assert served.policies.policy("strict").stage == "staging"


def stages_script() -> None:
    import streamlit as st

    from pilothouse_app.features.policies.stages import DRAFT, begin_stages, edit_stages

    if DRAFT not in st.session_state:
        begin_stages()
    edit_stages()


def test_a_stage_is_added_between_and_versions_are_promoted_to_it(
    tour: Tour, served: Workspace
) -> None:
    page = AppTest.from_function(stages_script, default_timeout=30).run()
    assert page.button(key="stages_go").help == "Nothing would change"
    production = page.session_state["stages_draft"][-1]["id"]
    assert page.text_input(key=f"stage_name_{production}").disabled
    page.button(key="stages_add").click().run()
    new = page.session_state["stages_draft"][1]["id"]
    page.text_input(key=f"stage_name_{new}").set_value("Pre prod").run()
    assert "has a space in it" in texts(page)
    page.text_input(key=f"stage_name_{new}").set_value("review")
    page.text_input(key=f"stage_meaning_{new}").set_value("Two people have read it.")
    page.button(key=f"stage_up_{new}").click().run()
    page.text_input(key="stages_reason").set_value("a review comes first").run()
    page.button(key="stages_go").click().run()
    assert [stage.name for stage in served.policies.stages()] == ["review", "staging", "production"]

    page = tour("policies")
    assert not page.exception
    assert "Two people have read it." in page.table[0].value["What it means"].tolist()
    built_in = tour("policy", name="default:review")
    assert not built_in.exception
    model = tour("model", name="late")
    assert not model.exception
    assert "Review" in texts(model)


def test_a_stage_that_is_used_stays(tour: Tour, strict: Workspace) -> None:
    strict.policies.save(replace(STRICT, name="before", stage="staging"), "as well")
    page = AppTest.from_function(stages_script, default_timeout=30).run()
    staging = page.session_state["stages_draft"][0]["id"]
    page.button(key=f"stage_remove_{staging}").click().run()
    page.text_input(key="stages_reason").set_value("two are too many").run()
    page.button(key="stages_go").click().run()
    assert "the policy 'before' stands before it" in " ".join(box.value for box in page.error)


def test_nobody_promotes_alone_where_others_must_accept(tour: Tour, strict: Workspace) -> None:
    softer = Policy("strict", "production", ("late",), approvals=Approvals(2))
    strict.policies.save(softer, "two people instead")
    strict.people.add("grace", rights=["approve"])
    page = tour("version", ref="late@2")
    page.button(key="promote").click().run()
    assert page.button(key="promote_go").disabled
    assert page.button(key="promote_go").help == "Its policy needs others: request a decision"
    assert "policy strict@2, because it names this model" in texts(page)
