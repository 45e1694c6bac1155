"""A version evaluated on a dataset version: metrics as scikit-learn has them, and evidence."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from harness.filled_folders import filled
from pilothouse.experiments.trusted_models import record_written
from pilothouse.jobs import JobContext
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Unavailable
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.pipelines import version_evaluation
from pilothouse.pipelines.version_evaluation import evaluate_version
from pilothouse.pipelines.workflows.evaluate_version import EvaluateVersionWorkflow
from pilothouse.registry.evaluations import reference_of
from pilothouse.registry.versions import VersionSource
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

ROWS = 400
JOB = "a-job"
FolderOf = Callable[[str], Path]


def homes(seed: int) -> pd.DataFrame:
    """Prices of homes, and classes of them; some rows have no label."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=ROWS),
            "area": rng.choice(["north", "south"], ROWS),
            "at": pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC"),
        }
    )
    price = 3 * frame["x"] + (frame["area"] == "north") + rng.normal(0, 0.5, ROWS)
    frame["price"] = price
    frame["two"] = np.where(price > 0.5, "yes", "no")
    frame["three"] = np.array(["low", "mid", "high"])[np.digitize(price, [-1, 1])]
    frame.loc[::25, ["price", "three"]] = None
    frame.loc[0, "x"] = np.nan
    return frame


def train(workspace: Workspace, target: str) -> None:
    """The version homes@1, trained on some of the first dataset; the second one is new to it."""
    choices = {"positive": "yes"} if target == "two" else {}
    workspace.data.register("homes", homes(1), event_time="at")
    workspace.data.register("homes", homes(2), event_time="at")
    spec = TrainingSpec(
        "homes@1", target, features=("x", "area"), folds=2, evaluation="held_out", **choices
    )
    workspace.registry.register("homes", workspace.training.train_now(spec))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> FolderOf:
    """The folder of a workspace whose version predicts a target; each is made once."""

    @cache
    def folder_of(target: str) -> Path:
        clock = FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
        folder = tmp_path_factory.mktemp(target)
        return filled(folder, empty_database, clock, lambda opened: train(opened, target))

    return folder_of


@pytest.fixture
def target(request: pytest.FixtureRequest) -> str:
    """What the version predicts; a test may parametrise it."""
    return str(getattr(request, "param", "price"))


@pytest.fixture
def new_folder(tmp_path: Path, folders: FolderOf, target: str) -> Path:
    return shutil.copytree(folders(target), tmp_path / "workspace")


@pytest.fixture
def signature(workspace: Workspace) -> Signature:
    return workspace.registry.version("homes", 1).signature


def evaluate(workspace: Workspace, label: str, version: int = 1, job: str = JOB) -> dict[str, Any]:
    def quiet(*_: Any) -> None:
        pass

    progress: Any = quiet
    return evaluate_version(
        workspace.store,
        progress,
        model="homes",
        version=version,
        dataset="homes@2",
        label=label,
        job_id=job,
    )


def own_pipeline(workspace: Workspace) -> Any:
    digest = workspace.registry.version("homes", 1).digest
    return joblib.load(io.BytesIO(workspace.store.artifacts.read(digest)))


def expected(
    task: str, pipeline: Any, rows: pd.DataFrame, signature: Signature
) -> Mapping[str, float]:
    """The figures as scikit-learn computes them from the pipeline's own answers."""
    if task == "regression":
        answers = pipeline.predict(rows)
        return {"mae": oracle.mean_absolute_error(rows["price"], answers)}
    answers = pipeline.predict_proba(rows)
    if task == "binary":
        return {"roc_auc": oracle.roc_auc_score(rows["two"] == "yes", answers[:, 1])}
    labels = list(signature.classes)
    return {
        "log_loss": oracle.log_loss(rows["three"], answers[:, np.argsort(labels)]),
        "accuracy": oracle.accuracy_score(rows["three"], np.array(labels)[answers.argmax(axis=1)]),
    }


@pytest.mark.parametrize(
    ("task", "target", "document"),
    [
        ("binary", "two", "curves/roc.json"),
        ("multiclass", "three", "evaluation/per_class.json"),
        ("regression", "price", "evaluation/error_over_time.json"),
    ],
    indirect=["target"],
)
def test_the_metrics_are_those_of_scikit_learn_on_the_same_rows(
    workspace: Workspace, signature: Signature, task: str, target: str, document: str
) -> None:
    assert signature.task == task

    result = evaluate(workspace, target)
    rows = homes(2).dropna(subset=[target])
    assert result["rows"] == len(rows)
    for key, value in expected(task, own_pipeline(workspace), rows, signature).items():
        assert result["metrics"][key] == pytest.approx(value, abs=1e-9)

    run = workspace.experiments.run(result["run"])
    assert run.status == "finished"
    assert run.metrics[next(iter(result["metrics"]))] is not None
    assert document in {file.path for file in run.artifacts}
    frame = workspace.registry.evaluations("homes", 1)
    assert frame[["run_id", "dataset", "label", "rows"]].values.tolist() == [
        [run.id, "homes@2", target, len(rows)]
    ]


def test_the_reference_holds_the_rows_their_answers_and_their_labels(workspace: Workspace) -> None:
    run = evaluate(workspace, "price")["run"]
    reference = pd.read_parquet(
        io.BytesIO(workspace.experiments.artifact(run, "reference.parquet"))
    )
    rows = homes(2).dropna(subset=["price"])
    assert list(reference) == ["x", "area", "__target", "__at", "__row", "__predict"]
    assert reference["__row"].tolist() == rows.index.tolist()
    np.testing.assert_allclose(reference["__target"], rows["price"])
    np.testing.assert_allclose(reference["__predict"], own_pipeline(workspace).predict(rows))


def imported(workspace: Workspace, signature: Signature, dump: bytes) -> int:
    digest = workspace.store.artifacts.put_bytes(dump)
    with workspace.store.write() as session:
        record_written(session, workspace.store, digest, "a test")
    source = VersionSource(
        digest, signature, [{"x": 1.0, "area": "north"}], {}, imported="a client"
    )
    return workspace.registry.register_import("homes", source).version


def test_a_version_without_a_run_gets_evidence_a_reference_and_a_rival(
    workspace: Workspace, signature: Signature, answering: None
) -> None:
    dump = workspace.store.artifacts.read(workspace.registry.version("homes", 1).digest)
    version = imported(workspace, signature, dump)
    before = workspace.registry.assess("homes", version, "production")
    assert not before.accepted

    result = evaluate(workspace, "price", version)
    after = workspace.registry.assess("homes", version, "production")
    assert after.accepted, after.message
    assert after.evidence.candidate.metrics == result["metrics"]
    with workspace.store.read() as session:
        assert reference_of(session, "homes", version) == (result["run"], "reference.parquet")

    workspace.registry.promote("homes", 1, "production", "the first")
    evaluate(workspace, "price", 1, "another-job")
    rival = workspace.registry.assess("homes", version, "production").evidence
    assert rival.comparison is not None
    assert rival.comparison.rows == f"{result['rows']} labelled rows of homes@2"
    assert rival.comparison.champion == rival.comparison.candidate


def test_a_killed_evaluation_continues_its_run_and_a_finished_one_is_not_repeated(
    workspace: Workspace,
) -> None:
    left = workspace.experiments.start("homes-evaluations", job_id=JOB)
    result = evaluate(workspace, "price")
    assert result["run"] == left
    assert evaluate(workspace, "price")["run"] == left
    assert len(workspace.registry.evaluations("homes", 1)) == 1


def test_an_evaluation_that_stops_closes_its_run(workspace: Workspace) -> None:
    run = workspace.experiments.start("homes-evaluations", job_id=JOB)

    def killed(*_: Any) -> Any:
        raise Unavailable("its child died.")

    job = JobContext(workspace.store, JOB, lambda _, act: act(), killed)
    with pytest.raises(Unavailable):
        EvaluateVersionWorkflow.run(job, "homes", 1, "homes@2")
    assert workspace.experiments.run(run).status == "failed"


@pytest.mark.parametrize("target", ["two"], indirect=True)
def test_labels_are_read_as_the_task_reads_them(workspace: Workspace) -> None:
    frame = homes(2)
    frame["churned"] = (frame["two"] == "yes").map({True: "yes", False: "no"})
    frame.loc[5:9, "churned"] = "unclear"
    workspace.data.register("homes", frame, event_time="at")
    result = evaluate_version(
        workspace.store,
        lambda *_: None,  # type: ignore[arg-type]
        model="homes",
        version=1,
        dataset="homes@3",
        label="churned",
        job_id=JOB,
    )
    assert (result["rows"], result["unreadable_label"]) == (ROWS - 5, 5)


@pytest.mark.parametrize("target", ["two"], indirect=True)
def test_a_column_that_holds_other_things_is_no_label(workspace: Workspace) -> None:
    with pytest.raises(Invalid, match=r"'area' of homes@2 holds .*; a label is one of 'no', 'yes'"):
        evaluate(workspace, "area")


def test_what_cannot_be_evaluated_is_refused_before_there_is_a_job(workspace: Workspace) -> None:
    evaluate_now = workspace.pipelines.evaluate_version
    with pytest.raises(NotFound, match="no version 7 of 'homes'"):
        evaluate_now("homes", 7, "homes@2")
    with pytest.raises(NotFound, match="no dataset 'none'"):
        evaluate_now("homes", 1, "none")
    with pytest.raises(Invalid, match="no column 'prize'"):
        evaluate_now("homes", 1, "homes@2", "prize")
    workspace.data.register("bare", homes(3)[["x", "price"]])
    with pytest.raises(Invalid, match="bare@1 lacks inputs of the model: area"):
        evaluate_now("homes", 1, "bare")
    workspace.data.register("unlabelled", homes(3)[["x", "area"]])
    with pytest.raises(Invalid, match="which column holds the labels is not known"):
        evaluate_now("homes", 1, "unlabelled")
    version = imported(workspace, Signature((), ""), b"a file")
    with pytest.raises(Conflict, match="what its answer means is not known"):
        evaluate_now("homes", version, "homes@2", "price")
    assert workspace.jobs.count() == 0


def test_the_job_names_the_version_the_data_and_the_target(workspace: Workspace) -> None:
    job = workspace.jobs.job(workspace.pipelines.evaluate_version("homes", 1, "homes"))
    assert job.title == "Evaluate homes@1 on homes@2"
    assert job.args == {"model": "homes", "version": 1, "dataset": "homes@2", "label": "price"}
    assert job.subject_ref == "homes@1"


def test_answers_that_are_not_measured_are_a_reference_without_labels(
    workspace: Workspace, signature: Signature
) -> None:
    dump = workspace.store.artifacts.read(workspace.registry.version("homes", 1).digest)
    outputs = (SignatureField("first", "number"),)
    # A model from elsewhere, which does not say that it answers rows with missing values.
    inputs = tuple(replace(field, nullable=False) for field in signature.inputs)
    loose = replace(signature, inputs=inputs, task="unspecified", target="", outputs=outputs)
    version = imported(workspace, loose, dump)
    result = evaluate(workspace, "", version)
    assert (result["metrics"], result["label"], result["rows"]) == ({}, "", ROWS - 1)
    assert result["without_needed_value"] == 1  # a deployment would refuse the row
    with pytest.raises(Invalid, match="are not compared with labels"):
        evaluate(workspace, "price", version, "another-job")


def test_an_evaluation_on_the_data_of_the_training_says_so(workspace: Workspace) -> None:
    result = evaluate_version(
        workspace.store,
        lambda *_: None,  # type: ignore[arg-type]
        model="homes",
        version=1,
        dataset="homes@1",
        label="price",
        job_id=JOB,
    )
    assert workspace.experiments.run(result["run"]).note == version_evaluation.TRAINED_ON
