"""A model that a recipe's code made is retrained by that code, on newer labelled predictions."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from harness.filled_folders import filled
from harness.jobs import at_once
from pilothouse.deployments import Deployments
from pilothouse.experiments import trusted_models
from pilothouse.jobs import Progress
from pilothouse.kit import processes
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid
from pilothouse.pipelines.champion_comparison import compare_evaluations
from pilothouse.pipelines.retraining_policy import RetrainingPolicy
from pilothouse.pipelines.version_evaluation import evaluate_version
from pilothouse.pipelines.workflows.retrain import RetrainWorkflow
from pilothouse.pipelines.workflows.run_recipe import RunRecipeWorkflow
from pilothouse.registry.evaluations import REFERENCE_PATH, reference_of
from pilothouse.registry.versions import find
from pilothouse.workspace import Workspace

CODE = """
import argparse, json, os
import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression

parser = argparse.ArgumentParser()
parser.add_argument("--data")
parser.add_argument("--strength", type=float, default=1.0)
given = parser.parse_args()
frame = pd.read_parquet(given.data)
model = LogisticRegression(C=given.strength).fit(frame[["x", "y"]], frame["late"])
folder = os.environ["RECIPE_OUTPUTS"] + "/model"
os.makedirs(folder)
joblib.dump(model, folder + "/model.joblib")
signature = {
    "inputs": [{"name": name, "type": "number", "required": True} for name in ("x", "y")],
    "target": "late",
    "classes": [0, 1],
    "positive": 1,
    "task": "binary",
    "threshold": 0.5,
}
with open(folder + "/signature.json", "w") as file:
    json.dump(signature, file)
with open(folder + "/input_example.json", "w") as file:
    json.dump([{"x": 0.5, "y": 0.5}], file)
print(len(frame), "rows, strength", given.strength)
"""


def points(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": draw.normal(size=rows), "y": draw.normal(size=rows)})
    noise = draw.normal(scale=0.5, size=rows)
    return frame.assign(late=(frame["x"] - frame["y"] + noise > 0).astype(int))


def make_champion(workspace: Workspace) -> None:
    """Version 1 of the model, which the code makes."""
    processes.announce(workspace.store.run_folder, "server", 9)
    workspace.data.register("points", points(400, seed=1))
    workspace.recipes.register_files(
        "late",
        {"fit.py": CODE.encode()},
        entry_point="fit.py",
        dataset_parameter="data",
        model="late",
    )
    job = workspace.recipes.run("late", {"strength": 0.25}, "points")
    made = RunRecipeWorkflow.run(
        at_once(workspace, job), recipe="late", parameters={"strength": 0.25}, dataset="points"
    )
    assert made["versions"] == ["late@1"]


@pytest.fixture(scope="module")
def champion_folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    clock = FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trusted_models, "is_written", lambda *_: True)
        return filled(tmp_path_factory.mktemp("champion"), empty_database, clock, make_champion)


@pytest.fixture
def new_folder(tmp_path: Path, champion_folder: Path) -> Path:
    return shutil.copytree(champion_folder, tmp_path / "workspace")


@pytest.fixture
def log(workspace: Workspace, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A champion that the code made, and 800 labelled predictions of four weeks."""
    processes.announce(workspace.store.run_folder, "server", 9)
    monkeypatch.setattr(trusted_models, "is_written", lambda *_: True)
    times = pd.date_range(end=clock.now(), periods=800, freq="50min", tz="UTC")
    ids = [f"p{number}" for number in range(800)]
    rows = points(800, seed=2).assign(prediction_id=ids, event_at=times)
    labels = rows[["prediction_id"]].assign(label=rows["late"].astype(str))
    served = SimpleNamespace(model="late", version=1)
    monkeypatch.setattr(Deployments, "deployment", lambda *_: served)
    monkeypatch.setattr(Deployments, "labels", lambda *_: labels)
    monkeypatch.setattr(
        Deployments, "predictions", lambda *_, **__: rows.drop(columns="late").copy()
    )
    return rows


def test_the_code_is_run_on_older_rows_and_judged_on_the_newest(
    workspace: Workspace, log: pd.DataFrame, answering: None
) -> None:
    result = RetrainWorkflow.run(
        at_once(workspace, "retraining-1"), deployment="late", reason="drift in March"
    )
    assert (result["version"], result["dataset"]) == (2, "late-live@1")
    newest = 400  # of 28 days, the last 14 would be more than half of the rows
    live, judged = (workspace.data.version(name) for name in ("late-live", "late-newest"))
    assert (live.rows, judged.rows) == (800 - newest, newest)
    assert live.column_names == ("x", "y", "late")

    # The champion's own parameters are used again, and the run says what it read.
    run = workspace.experiments.run(result["run"])
    assert run.params["strength"] == "0.25"
    assert [given.dataset for given in run.inputs] == ["late-live@1"]

    # Both were evaluated on the same rows; scikit-learn on these rows is the second path.
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    older, newer = log.iloc[: 800 - newest], log.iloc[800 - newest :]
    model = LogisticRegression(C=0.25).fit(older[["x", "y"]], older["late"])
    expected = roc_auc_score(newer["late"], model.predict_proba(newer[["x", "y"]])[:, 1])
    promotion = workspace.registry.promotion(result["promotion"])
    assert promotion.status == "pending"
    evidence = str(promotion.evidence)
    assert f"{expected:.12f}"[:12] in evidence
    first, second = (
        workspace.registry.evaluations("late", number)["run_id"].iloc[0] for number in (1, 2)
    )
    interval = compare_evaluations(workspace.store, second, first, "late-newest@1")
    assert interval is not None
    assert (interval["metric"], interval["unit"]) == ("roc_auc", "days")
    assert 14 <= interval["n"] <= 15
    assert interval["low"] <= interval["delta"] <= interval["high"]
    with workspace.store.read() as session:
        assert find(session, "late", 2).run_id == run.id


def test_windows_are_still_compared_with_what_a_person_evaluated(
    workspace: Workspace, log: pd.DataFrame, answering: None
) -> None:
    """The retraining evaluates the champion on the newest rows, which an alert may be about."""
    workspace.data.register("held-out", points(300, seed=3))
    evaluated = evaluate_version(
        workspace.store,
        Progress(workspace.store, None),
        model="late",
        version=1,
        dataset="held-out@1",
        label="late",
        job_id="evaluation-1",
    )
    RetrainWorkflow.run(at_once(workspace, "retraining-3"), deployment="late", reason="drift")
    by_retraining = workspace.registry.evaluations("late", 2)["run_id"].tolist()
    assert len(workspace.registry.evaluations("late", 1)) == 2
    with workspace.store.read() as session:
        assert reference_of(session, "late", 1) == (evaluated["run"], REFERENCE_PATH)
        assert reference_of(session, "late", 2) == (by_retraining[0], REFERENCE_PATH)


def test_a_recipe_is_not_asked_to_weigh_rows(
    workspace: Workspace, log: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed = RetrainingPolicy(half_life_days=30.0)
    monkeypatch.setattr("pilothouse.pipelines.retraining.require_on", lambda *_: weighed)
    with pytest.raises(Invalid, match="cannot be told to weigh rows by their age"):
        RetrainWorkflow.run(at_once(workspace, "retraining-5"), deployment="late", reason="drift")


def test_a_recipe_without_a_dataset_cannot_be_retrained(
    workspace: Workspace, log: pd.DataFrame
) -> None:
    workspace.recipes.register_files("late", {"fit.py": CODE.encode()}, entry_point="fit.py")
    with pytest.raises(Invalid, match="takes no dataset"):
        RetrainWorkflow.run(at_once(workspace, "retraining-2"), deployment="late", reason="why")
