"""The registry: versions with a source, stages with a history, promotions with evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy.exc import IntegrityError

from harness.policies import set_gates
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.registry.evidence import ChampionComparison, evidence_hash
from pilothouse.registry.policy import GateRule
from pilothouse.registry.tables import Model, ModelVersion
from pilothouse.registry.versions import VersionSource
from pilothouse.workspace import Workspace

pytestmark = pytest.mark.usefixtures("answering")
SIGNATURE = Signature((SignatureField("pages", "integer"),), "bought", ("no", "yes"), "yes", 0.4)
Train = Callable[..., str]


@pytest.fixture
def data(workspace: Workspace) -> str:
    frame = pd.DataFrame({"pages": range(40), "bought": ["no", "yes"] * 20})
    return workspace.data.register("visits", frame).ref


@pytest.fixture
def train(workspace: Workspace, data: str) -> Train:
    """A finished run with a model; the figures are said, not computed."""

    def make(auc: float = 0.7, held_out: str = "rows", finished: bool = True) -> str:
        experiments = workspace.experiments
        run = experiments.start("shop", trainer="random_forest")
        experiments.log_metrics(run, {"roc_auc": auc})
        experiments.log_input(run, data, "training")
        experiments.tag(run, {"training.held_out": held_out})
        experiments.log_artifact(run, "model/model.joblib", f"model of {run}".encode())
        signature = json.dumps(SIGNATURE.to_json()).encode()
        experiments.log_artifact(run, "model/signature.json", signature)
        experiments.log_artifact(run, "model/input_example.json", b'[{"pages": 3}]')
        if finished:
            experiments.finish(run)
        return run

    return make


def verbs(workspace: Workspace) -> list[str]:
    return workspace.activity.entries(size=200)["verb"].tolist()


class TestVersions:
    def test_a_version_carries_all_of_its_run(
        self, workspace: Workspace, train: Train, data: str
    ) -> None:
        run = train(0.71)
        version = workspace.registry.register("late", run, note="a first one")
        assert (version.ref, version.run_id, version.stage) == ("late@1", run, "none")
        assert version.signature == SIGNATURE
        assert version.input_example == [{"pages": 3}]
        assert version.metrics == {"roc_auc": 0.71}
        assert (version.dataset, version.held_out) == (data, "rows")
        assert workspace.store.artifacts.read(version.digest) == f"model of {run}".encode()
        assert workspace.registry.version("late", 1) == version
        assert workspace.registry.of_run(run) == [version]

    def test_numbers_count_from_one_and_a_run_is_registered_once(
        self, workspace: Workspace, train: Train
    ) -> None:
        runs = [train(), train()]
        registry = workspace.registry
        assert [registry.register("late", run).version for run in [*runs, runs[0]]] == [1, 2, 1]
        assert registry.register("other", runs[0]).version == 1

    def test_a_run_must_have_finished_and_have_a_model(
        self, workspace: Workspace, train: Train
    ) -> None:
        with pytest.raises(Conflict, match="running"):
            workspace.registry.register("late", train(finished=False))
        empty = workspace.experiments.start("shop")
        workspace.experiments.finish(empty)
        with pytest.raises(Invalid, match=r"model/model\.joblib"):
            workspace.registry.register("late", empty)
        with pytest.raises(NotFound):
            workspace.registry.register("late", "0" * 32)
        assert workspace.registry.models().empty

    def test_a_name_must_fit_into_an_address(self, workspace: Workspace, train: Train) -> None:
        for name in ("", "late@2", "a/b", " late"):
            with pytest.raises(Invalid) as refused:
                workspace.registry.register(name, train())
            assert "model" in refused.value.fields

    def test_an_import_is_named_and_its_bytes_are_here(self, workspace: Workspace) -> None:
        digest = workspace.store.artifacts.put_bytes(b"a model from elsewhere")
        source = VersionSource(digest, SIGNATURE, [], {"roc_auc": 0.7}, imported="mlflow: churn/4")
        version = workspace.registry.register_import("late", source)
        assert (version.run_id, version.import_source) == (None, "mlflow: churn/4")
        with pytest.raises(Invalid):
            workspace.registry.register_import("late", VersionSource(digest, SIGNATURE, [], {}))
        lost = VersionSource("f" * 64, SIGNATURE, [], {}, imported="somewhere")
        with pytest.raises(NotFound, match="not in the store"):
            workspace.registry.register_import("late", lost)

    @pytest.mark.parametrize(
        ("source", "digest"), [({}, "a" * 64), ({"import_source": "file"}, "")]
    )
    def test_the_database_itself_refuses_a_version_from_nowhere(
        self, workspace: Workspace, source: dict[str, str], digest: str
    ) -> None:
        at = workspace.store.now()
        row = ModelVersion(
            model="late",
            version=1,
            digest=digest,
            signature={},
            input_example=[],
            metrics={},
            created_at=at,
            created_by="ada",
            **source,
        )
        with workspace.store.write() as session:
            session.add(Model(name="late", created_at=at, created_by="ada"))
            session.flush()
            session.add(row)
            with pytest.raises(IntegrityError):
                session.flush()
            session.rollback()

    def test_what_is_not_there_is_named_with_what_is(
        self, workspace: Workspace, train: Train
    ) -> None:
        workspace.registry.register("late", train())
        with pytest.raises(NotFound, match="the latest is 1"):
            workspace.registry.version("late", 2)
        with pytest.raises(NotFound, match="Known: late"):
            workspace.registry.version("early", 1)
        with pytest.raises(NotFound, match="alias 'champion'"):
            workspace.registry.version("late", "champion")


class TestPromotion:
    def test_a_good_version_goes_to_production_and_is_the_champion(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        registry.register("late", train(0.7))
        assert registry.champion("late") is None
        info = registry.promote("late", 1, "production", "the best so far")
        assert (info.status, info.decided_by) == ("accepted", "ada")
        assert [verdict.outcome for verdict in info.verdicts] == ["passed"] * 5
        champion = registry.champion("late")
        assert champion is not None
        assert (champion.version, champion.stage, champion.aliases) == (
            1,
            "production",
            ("champion",),
        )
        assert registry.version("late", "champion") == champion
        assert registry.in_production() == [champion]

    def test_a_better_one_takes_its_place_and_history_tells(
        self, workspace: Workspace, train: Train, clock: FixedClock
    ) -> None:
        registry = workspace.registry
        for auc in (0.7, 0.72):
            number = registry.register("late", train(auc)).version
            registry.promote("late", number, "production", f"try {number}")
            clock.advance(timedelta(days=1))
        assert registry.version("late", 1).stage == "archived"
        assert registry.champion("late") == registry.version("late", 2)
        history = registry.history("late")
        moves = list(zip(history["version"], history["before"], history["after"], strict=True))
        assert moves == [
            (2, "none", "production"),
            (1, "production", "archived"),
            (1, "none", "production"),
        ]
        assert history["reason"].tolist() == ["try 2", "replaced by late@2", "try 1"]

    def test_a_refusal_says_which_gate_and_by_how_much_and_is_kept(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        registry.register("late", train(0.75))
        registry.register("late", train(0.58))
        registry.promote("late", 1, "production", "first")
        with pytest.raises(Refused) as refusal:
            registry.promote("late", 2, "production", "please")
        assert "metric_threshold: ROC AUC 0.5800 is 0.0200 below" in refusal.value.message
        assert "beats_champion" in refusal.value.message
        assert "0.1650 more than the margin" in refusal.value.message
        assert registry.version("late", 2).stage == "none"
        promotions = registry.promotions("refused")
        assert promotions["version"].tolist() == [2]
        assert "metric_threshold" in promotions["gates"][0]
        assert verbs(workspace)[0] == "refused"

    def test_assessing_writes_nothing_and_agrees_with_promoting(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        registry.register("late", train(0.58))
        before = len(verbs(workspace))
        decision = registry.assess("late", 1, "production")
        assert not decision.accepted
        assert "0.0200 below" in decision.message
        assert registry.assess("late", 1, "staging").accepted
        assert len(verbs(workspace)) == before
        assert registry.promotions().empty

    def test_evidence_is_frozen_with_its_digest(
        self, workspace: Workspace, train: Train, data: str
    ) -> None:
        registry = workspace.registry
        run = train(0.7)
        version = registry.register("late", run)
        info = registry.promote("late", 1, "production", "first")
        candidate = info.evidence["candidate"]
        assert (candidate["run"], candidate["digest"]) == (run, version.digest)
        assert info.evidence["contract"]["dataset"] == data
        assert info.evidence_hash == evidence_hash(dict(registry.promotion(info.id).evidence))

    def test_a_promotion_needs_a_reason_and_a_stage_that_is_guarded(
        self, workspace: Workspace, train: Train
    ) -> None:
        workspace.registry.register("late", train())
        with pytest.raises(Invalid) as refused:
            workspace.registry.promote("late", 1, "production", " ")
        assert "reason" in refused.value.fields
        with pytest.raises(Invalid, match="staging or production"):
            workspace.registry.promote("late", 1, "moon", "why not")

    def test_what_is_there_already_is_a_conflict_but_the_same_request_is_not(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        registry.register("late", train())
        first = registry.promote("late", 1, "production", "first", promotion_id="step-1")
        assert registry.promote("late", 1, "production", "first", promotion_id="step-1") == first
        with pytest.raises(Conflict, match="production already"):
            registry.promote("late", 1, "production", "again")

    def test_each_change_is_an_activity_in_the_same_chain(
        self, workspace: Workspace, train: Train
    ) -> None:
        workspace.registry.register("late", train())
        workspace.registry.promote("late", 1, "production", "it is the best")
        newest = workspace.activity.entries(verb="promoted").iloc[0]
        assert (newest["kind"], newest["ref"], newest["reason"]) == (
            "version",
            "late@1",
            "it is the best",
        )
        assert newest["before"] == {"stage": "none", "champion": None}
        assert newest["after"]["champion"] == "late@1"
        assert workspace.activity.verify().intact


class TestDecisions:
    def test_a_proposal_waits_for_a_person(self, workspace: Workspace, train: Train) -> None:
        registry = workspace.registry
        registry.register("late", train())
        proposal = registry.propose(
            "late", 1, "production", "drift", origin="retraining", promotion_id="job-1"
        )
        assert (proposal.status, proposal.origin) == ("pending", "retraining")
        assert registry.champion("late") is None
        assert registry.propose("late", 1, "production", "drift", promotion_id="job-1") == proposal
        assert registry.models()["pending"].tolist() == [1]
        decided = registry.decide(proposal.id, True, "seen and agreed")
        assert (decided.status, decided.decision_reason) == ("accepted", "seen and agreed")
        assert decided.decision_evidence_hash
        assert registry.champion("late") == registry.version("late", 1)
        assert registry.promotions("pending").empty

    def test_one_version_has_one_pending_promotion(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        registry.register("late", train())
        registry.propose("late", 1, "production", "one")
        for ask in (registry.propose, registry.promote):
            with pytest.raises(Conflict, match="waits for a decision"):
                ask("late", 1, "production", "two")

    def test_a_rejected_one_changes_nothing_and_is_final(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        registry.register("late", train())
        proposal = registry.propose("late", 1, "production", "drift")
        with pytest.raises(Invalid):
            registry.decide(proposal.id, False, "")
        assert registry.decide(proposal.id, False, "not now").status == "rejected"
        assert registry.version("late", 1).stage == "none"
        with pytest.raises(Conflict, match="rejected already"):
            registry.decide(proposal.id, True, "after all")
        assert registry.propose("late", 1, "production", "drift again").status == "pending"

    def test_accepting_asks_the_gates_again_of_todays_champion(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        for auc in (0.70, 0.71, 0.80):
            registry.register("late", train(auc))
        registry.promote("late", 1, "production", "first")
        proposal = registry.propose("late", 2, "production", "better than the champion")
        registry.promote("late", 3, "production", "far better")
        with pytest.raises(Refused, match="beats_champion"):
            registry.decide(proposal.id, True, "agreed")
        promotion = registry.promotion(proposal.id)
        assert promotion.status == "refused"
        assert all(verdict.passed for verdict in promotion.verdicts)
        assert not all(verdict.passed for verdict in promotion.newest_verdicts)
        assert registry.version("late", 2).stage == "none"

    def test_a_comparison_on_the_same_rows_decides_while_its_champion_reigns(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        registry.register("late", train(0.75, held_out="january"))
        registry.register("late", train(0.68, held_out="march"))
        registry.promote("late", 1, "production", "first")
        assert not registry.assess("late", 2, "production").accepted
        compared = ChampionComparison(
            "late@1", {"roc_auc": 0.68}, {"roc_auc": 0.61}, "march"
        ).to_json()
        assert registry.assess("late", 2, "production", compared).accepted
        proposal = registry.propose("late", 2, "production", "drift", compared)
        assert registry.decide(proposal.id, True, "agreed").status == "accepted"

    def test_a_comparison_with_somebody_else_does_not_count(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        for auc in (0.75, 0.68):
            registry.register("late", train(auc))
        registry.promote("late", 1, "production", "first")
        compared = ChampionComparison("late@9", {"roc_auc": 0.68}, {"roc_auc": 0.61}, "march")
        assert not registry.assess("late", 2, "production", compared).accepted


class TestGatesAndAliases:
    def test_gates_are_data_that_people_change(self, workspace: Workspace, train: Train) -> None:
        registry = workspace.registry
        registry.register("late", train(0.58))
        mild = set_gates(
            workspace, "production", [GateRule("metric_threshold", {"threshold": 0.55})]
        )
        promotion = registry.promote("late", 1, "production", "good enough")
        assert (promotion.status, promotion.policy) == ("accepted", mild.reference())

    def test_without_a_contract_nothing_is_promoted(self, workspace: Workspace) -> None:
        digest = workspace.store.artifacts.put_bytes(b"a model")
        source = VersionSource(digest, SIGNATURE, [], {"roc_auc": 0.9}, imported="elsewhere")
        workspace.registry.register_import("late", source)
        with pytest.raises(Refused, match="has_contract"):
            workspace.registry.promote("late", 1, "staging", "try")

    def test_an_alias_moves_and_tells_what_it_left(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        for _ in range(2):
            registry.register("late", train())
        assert registry.set_alias("late", "challenger", 1) is None
        assert registry.set_alias("late", "challenger", 2) == 1
        assert registry.version("late", "challenger").version == 2
        assert registry.set_alias("late", "challenger", None) == 2
        with pytest.raises(NotFound):
            registry.version("late", "challenger")
        with pytest.raises(Conflict, match="follows production"):
            registry.set_alias("late", "champion", 1)
        with pytest.raises(Invalid):
            registry.set_alias("late", "7", 1)

    def test_an_archived_champion_leaves_no_champion(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        registry.register("late", train())
        registry.promote("late", 1, "production", "first")
        registry.archive("late", 1, "it was wrong")
        assert registry.champion("late") is None
        assert registry.version("late", 1).stage == "archived"
        with pytest.raises(Conflict):
            registry.archive("late", 1)

    def test_frames_have_their_columns_full_and_empty(
        self, workspace: Workspace, train: Train
    ) -> None:
        registry = workspace.registry
        assert {"name", "champion", "pending"} <= set(registry.models().columns)
        assert {"id", "status", "gates"} <= set(registry.promotions().columns)
        registry.register("late", train(0.7))
        assert registry.history("late").empty
        registry.register("late", train(0.8))
        registry.promote("late", 2, "production", "best")
        frame = registry.versions("late")
        assert frame["version"].tolist() == [2, 1]
        assert frame["aliases"].tolist() == ["champion", ""]
        assert frame["metrics.roc_auc"].tolist() == [0.8, 0.7]
        model = registry.models().iloc[0]
        assert (model["versions"], model["latest"], model["champion"]) == (2, 2, 2)
        with pytest.raises(NotFound):
            registry.versions("early")
