"""What gates need of a version is measured on real rows: flights, and three airports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlmodel import col, delete, select

from harness.policies import set_gates
from pilothouse.comparison.group_differences import gap, group_means
from pilothouse.data import samples
from pilothouse.kit.settings import Settings
from pilothouse.pipelines.version_measurement import measure_version
from pilothouse.registry.deletion import delete_model, rename
from pilothouse.registry.gates import Verdict, gates
from pilothouse.registry.policy import GateRule
from pilothouse.registry.tables import Measurement, Model
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace
from pilothouse.workspace.checks.records import records

MODEL, AIRPORTS, STAGE = "late", "airports", "production"
# The gates that judge a measurement: parameters with which real rows pass, and fail.
LIMITS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "baseline_beaten": ({}, {"gain": 0.5}),
    "fairness": ({"difference": 1.0}, {"difference": 0.0}),
    "latency": ({"p95": 60_000.0}, {"p95": 0.1}),
    "memory": ({"limit": 100_000.0}, {"limit": 1.0}),
    "no_leakage": ({"overlap": 1.0}, {"entity": "carrier"}),
    "non_inferior": ({"margin": 1.0}, {"margin": 0.0}),
    "reproducible": ({}, {}),
    "robustness": ({"fall": 1.0}, {"fall": 0.0}),
    "worst_slice": ({"shortfall": 1.0}, {"shortfall": 0.0}),
}
COLUMNS = {"columns": "origin"}


def quiet(*_: Any) -> None:
    pass


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Two versions that say whether a flight is late, one in production, and one of airports."""
    patch = pytest.MonkeyPatch()  # that they answer their example is tested elsewhere
    patch.setattr("pilothouse.deployments.controller.trial.try_version", lambda *_: "")
    folder = tmp_path_factory.mktemp("measured") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada", code_patch=False))
    flights = pd.read_parquet(samples.flights())
    flights = flights[flights["month"] < 3].iloc[::30]
    names = [samples.FLIGHT_TIME, *samples.FLIGHT_FEATURES, samples.FLIGHT_LABEL]
    workspace.data.register("flights", flights[names], event_time=samples.FLIGHT_TIME)
    choices: dict[str, Any] = {"trainer": "logistic_regression", "folds": 2}
    for features in (("distance",), ()):
        spec = TrainingSpec("flights@1", samples.FLIGHT_LABEL, features=features, **choices)
        workspace.registry.register(MODEL, workspace.training.train_now(spec))
    spec = TrainingSpec("flights@1", "origin", features=("carrier", "distance"), **choices)
    workspace.registry.register(AIRPORTS, workspace.training.train_now(spec))
    set_gates(workspace, STAGE, ())
    workspace.registry.promote(MODEL, 1, STAGE, "the first")
    yield workspace
    workspace.store.engine.dispose()
    patch.undo()


def set_rules(workspace: Workspace, which: int) -> None:
    """The gates of `LIMITS` with the parameters that pass (0) or fail (1)."""
    rules = [
        GateRule(name, {**limits[which], **(COLUMNS if name == "fairness" else {})})
        for name, limits in LIMITS.items()
    ]
    set_gates(workspace, STAGE, rules)


def verdicts(workspace: Workspace, model: str, version: int) -> dict[str, Verdict]:
    decision = workspace.registry.assess(model, version, STAGE)
    return {verdict.gate: verdict for verdict in decision.verdicts}


def measure(workspace: Workspace, model: str, version: int) -> dict[str, Any]:
    needs = workspace.registry.unmeasured(model, version, STAGE)
    plain = [{"kind": need.kind, "params": dict(need.params)} for need in needs]
    progress: Any = quiet
    return measure_version(workspace.store, progress, model=model, version=version, needs=plain)


def test_flights_are_undecided_then_pass_and_fail_by_the_limits(measured: Workspace) -> None:
    set_rules(measured, 0)
    before = verdicts(measured, MODEL, 2)
    assert {before[name].outcome for name in LIMITS} == {"inconclusive"}

    job = measured.registry.measure(MODEL, 2)
    assert measured.registry.measure(MODEL, 2, STAGE) == job  # one that waits is not doubled
    assert measured.jobs.job(job).subject_ref == f"{MODEL}@2"
    result = measure(measured, MODEL, 2)
    assert result == {"measured": 8, "failed": {}}
    after = verdicts(measured, MODEL, 2)
    assert {name: after[name].message for name in LIMITS if not after[name].passed} == {}

    set_rules(measured, 1)
    assert measure(measured, MODEL, 2)["measured"] == 1  # leakage by carrier; limits need nothing
    strict = verdicts(measured, MODEL, 2)
    assert {name for name in LIMITS if strict[name].outcome == "failed"} >= set(LIMITS) - {
        "reproducible"
    }
    assert "carrier" in strict["no_leakage"].message
    assert strict["reproducible"].figure == pytest.approx(0, abs=1e-12)
    assert measured.registry.unmeasured(MODEL, 2, STAGE) == ()


def test_what_is_measured_is_frozen_with_the_evidence(measured: Workspace) -> None:
    set_rules(measured, 0)
    measure(measured, MODEL, 2)
    info = measured.registry.propose(MODEL, 2, STAGE, "it is better")
    kinds = {fact["kind"] for fact in info.evidence["measurements"]}
    assert kinds == {gates.get(name).uses.kind for name in LIMITS}  # type: ignore[attr-defined]
    assert info.evidence["comparison"]["interval"]["unit"] == "days"
    assert all(fact["digest"] for fact in info.evidence["measurements"])
    measured.registry.decide(info.id, False, "only a test")


def test_a_measurement_that_is_changed_is_named(measured: Workspace) -> None:
    set_rules(measured, 0)
    measure(measured, MODEL, 2)
    frame = measured.registry.measurements(MODEL, 2)
    assert set(frame["kind"]) >= {"worst_slice", "model_process"}
    assert records(measured.store).ok
    changed = f"UPDATE registry_measurement SET figures = '{{}}' WHERE model = '{MODEL}'"
    with measured.store.engine.begin() as connection:
        connection.exec_driver_sql(changed)
    assert "measurement" in records(measured.store).message
    # What it was is measured again, for the tests after this one.
    with measured.store.write(durable=True) as session:
        session.execute(delete(Measurement).where(col(Measurement.model) == MODEL))


def test_classes_of_more_than_two_are_measured_alike(measured: Workspace) -> None:
    rules = [
        GateRule("baseline_beaten"),
        GateRule("worst_slice", {"shortfall": 1.0, "min_rows": 20}),
        GateRule("fairness", {"columns": "carrier", "min_rows": 20, "difference": 0.0}),
        GateRule("no_leakage"),
        GateRule("calibration", {"error": 0.0}),
        GateRule("reproducible"),
        GateRule("better_than_champion"),
    ]
    set_gates(measured, STAGE, rules)
    assert measure(measured, AIRPORTS, 1)["failed"] == {}
    found = verdicts(measured, AIRPORTS, 1)
    assert found["baseline_beaten"].passed
    assert found["worst_slice"].passed
    assert found["reproducible"].passed
    assert found["better_than_champion"].message == "there is no champion to compare with"
    assert found["fairness"].outcome == "failed"
    assert "Accuracy difference" in found["fairness"].message
    assert found["calibration"].outcome == "failed"
    # An airport's flights of one carrier over one distance are many: rows are equal.
    assert found["no_leakage"].outcome == "failed"


def test_a_champion_that_may_know_the_rows_is_not_compared(measured: Workspace) -> None:
    """Trained on the same data with another split, it may have been fitted on them."""
    spec = TrainingSpec(
        "flights@1", samples.FLIGHT_LABEL, features=("distance",), split="random",
        trainer="logistic_regression", folds=0, seed=5,
    )  # fmt: skip
    version = measured.registry.register(MODEL, measured.training.train_now(spec)).version
    set_gates(measured, STAGE, [GateRule("non_inferior")])
    failed = measure(measured, MODEL, version)["failed"]
    assert "may have been trained on these rows" in failed["champion_difference"]
    found = verdicts(measured, MODEL, version)["non_inferior"]
    assert found.outcome == "inconclusive"
    assert "may have been trained on these rows" in found.message


def test_what_is_measured_goes_with_a_renamed_and_a_deleted_model(measured: Workspace) -> None:
    set_gates(measured, STAGE, [GateRule("reproducible")])
    measure(measured, AIRPORTS, 1)
    with measured.store.write() as session:
        rename(session, measured.store, session.get_one(Model, AIRPORTS), "ports")
    assert not measured.registry.measurements("ports", 1).empty
    with measured.store.write() as session:
        delete_model(session, measured.store, session.get_one(Model, "ports"))
        assert session.exec(select(Measurement.id).where(Measurement.model == "ports")).all() == []


def test_gaps_are_those_of_fairlearn_by_hand() -> None:
    """Selected: 3 of 4 of a, 1 of 2 of b; the one row of c is too few."""
    groups = ["a", "a", "a", "a", "b", "b", "c"]
    called = np.array([1.0, 1, 1, 0, 1, 0, 0])
    means, small = group_means(groups, called, 2)
    assert (means, small) == ({"a": 0.75, "b": 0.5}, 1)
    parity = gap("Demographic parity difference", "group", means)
    assert parity is not None
    assert parity.difference == 0.25
    # True positive rates 2/3 and 1/1, false positive rates 1/1 and 0/1: the odds differ by 1.
    truth = np.array([1.0, 1, 0, 1, 1, 0, 1])
    rates = [group_means(groups, np.where(truth == y, called, np.nan), 1)[0] for y in (1, 0)]
    assert rates[0] == {"a": pytest.approx(2 / 3), "b": 1.0, "c": 0.0}
    assert rates[1] == {"a": 1.0, "b": 0.0}
    odds = gap("Equalised odds difference", "group", rates[1])
    assert odds is not None
    assert (odds.difference, odds.low_group, odds.high_group) == (1.0, "b", "a")
    assert gap("one group", "group", {"a": 0.5}) is None
