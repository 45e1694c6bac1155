"""Policies: which one applies, their versions, their file, what they would say, who decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.policies import set_gates
from harness.serving import register
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.registry.default_gates import BASIC_GATES
from pilothouse.registry.policy import (
    Approvals,
    GateRule,
    Policy,
    PolicyInfo,
    most_specific,
    names_model,
)
from pilothouse.registry.policy_files import from_yaml, to_yaml
from pilothouse.workspace import Workspace

LIMIT = GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.5})
STRICT = Policy("strict", "production", ("late",), (LIMIT,))
FILE = """
policies:
  - name: strict
    stage: production
    models: [late, "late-*"]
    gates:
      - has_contract
      - gate: metric_threshold
        params: {metric: roc_auc, threshold: 0.5}
    approvals: {needed: 2, four_eyes: true}
"""


class TestWhichApplies:
    @pytest.mark.parametrize(
        ("model", "name", "why"),
        [
            ("late", "exact", "it names this model"),
            ("late-eu", "eu", "its pattern late-e* is the most specific one that fits"),
            ("late-us", "family", "its pattern late* is the most specific one that fits"),
            ("churn", "all", "it is for all models, and none is more specific"),
        ],
    )
    def test_the_most_specific_one(
        self, workspace: Workspace, model: str, name: str, why: str
    ) -> None:
        for policy, models in (
            ("all", ("*",)),
            ("family", ("late*", "a*")),
            ("eu", ("late-e*",)),
            ("exact", ("late",)),
        ):
            workspace.policies.save(Policy(policy, "production", models), "a test")
        info = workspace.policies.applicable(model, "production")
        assert (info.name, info.why(model)) == (name, why)
        default = workspace.policies.applicable(model, "staging")
        assert (default.version, default.gates) == (0, BASIC_GATES["staging"])

    def test_a_stage_that_is_not_gated_is_refused(self, workspace: Workspace) -> None:
        with pytest.raises(Invalid) as refusal:
            workspace.policies.applicable("late", "archived")
        assert refusal.value.fields == {"stage": "must be staging or production"}

    @given(st.text("ab*?[]", max_size=8), st.text("ab?[]", max_size=8))
    def test_only_the_star_has_a_meaning(self, pattern: str, model: str) -> None:
        if "*" not in pattern:
            assert names_model(pattern, model) == (pattern == model)
        assert names_model(pattern.replace("*", ""), pattern.replace("*", ""))
        assert names_model(f"*{pattern}*", pattern.replace("*", "x"))

    @given(st.permutations([("*",), ("late",), ("late*",), ("l*", "*e")]))
    def test_the_order_in_which_they_are_stored_does_not_matter(
        self, patterns: list[tuple[str, ...]]
    ) -> None:
        infos = [PolicyInfo(Policy("+".join(m), "production", m), 1) for m in patterns]
        for model, name in (("late", "late"), ("later", "late*"), ("lo", "l*+*e"), ("x", "*")):
            chosen = most_specific(infos, model)
            assert chosen is not None
            assert chosen.name == name


class TestVersions:
    def test_a_change_is_a_version_with_who_when_and_why(self, workspace: Workspace) -> None:
        first = workspace.policies.save(STRICT, "to begin with")
        again = workspace.policies.save(STRICT, "the same")
        assert (first.version, again) == (1, first)
        softer = replace(STRICT, gates=(), approvals=Approvals(2, four_eyes=True))
        workspace.people.add("grace", rights=["edit_policies"])
        workspace.people.add("eve")
        with pytest.raises(Refused, match="does not have the right 'edit_policies'"):
            workspace.acting_as("eve").policies.save(replace(STRICT, gates=()), "so that it passes")
        second = workspace.acting_as("grace").policies.save(softer, "two people instead")
        assert (second.ref, second.changed_by) == ("strict@2", "grace")
        assert workspace.policies.policy("strict", 1).gates == (LIMIT,)

        history = workspace.policies.history("strict")
        assert history["version"].tolist() == [2, 1]
        assert history["changes"].iloc[0] == [
            "- approvals: 1 person",
            "- gate: metric_threshold metric=roc_auc threshold=0.5",
            "+ approvals: 2 people, none of them the author",
        ]
        entry = workspace.activity.entries().iloc[0]
        assert (entry["verb"], entry["ref"], entry["reason"]) == (
            "changed",
            "strict",
            "two people instead",
        )
        assert entry["before"]["gates"] == [LIMIT.to_json()]
        assert entry["after"]["approvals"] == {"needed": 2, "four_eyes": True}

    def test_one_that_is_removed_stays_on_record_and_may_come_back(
        self, workspace: Workspace
    ) -> None:
        workspace.policies.save(STRICT, "to begin with")
        workspace.policies.remove("strict", "replaced")
        assert workspace.policies.applicable("late", "production").built_in
        with pytest.raises(NotFound):
            workspace.policies.policy("strict")
        assert workspace.policies.history("strict")["removed"].tolist() == [True, False]
        assert workspace.policies.save(STRICT, "after all").version == 3
        assert workspace.policies.policies().query("version > 0")["name"].tolist() == ["strict"]

    def test_it_needs_a_reason_and_a_pattern_of_its_own(self, workspace: Workspace) -> None:
        with pytest.raises(Invalid, match="needs a reason"):
            workspace.policies.save(STRICT, " ")
        workspace.policies.save(STRICT, "to begin with")
        with pytest.raises(Conflict, match="'strict' before production is for 'late' already"):
            workspace.policies.save(replace(STRICT, name="other"), "another")
        workspace.policies.save(replace(STRICT, name="other", stage="staging"), "another stage")

    def test_every_fault_is_named_with_its_field(self, workspace: Workspace) -> None:
        wrong = Policy(
            "default",
            "moon",
            (),
            (GateRule("horoscope"), GateRule("metric_threshold", {"luck": 1})),
            Approvals(0),
        )
        with pytest.raises(Invalid) as refusal:
            workspace.policies.save(wrong, "a test")
        assert list(refusal.value.fields) == [
            *("name", "stage", "models", "approvals.needed", "gates[0].gate"),
            "gates[1].params.luck",
        ]
        assert "no gate named 'horoscope'" in refusal.value.message


class TestFile:
    def test_what_is_applied_is_exported_and_applied_again_changes_nothing(
        self, workspace: Workspace
    ) -> None:
        [added] = workspace.policies.diff(FILE)
        assert (added.kind, workspace.policies.export()) == ("added", "policies: []\n")
        assert workspace.policies.apply(FILE, "agreed on") == (added,)
        entries = workspace.activity.count()
        text = workspace.policies.export()
        assert from_yaml(text) == from_yaml(FILE)
        assert [change.kind for change in workspace.policies.apply(text, "again")] == ["same"]
        assert workspace.activity.count() == entries

        changed = FILE.replace("threshold: 0.5", "threshold: 0.7").replace(", four_eyes: true", "")
        [change] = workspace.policies.diff(changed)
        assert change.text.splitlines() == [
            "strict: changed",
            "  - approvals: 2 people, none of them the author",
            "  - gate: metric_threshold metric=roc_auc threshold=0.5",
            "  + approvals: 2 people",
            "  + gate: metric_threshold metric=roc_auc threshold=0.7",
        ]

    def test_what_a_file_does_not_name_is_removed_when_request(self, workspace: Workspace) -> None:
        workspace.policies.save(replace(STRICT, name="old"), "before")
        with pytest.raises(Conflict):
            workspace.policies.apply(FILE, "both are for late")
        kinds = [change.kind for change in workspace.policies.apply(FILE, "instead", prune=True)]
        assert kinds == ["added", "removed"]
        assert workspace.policies.applicable("late", "production").name == "strict"

    @pytest.mark.parametrize(
        ("before", "after", "field", "message"),
        [
            ("stage: production", "stage: moon", "policies[0].stage", "line 4"),
            ("- has_contract", "- horoscope", "policies[0].gates[0].gate", "no gate named"),
            ("metric: roc_auc,", "luck: 1,", "policies[0].gates[1].params.luck", "line 9"),
            ("threshold: 0.5", "threshold: hi", "policies[0].gates[1].params.threshold", "number"),
            ("needed: 2", "needed: two", "policies[0].approvals.needed", "between 1 and 10"),
            ("four_eyes: true", "eyes: 4", "policies[0].approvals.eyes", "unknown"),
            ("name: strict", "title: strict", "policies[0].title", "unknown"),
            ('[late, "late-*"]', "{}", "policies[0].models", "list of names"),
            ("policies:", "policy:", "file", "list under `policies`"),
        ],
    )
    def test_a_fault_is_named_with_its_field(
        self, before: str, after: str, field: str, message: str
    ) -> None:
        with pytest.raises(Invalid) as refusal:
            from_yaml(FILE.replace(before, after))
        assert message in refusal.value.fields[field]

    def test_a_pattern_without_quotes_gets_a_hint(self) -> None:
        with pytest.raises(Invalid) as refusal:
            from_yaml(FILE.replace('"late-*"', "*"))
        assert "quotes" in refusal.value.hint

    @given(
        st.lists(st.text("abc-*", min_size=1, max_size=6), min_size=1, max_size=3, unique=True),
        st.integers(1, 10),
        st.booleans(),
        st.sampled_from([(), (LIMIT,), (GateRule("has_contract"), LIMIT)]),
    )
    def test_a_file_holds_everything(
        self, models: list[str], needed: int, four_eyes: bool, gates: tuple[GateRule, ...]
    ) -> None:
        approvals = Approvals(needed, four_eyes)
        policy = Policy("strict", "staging", tuple(models), gates, approvals)
        assert from_yaml(to_yaml([policy])) == (policy,)
        assert Policy.from_json(policy.to_json()).digest == policy.digest


@pytest.mark.usefixtures("answering")
class TestWhatItSays:
    def test_a_dry_run_has_both_answers_and_changes_nothing(self, workspace: Workspace) -> None:
        register(workspace.store, "late", b"a model", b"another")
        set_gates(workspace, "production", [])
        entries = workspace.activity.count()
        judged = workspace.policies.judge(replace(STRICT, models=("l*",)))
        assert [(item.model, item.version) for item in judged] == [("late", 2), ("late", 1)]
        verdicts = {verdict.gate: verdict for verdict in judged[0].verdicts}
        assert list(verdicts) == ["answers_example", "metric_threshold"]
        assert verdicts["metric_threshold"].limit == 0.5
        assert [verdict.gate for verdict in judged[0].verdicts_today] == ["answers_example"]
        assert workspace.policies.judge(replace(STRICT, models=("churn",))) == []
        assert workspace.policies.judge(STRICT, model="churn") == []
        assert workspace.activity.count() == entries
        assert workspace.policies.applicable("late", "production").gates == ()

    def test_a_promotion_names_the_policy_that_judged_it(self, workspace: Workspace) -> None:
        register(workspace.store, "late", b"a model", b"another")
        first = set_gates(workspace, "production", [])
        request = workspace.registry.propose("late", 1, "production", "try")
        assert request.policy == first.reference()
        second = set_gates(workspace, "production", [LIMIT])
        with pytest.raises(Refused):
            workspace.registry.decide(request.id, True, "fine")
        decided = workspace.registry.promotion(request.id)
        assert (decided.policy, decided.decision_policy) == (
            first.reference(),
            second.reference(),
        )
        assert decided.newest_policy == second.reference()

    def test_nobody_promotes_alone_where_others_must_accept(self, workspace: Workspace) -> None:
        register(workspace.store, "late", b"a model", b"another")
        set_gates(workspace, "production", [], Approvals(four_eyes=True))
        workspace.people.add("bo")
        with pytest.raises(Refused, match="waits for approval"):
            workspace.registry.promote("late", 1, "production", "now")
        [waiting] = workspace.registry.promotions("pending")["version"]
        assert (waiting, workspace.registry.champion("late")) == (1, None)
