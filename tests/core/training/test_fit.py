"""Training as a job: everything a run must have, kept through cancels and kills."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from pilothouse.experiments.code_patch import Program
from pilothouse.experiments.provenance.git import CodeIdentity
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Cancelled, Invalid, NotFound
from pilothouse.models.signature import Signature
from pilothouse.training import TrainingSpec
from pilothouse.training.fit import train_all_job, train_job
from pilothouse.workspace import Workspace

FILES = {
    "columns.json",
    "confusion.json",
    "curves/calibration.json",
    "curves/pr.json",
    "curves/roc.json",
    "environment.json",
    "folds.json",
    "importance.json",
    "measured.json",
    "model/input_example.json",
    "model/model.joblib",
    "model/signature.json",
    "reference.parquet",
    "rows.json",
    "spec.json",
}
METRICS = {
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "accuracy",
    "f1",
    "precision",
    "recall",
    "calibration_error",
    "fit_seconds",
}
QUICK = {"n_estimators": 10, "max_depth": 4}


def visits(rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "at": pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC"),
            "pages": rng.integers(1, 30, rows),
            "minutes": rng.gamma(2, 3, rows),
            "source": rng.choice(["search", "mail", "friend"], rows),
            "returning": rng.choice([True, False], rows),
            "visitor": [f"v{number}" for number in range(rows)],
        }
    )
    chance = 1 / (1 + np.exp(3 - 0.15 * frame["pages"] - (frame["source"] == "mail")))
    frame["bought"] = np.where(rng.uniform(size=rows) < chance, "yes", "no")
    frame.loc[::17, "bought"] = None
    frame.loc[::13, "minutes"] = np.nan
    frame.loc[::19, "source"] = None
    return frame


@pytest.fixture
def data(workspace: Workspace) -> str:
    return workspace.data.register("visits", visits(), event_time="at").ref


def spec(data: str, **changes: Any) -> TrainingSpec:
    values = {"trainer": "random_forest", "params": QUICK, "experiment": "shop", **changes}
    values.setdefault("evaluation", "held_out")
    return TrainingSpec(data, "bought", **values)


def read(workspace: Workspace, run: str, path: str) -> Any:
    return json.loads(workspace.experiments.artifact(run, path))


class Stopping:
    """Progress that stops the work after some steps: as a person does, or as a power cut."""

    def __init__(self, after: int, error: BaseException) -> None:
        self.left = after
        self.error = error

    def __call__(self, fraction: float, message: str = "") -> None:
        assert 0 <= fraction <= 1
        if threading.current_thread() is not threading.main_thread():
            return  # how often a phase is reported while it lasts depends on the machine
        self.left -= 1
        if self.left < 0:
            raise self.error


def test_a_run_has_everything(workspace: Workspace, data: str) -> None:
    run = workspace.training.train_now(spec(data, name="first", note="a look", seed=7))
    info = workspace.experiments.run(run)
    assert (info.status, info.name, info.note, info.seed) == ("finished", "first", "a look", 7)
    assert info.trainer == "random_forest"
    assert {file.path for file in info.artifacts} == FILES
    assert METRICS | {"cv_roc_auc_mean", "cv_roc_auc_std"} <= set(info.metrics)
    assert info.metrics["fold_roc_auc"].count == 3
    assert info.params["max_depth"] == "4"
    assert [(item.dataset, item.role) for item in info.inputs] == [(data, "training")]
    assert info.metrics["roc_auc"].last > 0.6


def test_a_run_keeps_the_uncommitted_code_it_was_trained_with(
    workspace: Workspace, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = workspace.store.artifacts.put_bytes(b"diff --git")
    running = Program(CodeIdentity("c" * 40, dirty=True), digest, 10)
    monkeypatch.setattr("pilothouse.training.runs.code_patch.program", lambda *_: running)
    info = workspace.experiments.run(workspace.training.train_now(spec(data, folds=0)))
    assert info.dirty is True
    assert workspace.experiments.artifact(info.id, "code.patch") == b"diff --git"


def test_the_model_is_described_by_its_signature_and_example(
    workspace: Workspace, data: str
) -> None:
    run = workspace.training.train_now(spec(data))
    signature = Signature.from_json(read(workspace, run, "model/signature.json"))
    assert signature.names == ("pages", "minutes", "returning", "source")
    assert (signature.classes, signature.positive) == (("no", "yes"), "yes")
    fields = {field.name: field for field in signature.inputs}
    assert not fields["minutes"].required
    assert fields["pages"].required
    assert set(fields["source"].categories or ()) == {"search", "mail", "friend"}
    assert fields["pages"].low == 1
    model = joblib.load(io.BytesIO(workspace.experiments.artifact(run, "model/model.joblib")))
    example = pd.DataFrame(read(workspace, run, "model/input_example.json"))
    assert model.predict_proba(example[list(signature.names)]).shape == (len(example), 2)


def test_the_reference_holds_the_held_out_rows_and_what_the_model_said(
    workspace: Workspace, data: str
) -> None:
    run = workspace.training.train_now(spec(data))
    reference = pd.read_parquet(
        io.BytesIO(workspace.experiments.artifact(run, "reference.parquet"))
    )
    rows = read(workspace, run, "rows.json")
    assert len(reference) == rows["held_out"]
    assert rows["fitted"] + rows["held_out"] + rows["without_label"] == 600
    model = joblib.load(io.BytesIO(workspace.experiments.artifact(run, "model/model.joblib")))
    features = reference.drop(columns=["__target", "__score", "__row"])
    np.testing.assert_allclose(model.predict_proba(features)[:, 1], reference["__score"])
    rows = workspace.data.frame(data).iloc[reference["__row"]]
    assert rows["pages"].tolist() == reference["pages"].tolist()
    assert reference["__row"].is_unique


def test_the_spec_of_a_run_makes_the_same_model_again(workspace: Workspace, data: str) -> None:
    first = workspace.training.train_now(spec(data, split="time"))
    again = TrainingSpec.from_json(read(workspace, first, "spec.json"))
    second = workspace.training.train_now(again)
    one, two = (workspace.experiments.run(run).metrics["log_loss"].last for run in (first, second))
    assert one == two


def test_a_split_by_time_holds_out_the_newest_rows(workspace: Workspace, data: str) -> None:
    run = workspace.training.train_now(spec(data, split="time", test_share=0.25))
    reference = pd.read_parquet(
        io.BytesIO(workspace.experiments.artifact(run, "reference.parquet"))
    )
    newest = visits().dropna(subset="bought").tail(len(reference))
    assert reference["pages"].tolist() == newest["pages"].tolist()


def test_a_search_is_a_parent_with_trials_of_which_each_is_whole(
    workspace: Workspace, data: str
) -> None:
    searched = spec(data, trials=3, folds=2, name="forest").to_json()
    result = train_job(workspace.store, Progress(workspace.store, None), spec=searched, job_id="j")
    parent = workspace.experiments.run(result["parent"])
    assert len(result["runs"]) == len(parent.children) == 3
    for run in result["runs"]:
        assert {file.path for file in workspace.experiments.run(run).artifacts} == FILES
    values = [
        workspace.experiments.run(run).metrics["cv_roc_auc_mean"].last for run in result["runs"]
    ]
    assert result["run"] == result["runs"][int(np.argmax(values))]
    assert parent.metrics["search_roc_auc"].best == max(values)
    assert parent.tags["training.best_run"] == result["run"]


def test_a_killed_job_goes_on_where_it_was_and_repeats_nothing(
    workspace: Workspace, data: str
) -> None:
    specs = [spec(data, trials=3, folds=2).to_json(), spec(data, params=QUICK).to_json()]
    killed = Stopping(6, SystemExit("killed"))
    with pytest.raises(SystemExit):
        train_all_job(workspace.store, killed, specs=specs, job_id="j")
    frame = workspace.experiments.runs()
    assert sorted(frame["status"]) == ["finished", "running", "running"]
    made = set(frame["id"])
    result = train_all_job(
        workspace.store, Progress(workspace.store, None), specs=specs, job_id="j"
    )
    frame = workspace.experiments.runs()
    assert frame["status"].tolist() == ["finished"] * 5
    assert made <= set(frame["id"])
    assert (
        train_all_job(  # and once more, now that all is done
            workspace.store, Progress(workspace.store, None), specs=specs, job_id="j"
        )
        == result
    )
    assert workspace.experiments.count() == 5


def test_what_a_killed_search_finds_is_what_it_would_have_found(
    workspace: Workspace, data: str
) -> None:
    searched = [spec(data, trials=3, folds=2, seed=3).to_json()]
    with pytest.raises(SystemExit):
        train_all_job(
            workspace.store,
            Stopping(6, SystemExit()),
            specs=searched,
            job_id="one",
        )
    params = []
    for job in ("one", "two"):
        result = train_all_job(
            workspace.store, Progress(workspace.store, None), specs=searched, job_id=job
        )
        params.append([workspace.experiments.run(run).params for run in result["runs"]])
    assert params[0] == params[1]


def test_a_cancelled_job_leaves_cancelled_runs(workspace: Workspace, data: str) -> None:
    with pytest.raises(Cancelled):
        train_job(
            workspace.store,
            Stopping(6, Cancelled("stop")),
            spec=spec(data, trials=3, folds=2).to_json(),
            job_id="j",
        )
    assert sorted(workspace.experiments.runs()["status"]) == ["cancelled", "cancelled", "finished"]


def test_what_goes_wrong_is_written_with_the_run(workspace: Workspace, data: str) -> None:
    with pytest.raises(Invalid, match="two are needed"):
        workspace.training.train_now(TrainingSpec(data, "source", task="binary"))
    [run] = workspace.experiments.runs()["id"]
    info = workspace.experiments.run(run)
    assert info.status == "failed"
    assert "3 distinct values" in info.error


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"features": ("pages", "moon")}, "features"),
        ({"features": ("at",)}, "features"),
        ({"positive": "perhaps"}, "positive"),
        ({"split": "time", "time_column": "source"}, "time_column"),
    ],
)
def test_what_cannot_be_trained_names_the_field(
    workspace: Workspace, data: str, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        workspace.training.train_now(spec(data, **changes))
    assert field in refusal.value.fields


def test_the_positive_class_and_the_threshold_can_be_chosen(
    workspace: Workspace, data: str
) -> None:
    run = workspace.training.train_now(spec(data, positive="NO", threshold=0.3, folds=0))
    signature = Signature.from_json(read(workspace, run, "model/signature.json"))
    assert (signature.classes, signature.positive) == (("yes", "no"), "no")
    assert signature.threshold == 0.3
    assert read(workspace, run, "confusion.json")["threshold"] == 0.3


def test_submitting_asks_for_one_job_and_says_at_once_what_is_wrong(
    workspace: Workspace, data: str
) -> None:
    job = workspace.training.submit(spec(data), job_id="a" * 32)
    assert workspace.training.submit(spec(data), job_id="a" * 32) == job
    info = workspace.jobs.job(job)
    assert (info.kind, info.subject_kind, info.subject_ref) == ("train", "experiment", "shop")
    settled = replace(spec(data).checked(), task="binary", metric="roc_auc", positive="yes")
    assert TrainingSpec.from_json(info.args["spec"]) == settled
    latest = workspace.jobs.job(workspace.training.submit(spec("visits")))
    assert latest.args["spec"]["dataset"] == data
    with pytest.raises(NotFound):
        workspace.training.submit(spec("nowhere@1"))
    with pytest.raises(Invalid) as refusal:
        workspace.training.submit(TrainingSpec(data, "weather"))
    assert "target" in refusal.value.fields


def test_a_form_can_be_built_from_the_trainers(workspace: Workspace) -> None:
    trainers = {trainer.name: trainer for trainer in workspace.training.trainers()}
    assert {"hist_gradient_boosting", "logistic_regression", "random_forest"} <= set(trainers)
    depth = {hyper.name: hyper for hyper in trainers["random_forest"].parameters}["max_depth"]
    assert (depth.type, depth.low, depth.high, depth.default) == ("integer", 2, 20, 10)
