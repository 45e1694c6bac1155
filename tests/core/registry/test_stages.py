"""The stages of a workspace: set, met by promotions and policies, and kept while used."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.policies import set_gates
from harness.serving import register
from pilothouse.kit.errors import Conflict, Invalid, Refused
from pilothouse.registry.policy import GateRule, Policy
from pilothouse.registry.stage_ladder import (
    BUILT_IN_STAGES,
    MAX_STAGES,
    RESERVED,
    LadderStage,
    checked_ladder,
)
from pilothouse.workspace import Workspace
from pilothouse.workspace.checks.records import records

STAGING, PRODUCTION = BUILT_IN_STAGES
REVIEW = LadderStage("review", "Two people have read it.")
THREE = (REVIEW, STAGING, PRODUCTION)


def test_the_built_in_ones_hold_until_somebody_sets_others(workspace: Workspace) -> None:
    assert [stage.name for stage in workspace.policies.stages()] == ["staging", "production"]
    entries = workspace.activity.count()
    assert workspace.policies.set_stages(BUILT_IN_STAGES, "") == BUILT_IN_STAGES
    assert workspace.activity.count() == entries

    workspace.policies.set_stages(THREE, "a review comes first")
    assert workspace.policies.stages() == THREE
    entry = workspace.activity.entries().iloc[0]
    assert (entry["verb"], entry["kind"], entry["reason"]) == (
        *("changed", "stages"),
        "a review comes first",
    )
    assert [text.split(":")[0] for text in entry["before"]["stages"]] == ["staging", "production"]
    assert entry["after"]["stages"][0] == "review: Two people have read it."
    assert workspace.governance.timeline(kinds=["settings"])["reason"].tolist() == [entry["reason"]]


def test_a_change_needs_a_person_with_the_right_and_a_reason(workspace: Workspace) -> None:
    with pytest.raises(Invalid, match="needs a reason"):
        workspace.policies.set_stages(THREE, " ")
    with pytest.raises(Refused, match="by a person"):
        workspace.acting_as("retraining").policies.set_stages(THREE, "why not")
    workspace.people.add("grace")
    workspace.people.add("eve", rights=[])
    with pytest.raises(Refused, match="edit_policies"):
        workspace.acting_as("eve").policies.set_stages(THREE, "why not")
    assert workspace.policies.stages() == BUILT_IN_STAGES


def test_a_changed_row_is_named_by_the_doctor(workspace: Workspace) -> None:
    workspace.policies.set_stages(THREE, "a review comes first")
    assert records(workspace.store).ok
    with workspace.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE registry_stage_ladder SET changed_by = 'eve'")
    assert "stages" in records(workspace.store).message


@pytest.mark.usefixtures("answering")
class TestUse:
    def test_a_version_is_promoted_through_a_new_stage_by_its_policy(
        self, workspace: Workspace
    ) -> None:
        register(workspace.store, "late", b"a model", b"another")
        with pytest.raises(Invalid, match="no version is promoted to 'review'") as refusal:
            workspace.registry.promote("late", 1, "review", "try")
        assert refusal.value.hint == "Choose staging or production."
        workspace.policies.set_stages(THREE, "a review comes first")
        built_in = workspace.policies.applicable("late", "review")
        assert built_in.gates == workspace.policies.applicable("late", "staging").gates

        limit = GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.999})
        set_gates(workspace, "review", [limit])
        with pytest.raises(Refused, match="may not go to review"):
            workspace.registry.promote("late", 1, "review", "try")
        set_gates(workspace, "review", [])
        for version in (1, 2):
            assert workspace.registry.promote("late", version, "review", "read").stage == "review"
        assert workspace.registry.versions("late")["stage"].tolist() == ["review", "review"]
        assert workspace.registry.champion("late") is None

        set_gates(workspace, "production", [])
        workspace.registry.promote("late", 1, "production", "good")
        moves = workspace.registry.history("late")
        assert moves[moves["version"] == 1]["after"].tolist() == ["production", "review"]

    def test_what_is_used_is_neither_removed_nor_renamed(self, workspace: Workspace) -> None:
        register(workspace.store, "late", b"a model", b"another")
        workspace.policies.set_stages(THREE, "a review comes first")
        set_gates(workspace, "review", [])
        workspace.registry.promote("late", 1, "review", "read")
        workspace.registry.propose("late", 2, "review", "read it")
        with pytest.raises(Conflict) as refusal:
            workspace.policies.set_stages(BUILT_IN_STAGES, "too slow")
        assert refusal.value.message == (
            "the stage 'review' cannot be removed or renamed: late@1 is in it, a promotion of "
            "late@2 to it waits for a decision, the policy 'review' stands before it."
        )
        renamed = (replace(REVIEW, name="reading"), STAGING, PRODUCTION)
        with pytest.raises(Conflict, match="removed or renamed"):
            workspace.policies.set_stages(renamed, "a better word")
        other_words = (STAGING, replace(REVIEW, meaning="Read."), PRODUCTION)
        assert workspace.policies.set_stages(other_words, "the order changes")[0] == STAGING

        [waiting] = workspace.registry.promotions("pending")["id"]
        workspace.registry.decide(waiting, False, "not this one")
        workspace.registry.archive("late", 1, "too old")
        workspace.policies.remove("review", "no more")
        workspace.policies.set_stages(BUILT_IN_STAGES, "too slow")
        assert workspace.registry.history("late")["after"].tolist() == ["archived", "review"]

    def test_policies_of_a_file_stand_before_the_stages_of_the_workspace(
        self, workspace: Workspace
    ) -> None:
        text = "policies:\n  - {name: careful, stage: review, models: [late]}\n"
        with pytest.raises(Invalid) as refusal:
            workspace.policies.diff(text)
        assert "staging or production" in refusal.value.fields["policies[0].stage"]
        workspace.policies.set_stages(THREE, "a review comes first")
        [change] = workspace.policies.apply(text, "agreed on")
        assert (change.name, change.kind) == ("careful", "added")
        assert workspace.policies.judge(Policy("careful", "review", ("late",))) == []


@pytest.mark.parametrize(
    ("stages", "field", "message"),
    [
        ((), "stages", "must be production"),
        ((PRODUCTION, STAGING), "stages", "must be production"),
        ((STAGING,) * 9 + (PRODUCTION,), "stages", f"at most {MAX_STAGES}"),
        ((STAGING, STAGING, PRODUCTION), "stages[1].name", "twice"),
        ((LadderStage(""), PRODUCTION), "stages[0].name", "needed"),
        ((LadderStage("Review"), PRODUCTION), "stages[0].name", "has R in it"),
        ((LadderStage("7"), PRODUCTION), "stages[0].name", "version's number"),
        ((LadderStage("qa", "x" * 301), PRODUCTION), "stages[0].meaning", "300 characters"),
        *[((LadderStage(name), PRODUCTION), "stages[0].name", "word of the") for name in RESERVED],
    ],
)
def test_a_fault_is_named_with_its_field(
    stages: tuple[LadderStage, ...], field: str, message: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_ladder(stages)
    assert message in refusal.value.fields[field]


NAMES = st.text("abz09-_.", min_size=1, max_size=6).filter(
    lambda name: name[0] not in "-_." and not name.isdecimal()
)


@given(st.lists(NAMES, max_size=MAX_STAGES - 1, unique=True))
def test_distinct_plain_names_before_production_are_stages(names: list[str]) -> None:
    stages = (*(LadderStage(name, " words ") for name in names), PRODUCTION)
    assert [stage.name for stage in checked_ladder(stages)] == [*names, "production"]
    assert all(stage.meaning == "words" for stage in checked_ladder(stages)[:-1])
