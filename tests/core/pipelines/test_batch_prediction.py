"""The answers of a version to a dataset version, as a new dataset with the ids of the rows."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.parameters import read_params
from pilothouse.models.signature import Signature
from pilothouse.pipelines.batch_prediction import predict_dataset
from pilothouse.pipelines.workflows.predict_dataset import PredictDatasetWorkflow
from pilothouse.registry.versions import VersionSource
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

ROWS = 300


def homes(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"home": [f"h{seed}-{n}" for n in range(ROWS)]})
    frame["x"] = rng.normal(size=ROWS)
    frame["area"] = rng.choice(["north", "south"], ROWS)
    frame["price"] = 3 * frame["x"] + rng.normal(0, 0.5, ROWS)
    frame["sold"] = np.where(frame["price"] > 0.5, "yes", "no")
    frame["band"] = np.array(["low", "mid", "high"])[np.digitize(frame["price"], [-1, 1])]
    frame["seen_at"] = pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC")
    return frame


def train(workspace: Workspace, target: str, **choices: Any) -> str:
    workspace.data.register("homes", homes(1), event_time="seen_at")
    fresh = homes(2).drop(columns=["price", "sold", "band"])
    fresh.loc[7, "x"] = None
    workspace.data.register("fresh", fresh, event_time="seen_at")
    quick = "ridge" if target == "price" else "logistic_regression"
    how: dict[str, Any] = {"folds": 2, "evaluation": "held_out", "trainer": quick}
    spec = TrainingSpec("homes@1", target, features=("x", "area"), **how, **choices)
    return workspace.training.train_now(spec)


def trained(workspace: Workspace, target: str, **choices: Any) -> Signature:
    return workspace.registry.register("homes", train(workspace, target, **choices)).signature


def predict(workspace: Workspace, **how: Any) -> dict[str, Any]:
    def quiet(*_: Any) -> None:
        pass

    progress: Any = quiet
    chosen = {"name": "", "columns": None, **how}
    return predict_dataset(
        workspace.store, progress, model="homes", version=1, dataset="fresh", **chosen
    )


def own_answers(workspace: Workspace, method: str) -> Any:
    digest = workspace.registry.version("homes", 1).digest
    pipeline = joblib.load(io.BytesIO(workspace.store.artifacts.read(digest)))
    return getattr(pipeline, method)(homes(2)[["x", "area"]])


def from_elsewhere(workspace: Workspace, target: str) -> None:
    """The model of a training as another program registers it: it needs every value."""
    run = train(workspace, target)
    digest = workspace.store.artifacts.put_bytes(
        workspace.experiments.artifact(run, "model/model.joblib")
    )
    content = json.loads(workspace.experiments.artifact(run, "model/signature.json"))
    signature = Signature.from_json(content)
    inputs = tuple(replace(field, nullable=False) for field in signature.inputs)
    example = [{"x": 1.0, "area": "north"}]
    source = VersionSource(digest, replace(signature, inputs=inputs), example, {}, imported="a")
    workspace.registry.register_import("homes", source)


def test_numbers_stand_beside_the_ids_of_their_rows(workspace: Workspace) -> None:
    from_elsewhere(workspace, "price")
    result = predict(workspace)
    assert result["dataset"] == "fresh-predictions@1"
    assert (result["rows"], result["without_needed_value"]) == (ROWS, 1)
    frame = workspace.data.frame(result["dataset"])
    assert list(frame) == ["row", "home", "seen_at", "predict"]
    assert frame["home"].tolist() == homes(2)["home"].tolist()
    answered = frame.index != 7
    expected = own_answers(workspace, "predict")
    np.testing.assert_allclose(frame["predict"][answered], expected[answered])
    assert frame["predict"].isna().tolist() == (~answered).tolist()
    info = workspace.data.version(result["dataset"])
    assert (info.parent, info.event_time, info.tags) == ("fresh@1", "seen_at", {"model": "homes@1"})


def test_two_classes_have_a_score_and_what_the_threshold_makes_of_it(workspace: Workspace) -> None:
    signature = trained(workspace, "sold", positive="yes")
    frame = workspace.data.frame(predict(workspace, name="sales", columns=["home"])["dataset"])
    assert list(frame) == ["row", "home", "score", "predict"]
    answered = frame.drop(index=7)
    expected = np.delete(own_answers(workspace, "predict_proba")[:, 1], 7)
    np.testing.assert_allclose(answered["score"], expected)
    decided = expected >= signature.threshold
    assert [str(value) in ("yes", "True") for value in answered["predict"]] == decided.tolist()


def test_more_classes_have_their_probabilities(workspace: Workspace) -> None:
    trained(workspace, "band")
    frame = workspace.data.frame(predict(workspace, columns=[])["dataset"])
    assert {"row", "predict", "confidence", "p.high", "p.low", "p.mid"} == set(frame)
    assert set(frame["predict"].dropna()) <= {"low", "mid", "high"}


def test_a_model_that_learnt_words_gets_the_words_of_a_yes_no_column(workspace: Workspace) -> None:
    words = np.array(["Yes", "No", "Unknown"])[np.arange(ROWS) % 3]
    rent = pd.Series(words).map({"Yes": 5.0, "No": 1.0, "Unknown": 3.0})
    learnt = pd.DataFrame({"member": words, "rent": rent})
    workspace.data.register("homes", learnt)
    spec = TrainingSpec("homes@1", "rent", features=("member",), folds=2, evaluation="held_out")
    workspace.registry.register("homes", workspace.training.train_now(spec))
    workspace.data.register("fresh", pd.DataFrame({"member": ["Yes", "No"] * 20}))
    assert workspace.data.version("fresh").schema[0].type == "boolean"
    frame = workspace.data.frame(predict(workspace)["dataset"])
    np.testing.assert_allclose(frame["predict"], [5.0, 1.0] * 20, atol=0.1)


def test_the_same_answers_are_the_same_version(workspace: Workspace) -> None:
    trained(workspace, "price")
    assert predict(workspace) == predict(workspace)


def test_an_answer_does_not_replace_a_column_of_its_name(workspace: Workspace) -> None:
    trained(workspace, "price")
    fresh = homes(3)[["home", "x", "area"]].assign(predict="before")
    workspace.data.register("fresh", fresh, on_breach="accept")
    frame = workspace.data.frame(predict(workspace)["dataset"])
    assert list(frame) == ["row", "home", "predict", "out.predict"]


def test_what_cannot_be_predicted_is_refused_before_there_is_a_job(workspace: Workspace) -> None:
    trained(workspace, "price")
    ask = workspace.pipelines.predict_dataset
    with pytest.raises(NotFound):
        ask("homes", 9, "fresh")
    with pytest.raises(Invalid, match="fresh@1 has no column street"):
        ask("homes", 1, "fresh", columns=["street"])
    workspace.data.register("bare", homes(1)[["home", "x"]])
    with pytest.raises(Invalid, match="lacks inputs of the model: area"):
        ask("homes", 1, "bare")
    assert workspace.jobs.count() == 0

    job = workspace.jobs.job(ask("homes", 1, "fresh"))
    assert job.title == "Predict fresh@1 with homes@1"
    assert job.args["columns"] == ["home", "seen_at"]
    parameters = PredictDatasetWorkflow.parameters
    assert dict(read_params("the job", parameters, job.args)) == {"spread": "", **job.args}
