"""The built-in policy: its editions, what each kind of model meets, and measuring by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from harness.policies import set_gates
from pilothouse.data import samples
from pilothouse.kit.errors import Conflict, Invalid, Refused
from pilothouse.kit.settings import Settings
from pilothouse.models.tasks import tasks
from pilothouse.pipelines.measurements import MeasurementResult, model_process
from pilothouse.pipelines.version_measurement import measure_before, measure_version
from pilothouse.registry import deletion, measurement_jobs, versions
from pilothouse.registry.default_gates import (
    BASIC,
    BASIC_GATES,
    FROM_ELSEWHERE,
    RECOMMENDED,
    GatedVersion,
    built_in,
)
from pilothouse.registry.gates import gates
from pilothouse.registry.policy import GateRule
from pilothouse.registry.tables import ModelVersion
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace
from pilothouse.workspace.checks.records import records

MODEL, STAGE = "late", "production"


def quiet(*_: Any) -> None:
    pass


PROGRESS: Any = quiet


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace with the recommended edition, and two versions that say which flight is late."""
    patch = pytest.MonkeyPatch()  # that a process answers is tested elsewhere
    patch.setattr("pilothouse.deployments.controller.trial.try_version", lambda *_: "")
    figures = {"p50_ms": 2.0, "p95_ms": 4.0, "memory_mb": 180.0, "requests": 200}
    answered = staticmethod(lambda *_: MeasurementResult(figures, "1 row"))
    patch.setattr(model_process.ModelProcessMeasurement, "measure", answered)
    folder = tmp_path_factory.mktemp("defaults") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada", code_patch=False))
    workspace.policies.use_edition(RECOMMENDED, "as a new workspace has it")
    flights = pd.read_parquet(samples.flights())
    names = [samples.FLIGHT_TIME, *samples.FLIGHT_FEATURES, samples.FLIGHT_LABEL]
    flights = flights[flights["month"] < 3].iloc[::12][names]
    workspace.data.register("flights", flights, event_time=samples.FLIGHT_TIME)
    for weight in ("none", "balanced"):
        spec = TrainingSpec(
            "flights@1", samples.FLIGHT_LABEL, trainer="logistic_regression", folds=2,
            class_weight=weight,
        )  # fmt: skip
        workspace.registry.register(MODEL, workspace.training.train_now(spec))
    yield workspace
    workspace.store.engine.dispose()
    patch.undo()


def test_every_task_has_gates_that_its_models_can_meet() -> None:
    for name, task in tasks.items():
        info = built_in(STAGE, RECOMMENDED, GatedVersion(task.example.signature, True))
        names = {rule.gate for rule in info.gates}
        assert names >= {"has_contract", "artifact_safety", "latency", "memory", "model_size"}, name
        assert ("watched_metrics" in names) == bool(task.metrics)
        for rule in info.gates:
            rule.checked()
        assert info.left_out == {}
        metrics = {metric.key for metric in task.metrics}
        assert {rule.params.get("metric", "") for rule in info.gates} <= {"", *metrics}


def test_what_repeats_a_training_is_left_out_for_versions_from_elsewhere() -> None:
    signature = tasks.get("binary").example.signature
    info = built_in(STAGE, RECOMMENDED, GatedVersion(signature, False))
    assert info.left_out == {"baseline_beaten": FROM_ELSEWHERE, "no_leakage": FROM_ELSEWHERE}
    assert not {rule.gate for rule in info.gates} & set(info.left_out)
    assert "calibration" in {rule.gate for rule in info.gates}
    labels = built_in(STAGE, RECOMMENDED, GatedVersion(replace(signature, gives="label"), False))
    assert "calibration" not in {rule.gate for rule in labels.gates}
    assert "log_loss" not in {rule.params.get("metric") for rule in labels.gates}


def test_staging_and_the_basic_edition_ask_every_version_alike() -> None:
    version = GatedVersion(tasks.get("regression").example.signature, True)
    assert built_in("staging", RECOMMENDED, version).gates == BASIC_GATES["staging"]
    assert built_in(STAGE, BASIC, version).gates == BASIC_GATES[STAGE]


def test_an_edition_is_chosen_by_a_person_with_a_reason(workspace: Workspace) -> None:
    assert workspace.policies.edition() == BASIC  # that of the tests
    with pytest.raises(Invalid, match="needs a reason"):
        workspace.policies.use_edition(RECOMMENDED, " ")
    with pytest.raises(Invalid, match="must be recommended or basic"):
        workspace.policies.use_edition("strict", "why not")
    workspace.policies.use_edition(RECOMMENDED, "after the audit")
    entry = workspace.activity.entries().iloc[0]
    assert (entry["verb"], entry["kind"], entry["reason"]) == (
        "changed",
        "policy",
        "after the audit",
    )
    count = workspace.activity.count()
    workspace.policies.use_edition(RECOMMENDED, "again")
    assert workspace.activity.count() == count
    assert records(workspace.store).ok
    with workspace.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE registry_built_in_policy SET edition = 'basic'")
    assert "built-in policy" in records(workspace.store).message


def test_a_refused_promotion_measures_what_is_missing(trained: Workspace) -> None:
    with pytest.raises(Refused, match="not measured yet") as refused:
        trained.registry.promote(MODEL, 1, STAGE, "the first")
    [job] = trained.jobs.jobs(kind=measurement_jobs.KIND)["id"]
    assert job in refused.value.hint
    pending = trained.registry.propose(MODEL, 1, STAGE, "the first", origin="pipeline")
    assert trained.jobs.jobs(kind=measurement_jobs.KIND)["id"].tolist() == [job]
    with pytest.raises(Conflict, match="is being measured"):
        trained.registry.decide(pending.id, True, "looks good")
    assert trained.registry.promotion(pending.id).status == "pending"

    measure_version(
        trained.store, PROGRESS, model=MODEL, version=1, needs=trained.jobs.job(job).args["needs"]
    )
    trained.registry.decide(pending.id, True, "every gate passes")
    assert trained.registry.champion(MODEL).version == 1  # type: ignore[union-attr]


def test_a_model_whose_probabilities_are_off_cannot_pass(trained: Workspace) -> None:
    """Balanced weights make every probability too high: it ranks as well, and is off by far."""
    measure_before(trained.store, PROGRESS, MODEL, 2, STAGE)
    verdicts = trained.registry.assess(MODEL, 2, STAGE).verdicts
    failed = {verdict.gate for verdict in verdicts if verdict.outcome == "failed"}
    assert failed >= {"calibration", "watched_metrics"}
    metrics = trained.registry.version(MODEL, 2).metrics
    assert metrics["roc_auc"] > trained.registry.version(MODEL, 1).metrics["roc_auc"] - 0.01
    assert metrics["calibration_error"] > 0.1


@pytest.mark.parametrize(("loss", "outcome"), [(1.53, "failed"), (0.51, "passed")])
def test_a_log_loss_worse_than_that_of_a_coin_fails(
    trained: Workspace, loss: float, outcome: str
) -> None:
    rule = next(
        rule
        for rule in trained.policies.built_in(STAGE, "binary").gates
        if rule.params.get("metric") == "log_loss" and rule.gate == "metric_threshold"
    )
    assert rule.params["threshold"] == pytest.approx(math.log(2), abs=1e-4)
    evidence = trained.registry.assess(MODEL, 1, STAGE).evidence
    side = replace(evidence.candidate, metrics={**evidence.candidate.metrics, "log_loss": loss})
    assert rule.evaluate(replace(evidence, candidate=side, comparison=None)).outcome == outcome


def test_what_could_not_be_measured_is_left_to_a_person(trained: Workspace) -> None:
    set_gates(trained, STAGE, [GateRule("fairness", {"columns": "absent"})])
    measure_before(trained.store, PROGRESS, MODEL, 2, STAGE)
    assert [need.kind for need in trained.registry.unmeasured(MODEL, 2, STAGE)] == ["group_gaps"]
    assert trained.registry.measure(MODEL, 2, STAGE, untried=True) == ""
    assert trained.registry.measure(MODEL, 2, STAGE) != ""
    trained.policies.remove(STAGE, "only a test")


def test_decisions_outlive_their_version(trained: Workspace) -> None:
    """A promotion that waits is rejected, the moves end, and the number is not given again."""
    set_gates(trained, STAGE, ())
    waiting = trained.registry.propose(MODEL, 2, STAGE, "it is newer")
    first = trained.registry.promotions("accepted", MODEL)["id"].iloc[0]
    since = trained.registry.history(MODEL)["at"].iloc[0].to_pydatetime()
    trained.registry.archive(MODEL, 1, "no longer needed")
    with trained.store.write(durable=True) as session:
        for number in (1, 2):
            row = session.get_one(ModelVersion, (MODEL, number))
            deletion.delete_version(session, trained.store, row)

    kept = trained.registry.promotion(first)
    assert (kept.status, kept.of_deleted) == ("accepted", True)
    assert kept.evidence["candidate"]["version"] == f"{MODEL}@1"
    assert trained.registry.votes(first).approved_by == ("ada",)
    rejected = trained.registry.promotion(waiting.id)
    assert (rejected.status, rejected.decision_reason) == ("rejected", "the version was deleted")
    moves = trained.registry.history(MODEL)
    assert moves[["version", "after"]].to_numpy().tolist()[:2] == [[2, "deleted"], [1, "deleted"]]
    [then] = trained.governance.in_production(since)
    assert (then.ref, then.promotion) == (f"{MODEL}@1", first)
    assert then.digest == kept.evidence["candidate"]["digest"]
    assert trained.governance.in_production() == []
    assert records(trained.store).ok
    with trained.store.read() as session:
        assert versions.last_remembered(session, MODEL) == 2
    assert all(gates.get(verdict.gate) for verdict in kept.newest_verdicts)
