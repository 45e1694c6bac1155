"""Votes and overrides: who decides on a promotion, and how a gate is overridden with an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import text

from pilothouse.experiments.tables import Experiment, Run
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, PersonNeeded, Refused
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.people.rights import APPROVE, OVERRIDE, RIGHTS
from pilothouse.registry.evidence import evidence_hash
from pilothouse.registry.policy import Approvals, GateRule, Policy
from pilothouse.registry.tables import Model, ModelVersion
from pilothouse.registry.votes import ONE_PERSON, CastVote, Electorate, Tally, count_votes
from pilothouse.workspace import Workspace
from pilothouse.workspace.checks import run_all
from pilothouse.workspace.checks.records import records

NAMES = ("ada", "bo", "cy", "di")
AT = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = st.frozensets(st.sampled_from(NAMES), min_size=1)
SIGNATURE = Signature((SignatureField("pages", "integer"),), "bought", ("no", "yes"), "yes", 0.4)


def cast(*votes: tuple[str, bool]) -> list[CastVote]:
    return [CastVote(person, approve, "", AT) for person, approve in votes]


class TestCounting:
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        votes=st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=12),
        active=PEOPLE,
        approvers=PEOPLE,
        needed=st.integers(1, 3),
        four_eyes=st.booleans(),
        asker=st.sampled_from(NAMES),
        author=st.sampled_from(NAMES),
    )
    def test_nothing_is_accepted_with_fewer_than_the_needed_votes_that_count(
        self, votes, active, approvers, needed, four_eyes, asker, author
    ) -> None:
        approvers = approvers & active if len(active) > 1 else active
        who = Electorate(asker, author, active, approvers)
        for length in range(1, len(votes) + 1):  # as each of them is cast
            tally = count_votes(cast(*votes[:length]), Approvals(needed, four_eyes), who)
            newest = dict(votes[:length])
            barred = {asker, author} if four_eyes and len(active) > 1 else set()
            approved = {name for name, yes in newest.items() if yes} & approvers - barred
            rejected = {name for name, yes in newest.items() if not yes}
            rejected &= approvers | ({asker} & active)
            enough = len(approved) >= (needed if len(active) > 1 else 1)
            assert tally.complete == (enough and not rejected)
            assert set(tally.approved_by) == approved
            assert set(tally.rejected_by) == rejected
            if tally.decided_by(votes[length - 1][0]):
                break

    def test_the_newest_vote_of_a_person_counts_once(self) -> None:
        who = Electorate("ada", "ada", frozenset(NAMES), frozenset(NAMES))
        twice = count_votes(cast(("bo", True), ("bo", True)), Approvals(2), who)
        assert (twice.missing, twice.message) == (1, "1 of 2 approvals: bo")
        changed = count_votes(cast(("bo", True), ("bo", False)), Approvals(2), who)
        assert changed.rejected_by == ("bo",)

    def test_a_vote_that_does_not_count_says_why(self) -> None:
        who = Electorate("ada", "bo", frozenset(NAMES[:3]), frozenset(("ada", "bo")))
        votes = cast(("ada", True), ("bo", True), ("cy", True), ("di", True))
        tally = count_votes(votes, Approvals(1, four_eyes=True), who)
        assert [vote.objection.split(",")[0] for vote in tally.votes] == [
            "asked for it",
            "made the version",
            "does not have the right to approve",
            "is not active here",
        ]
        assert not tally.complete

    def test_a_tally_is_stored_as_plain_values(self) -> None:
        who = Electorate("ada", "", frozenset(("ada",)), frozenset(("ada",)))
        tally = count_votes(cast(("ada", True)), Approvals(2, four_eyes=True), who)
        assert tally.message == ONE_PERSON
        assert Tally.from_json(tally.to_json()) == tally


@pytest.fixture
def registered(workspace: Workspace, answering: None) -> Workspace:
    """A model with two versions that `ada` made; every person has a name."""
    store, now = workspace.store, workspace.store.now()
    with store.write() as session:
        session.add(Experiment(id=1, name="late", created_at=now, created_by="ada"))
        session.add(Model(name="late", created_at=now, created_by="ada"))
        for number in (1, 2):
            run = f"{number:032x}"
            session.add(
                Run(
                    id=run,
                    experiment_id=1,
                    name="a",
                    status="finished",
                    created_at=now,
                    user="ada",
                )
            )
            session.flush()
            session.add(
                ModelVersion(
                    model="late",
                    version=number,
                    run_id=run,
                    digest=store.artifacts.put_bytes(b"a model"),
                    signature=SIGNATURE.to_json(),
                    input_example=[{"pages": 3}],
                    metrics={"roc_auc": 0.7},
                    created_at=now,
                    created_by="ada",
                )
            )
    workspace.people.add("ada")
    return workspace


@pytest.fixture
def team(registered: Workspace) -> Workspace:
    for name in ("bo", "cy"):
        registered.people.add(name, rights=[APPROVE])
    registered.people.add("di")
    return registered


def policy(workspace: Workspace, approvals: Approvals, *gates: GateRule) -> None:
    workspace.policies.save(Policy("all", "production", ("*",), gates, approvals), "a test")


def ask(workspace: Workspace, version: int = 1) -> str:
    return workspace.registry.propose("late", version, "production", "better").id


class TestDeciding:
    def test_two_approvals_are_needed_and_the_last_one_moves_the_version(
        self, team: Workspace
    ) -> None:
        policy(team, Approvals(2, four_eyes=True))
        asked = ask(team)
        assert team.registry.decide(asked, True, "mine").status == "pending"
        assert team.acting_as("bo").registry.decide(asked, True, "looks fine").status == "pending"
        assert team.registry.champion("late") is None
        tally = team.registry.votes(asked)
        assert (tally.missing, tally.approved_by) == (1, ("bo",))
        decided = team.acting_as("cy").registry.decide(asked, True, "agreed")
        assert (decided.status, decided.decided_by) == ("accepted", "cy")
        assert team.registry.champion("late").version == 1
        entries = team.activity.entries(kind="promotion")
        assert list(entries["actor"])[:2] == ["bo", "ada"]
        promoted = team.activity.entries(verb="promoted").iloc[0]
        assert promoted["after"]["approvals"] == "2 of 2 approvals: bo, cy"

    def test_it_waits_for_those_whose_vote_is_missing(self, team: Workspace) -> None:
        policy(team, Approvals(2, four_eyes=True))
        asked = ask(team)

        def waiting(person: str) -> list[str]:
            return [item.ref for item in team.attention.items(person=person)]

        assert (waiting("ada"), waiting("bo"), waiting("cy")) == ([], [asked], [asked])
        team.acting_as("bo").registry.decide(asked, True, "fine")
        assert (waiting("bo"), waiting("cy")) == ([], [asked])
        team.attention.assign("promotion", asked, "di", "knows the data")
        assert (team.attention.assignee("promotion", asked), waiting("di")) == ("di", [asked])
        team.attention.assign("promotion", asked, "")
        assert waiting("di") == []
        team.people.change("di", active=False)
        with pytest.raises(Conflict, match="no longer active"):
            team.attention.assign("promotion", asked, "di")

    def test_a_rejection_ends_it(self, team: Workspace) -> None:
        policy(team, Approvals(3))
        asked = ask(team)
        team.acting_as("bo").registry.decide(asked, True, "fine")
        assert team.acting_as("cy").registry.decide(asked, False, "no").status == "rejected"
        with pytest.raises(Conflict, match="rejected already"):
            team.registry.decide(asked, True, "but")

    def test_a_vote_without_the_right_is_kept_and_does_not_count(self, team: Workspace) -> None:
        asked = ask(team)
        di = team.acting_as("di")
        assert "right to approve" in di.registry.vote_objection(asked)
        assert di.registry.decide(asked, True, "I like it").status == "pending"
        assert di.registry.decide(asked, False, "no longer").status == "pending"
        assert [vote.counts for vote in team.registry.votes(asked).votes] == [False]

    def test_whoever_asked_may_withdraw(self, team: Workspace) -> None:
        policy(team, Approvals(1, four_eyes=True))
        asked = team.acting_as("di").registry.propose("late", 1, "production", "please").id
        assert team.acting_as("di").registry.decide(asked, False, "a mistake").status == "rejected"

    def test_to_promote_at_once_waits_where_others_must_accept(self, team: Workspace) -> None:
        policy(team, Approvals(2))
        with pytest.raises(Refused):
            team.registry.promote("late", 1, "production", "now")
        asked = team.registry.promotions("pending")["id"].iloc[0]
        assert team.registry.votes(asked).approved_by == ("ada",)
        assert team.acting_as("bo").registry.decide(asked, True, "fine").status == "accepted"

    def test_one_person_alone_may_accept_and_that_is_recorded(self, registered: Workspace) -> None:
        policy(registered, Approvals(2, four_eyes=True))
        info = registered.registry.decide(ask(registered), True, "nobody else is here")
        assert info.status == "accepted"
        assert info.approvals["message"] == ONE_PERSON
        assert registered.registry.votes(info.id).alone
        at_once = registered.registry.promote("late", 2, "production", "again")
        assert at_once.approvals["message"] == ONE_PERSON

    def test_the_votes_of_a_decided_promotion_stay_as_they_were_counted(
        self, team: Workspace
    ) -> None:
        policy(team, Approvals(1))
        asked = ask(team)
        team.acting_as("bo").registry.decide(asked, True, "fine")
        before = team.registry.votes(asked)
        team.people.change("bo", active=False)
        assert team.registry.votes(asked) == before

    def test_a_vote_that_was_changed_by_hand_is_named(self, team: Workspace) -> None:
        policy(team, Approvals(3))
        team.acting_as("bo").registry.decide(ask(team), True, "fine")
        assert records(team.store).ok
        with team.store.engine.begin() as connection:
            connection.execute(text("UPDATE registry_vote SET person = 'cy'"))
        assert "vote" in records(team.store).message


class TestOverrides:
    @pytest.fixture
    def failing(self, team: Workspace) -> str:
        """A promotion whose metric is below the threshold."""
        rule = GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.9})
        policy(team, Approvals(1), rule)
        return ask(team)

    def override(self, workspace: Workspace, asked: str, days: float = 7, **changes: str):
        end = workspace.store.now() + timedelta(days=days)
        gate = changes.get("gate", "metric_threshold")
        reason = changes.get("reason", "the season ends")
        return workspace.registry.override(asked, gate, reason, end)

    def test_an_overridden_gate_lets_one_promotion_through(
        self, team: Workspace, failing: str, clock: FixedClock
    ) -> None:
        info = self.override(team, failing)
        assert (info.by, info.in_force, info.standing) == ("ada", True, False)
        decided = team.registry.decide(failing, True, "with the override")
        assert decided.status == "accepted"
        evidence = decided.decision_evidence
        assert [item["gate"] for item in evidence["overrides"]] == ["metric_threshold"]
        assert decided.decision_evidence_hash == evidence_hash(evidence)
        assert run_all(team.store)["promotions"].ok
        with pytest.raises(Refused):
            team.registry.promote("late", 2, "production", "the same")

        clock.advance(timedelta(days=8))
        (expired,) = team.registry.overrides(model="late")
        assert expired.has_expired
        items = [item for item in team.attention.items() if item.state == "expired"]
        assert [item.ref for item in items] == [failing]
        self.override(team, failing, reason="one more week")
        assert not [item for item in team.attention.items() if item.state == "expired"]
        assert len(team.registry.overrides(promotion=failing)) == 1

    def test_an_override_that_has_ended_lets_nothing_through(
        self, team: Workspace, failing: str, clock: FixedClock
    ) -> None:
        self.override(team, failing, days=1)
        clock.advance(timedelta(days=2))
        with pytest.raises(Refused, match="metric_threshold"):
            team.registry.decide(failing, True, "too late")

    def test_it_needs_a_right_a_reason_and_an_end(self, team: Workspace, failing: str) -> None:
        with pytest.raises(Refused, match="override"):
            self.override(team.acting_as("bo"), failing)
        with pytest.raises(Invalid, match="reason"):
            self.override(team, failing, reason=" ")
        for days in (0, -1, 400):
            with pytest.raises(Invalid, match="within a year"):
                self.override(team, failing, days=days)
        with pytest.raises(Conflict, match="metric_threshold"):
            self.override(team, failing, gate="has_contract")
        assert OVERRIDE in RIGHTS

    def test_a_gate_that_guards_safety_is_never_overridden(
        self, team: Workspace, failing: str
    ) -> None:
        for gate in ("answers_example", "artifact_safety"):
            with pytest.raises(Refused, match="guards safety"):
                self.override(team, failing, gate=gate)

    def test_nobody_overrides_without_a_name(self, team: Workspace, failing: str) -> None:
        from dataclasses import replace

        unnamed = Workspace(replace(team.store, is_person=False))
        with pytest.raises(PersonNeeded):
            self.override(unnamed, failing)
