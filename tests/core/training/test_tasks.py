"""Training for every task, held against scikit-learn on the very same rows."""

from __future__ import annotations

import io
import json
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of, tasks
from pilothouse.training import TrainingSpec
from pilothouse.training.trainers import is_installed, trainers
from pilothouse.workspace import Workspace

ROWS = 500
CLASSES: list[list[Any]] = [
    ["rain", "sun", "snow"],
    ["c", "b", "a"],
    [2, 0, 1],
    [-1, 10, 3],
    ["10", "9", "8"],
    ["Zürich", "x y", "NA"],
]
CASES = [
    (name, task, title)
    for task, title in (
        ("binary", "two"),
        ("multiclass", "three"),
        ("regression", "price"),
        ("quantile", "price"),
    )
    for name, trainer in trainers.items()
    if is_installed(trainer) and tasks.get(task).estimator in trainer.estimators
]


def homes(labels: list[Any] | None = None) -> pd.DataFrame:
    """A price, and classes of it: each label is likely in its third of the prices."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=ROWS),
            "area": rng.choice(["north", "south"], ROWS),
            "owner": [f"o{number}" for number in rng.integers(0, 60, ROWS)],
            "at": pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC"),
        }
    )
    price = 3 * frame["x"] + (frame["area"] == "north") + rng.normal(0, 0.5, ROWS)
    third = np.digitize(price, np.quantile(price, [1 / 3, 2 / 3]))
    frame["price"] = price
    frame["two"] = np.where(price > 0.5, "yes", "no")
    frame["three"] = pd.Series(np.array(labels or CLASSES[0], dtype=object)[third]).infer_objects()
    frame.loc[::25, ["price", "three"]] = None
    return frame


def trained(workspace: Workspace, frame: pd.DataFrame, target: str, **changes: Any) -> str:
    event_time = changes.pop("event_time", None)
    ref = workspace.data.register("homes", frame, event_time=event_time).ref
    features = ("x", "area")
    values: dict[str, Any] = {"features": features, "folds": 0, "split": "random", **changes}
    values.setdefault("evaluation", "held_out")
    return workspace.training.train_now(TrainingSpec(ref, target, **values))


def outcome(workspace: Workspace, run: str) -> tuple[Any, Signature, pd.DataFrame, dict[str, Any]]:
    """The model, the signature, the reference and the metrics of a run."""
    read = workspace.experiments.artifact
    metrics = workspace.experiments.run(run).metrics
    return (
        joblib.load(io.BytesIO(read(run, "model/model.joblib"))),
        Signature.from_json(json.loads(read(run, "model/signature.json"))),
        pd.read_parquet(io.BytesIO(read(run, "reference.parquet"))),
        {key: metric.last for key, metric in metrics.items()},
    )


@pytest.mark.parametrize(("trainer", "task", "target"), CASES)
def test_every_trainer_fits_every_task_it_names(
    workspace: Workspace, trainer: str, task: str, target: str
) -> None:
    run = trained(workspace, homes(), target, trainer=trainer, task=task, folds=2)
    model, signature, reference, metrics = outcome(workspace, run)
    assert signature.task == task
    assert {f"__{column.name}" for column in task_of(signature).columns(signature)} <= set(
        reference
    )
    rows = reference[list(signature.names)]
    raw = model.predict_proba(rows) if signature.gives == "probability" else model.predict(rows)
    assert len(raw) == len(reference) == 100 - (target != "two") * 4

    assert all(field.takes_missing for field in signature.inputs)
    gaps = rows.assign(x=np.nan)
    raw = model.predict_proba(gaps) if signature.gives == "probability" else model.predict(gaps)
    assert np.isfinite(np.asarray(raw, dtype=float)).all()
    primary = tasks.get(task).metrics[0].key
    assert np.isfinite(metrics[primary])
    assert np.isfinite(metrics[f"cv_{primary}_mean"])


def test_a_regression_has_the_errors_of_scikit_learn(workspace: Workspace) -> None:
    run = trained(workspace, homes(), "price", unit="EUR")
    model, signature, reference, metrics = outcome(workspace, run)
    assert (signature.task, signature.gives, signature.unit) == ("regression", "value", "EUR")
    predicted = model.predict(reference[list(signature.names)])
    truth = homes()["price"].iloc[reference["__row"]].to_numpy()
    np.testing.assert_array_equal(reference["__target"], truth)
    np.testing.assert_allclose(reference["__predict"], predicted)
    assert metrics["mae"] == pytest.approx(oracle.mean_absolute_error(truth, predicted))
    assert metrics["r2"] == pytest.approx(oracle.r2_score(truth, predicted))
    importance = workspace.experiments.files.document(run, "importance.json")
    assert importance["column"][0] == "x"
    assert importance["metric"] == "mae"


def test_quantiles_rise_and_cover_what_they_promise(workspace: Workspace) -> None:
    run = trained(workspace, homes(), "price", task="quantile", levels=(0.9, 0.1))
    model, signature, reference, metrics = outcome(workspace, run)
    assert signature.levels == (0.1, 0.9)
    quantiles = model.predict(reference[list(signature.names)])
    np.testing.assert_allclose(reference[["__q.0.1", "__q.0.9"]], quantiles)
    losses = [
        oracle.mean_pinball_loss(reference["__target"], quantiles[:, k], alpha=level)
        for k, level in enumerate(signature.levels)
    ]
    assert metrics["pinball"] == pytest.approx(np.mean(losses))
    assert 0.5 < metrics["coverage"] <= 1
    assert metrics["crossings"] == 0


@pytest.mark.parametrize("labels", CLASSES, ids=str)
def test_probabilities_of_three_classes_are_the_pipelines_own(
    workspace: Workspace, labels: list[Any]
) -> None:
    run = trained(workspace, homes(labels), "three", split="stratified")
    model, signature, reference, metrics = outcome(workspace, run)
    assert list(model.classes_) == list(signature.classes)
    assert {signature.match_label(label) for label in labels} == set(signature.classes)
    probabilities = model.predict_proba(reference[list(signature.names)])
    for position, label in enumerate(signature.classes):
        np.testing.assert_allclose(reference[f"__p.{label}"], probabilities[:, position])
    truth = [
        signature.match_label(label) for label in homes(labels)["three"].iloc[reference["__row"]]
    ]
    assert [signature.classes[position] for position in reference["__target"]] == truth
    predicted = model.predict(reference[list(signature.names)])
    right = [a == b for a, b in zip(predicted, truth, strict=True)]
    assert metrics["accuracy"] == pytest.approx(np.mean(right))
    assert metrics["accuracy"] > 0.7


def test_balanced_weights_find_more_of_a_rare_class(workspace: Workspace) -> None:
    frame = homes()
    frame["rare"] = np.where(frame["price"].fillna(0) > 4, "yes", "no")
    plain, balanced = (
        outcome(
            workspace,
            trained(
                workspace,
                frame,
                "rare",
                trainer="logistic_regression",
                threshold=0.5,
                split="stratified",
                class_weight=weight,
            ),
        )[3]
        for weight in ("none", "balanced")
    )
    assert balanced["recall"] > plain["recall"]


def test_a_group_is_never_on_both_sides(workspace: Workspace) -> None:
    frame = homes()
    for split in ("random", "time"):
        run = trained(workspace, frame, "price", groups="owner", split=split, event_time="at")
        reference = outcome(workspace, run)[2]
        held_out = reference["__row"]
        of_group = frame["owner"].iloc[held_out].groupby(reference["__group"].to_numpy())
        assert (of_group.nunique() == 1).all()
        assert len(of_group) == frame["owner"].iloc[held_out].nunique()
        owners = set(frame["owner"].iloc[held_out])
        fitted = workspace.experiments.files.document(run, "rows.json")["fitted"]
        others = frame["price"].notna() & ~frame["owner"].isin(owners)
        assert 0 < fitted <= others.sum()


def test_numbers_with_an_event_time_are_split_by_it_and_errors_drawn_over_it(
    workspace: Workspace,
) -> None:
    run = trained(workspace, homes(), "price", split="auto", event_time="at")
    _, _, reference, _ = outcome(workspace, run)
    assert reference["__row"].min() >= ROWS * 3 // 4
    paths = {file.path for file in workspace.experiments.run(run).artifacts}
    assert "evaluation/error_over_time.json" in paths


def test_the_spec_of_a_run_makes_the_same_model_for_any_task(workspace: Workspace) -> None:
    for target, metric in (("price", "mae"), ("three", "f1_macro")):
        first = trained(workspace, homes(), target)
        stored = json.loads(workspace.experiments.artifact(first, "spec.json"))
        second = workspace.training.train_now(TrainingSpec.from_json(stored))
        assert outcome(workspace, first)[3][metric] == outcome(workspace, second)[3][metric]
