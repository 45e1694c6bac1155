"""Small data: evaluated by folds, so that each row is answered by a model that has not seen it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from pilothouse.kit.errors import Invalid
from pilothouse.training import TrainingSpec
from pilothouse.training.columns import FeatureColumns
from pilothouse.training.evaluation import MAX_ROWS, HowMeasured, are_too_few, interval_of
from pilothouse.training.trainers import trainers
from pilothouse.workspace import Workspace

ROWS = 200
FIRST, BLOCK = 100, 20  # of 200 rows in time, half are only fitted on, and five blocks answered


def rents(rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.normal(size=rows), "z": rng.normal(size=rows)})
    frame["at"] = pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC")
    frame["rent"] = 3 * frame["x"] + rng.normal(size=rows)
    frame["noise"] = rng.choice(["yes", "no", "no", "no"], rows)
    return frame


@pytest.fixture
def data(workspace: Workspace) -> str:
    return workspace.data.register("rents", rents(), event_time="at").ref


def spec(data: str, target: str = "rent", **changes: Any) -> TrainingSpec:
    values: dict[str, Any] = {"trainer": "ridge", "features": ("x", "z"), **changes}
    return TrainingSpec(data, target, **values)


def read(workspace: Workspace, run: str, path: str) -> Any:
    return json.loads(workspace.experiments.artifact(run, path))


def reference(workspace: Workspace, run: str) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(workspace.experiments.artifact(run, "reference.parquet")))


def model(workspace: Workspace, run: str) -> Any:
    return joblib.load(io.BytesIO(workspace.experiments.artifact(run, "model/model.joblib")))


def fitted(frame: pd.DataFrame, workspace: Workspace, run: str) -> Any:
    """The trainer's own pipeline, fitted on these rows."""
    params = read(workspace, run, "spec.json")["params"]
    columns = FeatureColumns(("x", "z"), ("x", "z"), ())
    pipeline = trainers.get("ridge").build(columns, params, 0, "regressor", ())
    return pipeline.fit(frame[["x", "z"]], frame["rent"])


def test_by_time_each_block_is_answered_by_a_model_of_all_older_rows(
    workspace: Workspace, data: str
) -> None:
    frame = rents()
    run = workspace.training.train_now(spec(data))
    answered = reference(workspace, run)
    assert answered["__row"].tolist() == list(range(FIRST, ROWS))
    blocks = [
        fitted(frame[:start], workspace, run).predict(frame[["x", "z"]][start : start + BLOCK])
        for start in range(FIRST, ROWS, BLOCK)
    ]
    np.testing.assert_allclose(answered["__predict"], np.concatenate(blocks))
    values = workspace.experiments.run(run).metrics
    error = oracle.mean_absolute_error(frame["rent"][FIRST:], answered["__predict"])
    assert values["mae"].last == pytest.approx(error)
    assert values["fold_mae"].count == 5

    everything = fitted(frame, workspace, run).predict(frame[["x", "z"]])
    np.testing.assert_allclose(model(workspace, run).predict(frame[["x", "z"]]), everything)
    rows = read(workspace, run, "rows.json")
    assert (rows["fitted"], rows["held_out"]) == (ROWS, FIRST)
    assert workspace.experiments.run(run).params["evaluation"] == "folds"


def test_noise_that_the_model_remembers_is_not_predicted(workspace: Workspace, data: str) -> None:
    forest = spec(data, "noise", trainer="random_forest", split="stratified", threshold=0.5)
    run = workspace.training.train_now(replace(forest, params={"min_samples_leaf": 1}))
    answered, frame = reference(workspace, run), rents()
    assert answered["__row"].tolist() == list(range(ROWS))
    y = frame["noise"] == "yes"
    assert oracle.roc_auc_score(y, model(workspace, run).predict_proba(frame)[:, 1]) > 0.95
    auc = workspace.experiments.run(run).metrics["roc_auc"].last
    assert auc == pytest.approx(oracle.roc_auc_score(y, answered["__score"]))
    assert auc == pytest.approx(0.5, abs=0.12)
    importance = read(workspace, run, "importance.json")
    assert max(map(abs, importance["importance"])) < 0.2  # on rows that it remembers: over .4

    measured = workspace.training.how_measured(run)
    assert measured is not None
    assert measured.text == f"out of fold, 5 folds, 200 rows, {int(y.sum())} of them yes"
    assert measured.interval is not None
    assert measured.interval.low < auc < measured.interval.high
    assert measured.interval_text.startswith(f"ROC AUC {auc:.4f}, 95% interval ")
    assert HowMeasured.from_json(measured.to_json()) == measured


def test_the_threshold_comes_from_folds_within_each_fold(workspace: Workspace, data: str) -> None:
    base = spec(data, "noise", trainer="logistic_regression", split="stratified", folds=2)
    run = workspace.training.train_now(base)
    threshold = read(workspace, run, "model/signature.json")["threshold"]
    assert 0.05 < threshold < 0.5  # a quarter of the rows is positive, the scores lie around it
    answered, y = reference(workspace, run), rents()["noise"] == "yes"
    expected = oracle.recall_score(y, answered["__score"] >= threshold)
    assert workspace.experiments.run(run).metrics["recall"].last == pytest.approx(expected)


def test_the_same_folds_are_the_same_rows_and_a_stored_spec_repeats_them(
    workspace: Workspace, data: str
) -> None:
    train = workspace.training.train_now
    first = train(spec(data))
    again = train(TrainingSpec.from_json(read(workspace, first, "spec.json")))
    other = train(spec(data, trainer="dummy"))
    runs = [workspace.experiments.run(run) for run in (first, again, other)]
    assert len({run.tags["training.held_out"] for run in runs}) == 1
    pd.testing.assert_frame_equal(reference(workspace, first), reference(workspace, again))

    others = [
        spec(data, split="random", seed=1),
        spec(data, split="random", seed=2),
        spec(data, evaluation="held_out", test_share=0.5),
    ]
    different = [runs[0], *(workspace.experiments.run(train(other)) for other in others)]
    tags = {run.tags["training.held_out"] for run in different}
    assert len(tags) == 4  # the last one holds out the very rows that the folds answer


def test_two_versions_of_the_same_folds_are_compared_row_by_row(
    workspace: Workspace, data: str
) -> None:
    runs = [workspace.training.train_now(spec(data, trainer=name)) for name in ("dummy", "ridge")]
    versions = [workspace.registry.register("rent", run) for run in runs]
    assert versions[0].held_out == versions[1].held_out != ""
    comparison = workspace.comparison.compare(runs)
    report = workspace.comparison.significance(comparison)
    assert report.rows == ROWS - FIRST
    findings = report.findings[report.findings["metric"] == "mae"].set_index("method")
    assert findings.loc["bootstrap_blocks", "significant"]  # the same rows, in blocks of time
    assert findings.loc["folds", "n"] == 5


def test_a_search_is_measured_with_a_search_within_each_fold(
    workspace: Workspace, data: str
) -> None:
    searched = spec(data, "noise", trainer="random_forest", split="stratified", folds=2, trials=2)
    searched = replace(searched, params={"n_estimators": 10}, name="forest")
    run = workspace.experiments.run(workspace.training.train_now(searched))
    assert run.name == "forest-best"
    siblings = workspace.experiments.run(str(run.parent_id))
    assert siblings.tags["training.best_run"] == run.id
    assert siblings.params["evaluation"] == "folds"
    measured = workspace.training.how_measured(run.id)
    assert measured is not None
    assert measured.text.startswith("out of fold, 5 folds with a search in each, 200 rows")
    assert run.metrics["roc_auc"].last == pytest.approx(0.5, abs=0.15)
    settled = TrainingSpec.from_json(read(workspace, run.id, "spec.json"))
    assert (settled.trials, settled.evaluation) == (0, "folds")


def test_rows_of_a_group_are_answered_by_models_without_it(workspace: Workspace) -> None:
    frame = rents().drop(columns="at")
    frame["owner"] = np.arange(ROWS) // 10
    frame["rent"] = np.random.default_rng(1).normal(size=20)[frame["owner"]]
    frame["x"] = frame["rent"]  # within a group, x gives the target; between groups, as well
    ref = workspace.data.register("owners", frame).ref
    run = workspace.training.train_now(spec(ref, groups="owner"))
    answered = reference(workspace, run)
    assert sorted(answered["__row"]) == list(range(ROWS))
    assert answered.groupby("__group")["__row"].count().eq(10).all()


@pytest.mark.parametrize(
    ("held_out", "rare", "rows", "few"),
    [
        (199, 99, 1_000, True),
        (200, 99, 1_000, False),
        (400, 49, 2_000, True),
        (400, 50, 2_000, False),
        (400, 0, 2_000, True),
        (400, 49, MAX_ROWS + 1, False),
    ],
)
def test_held_out_rows_are_too_few(held_out: int, rare: int, rows: int, few: bool) -> None:
    codes = np.zeros(rows, dtype=np.int64)
    codes[:rare] = codes[-1] = 1
    assert are_too_few(np.arange(held_out), codes, rows) is few
    if rare > 50:
        assert are_too_few(np.arange(held_out), None, rows) is few


def test_the_choice_is_automatic_and_can_be_made(workspace: Workspace) -> None:
    workspace.data.register("many", rents(1_000).drop(columns="at"))
    preview = workspace.training.preview
    many = preview(spec("many"))
    assert (many.folds, many.fitted, many.held_out) == (0, 800, 200)
    chosen = preview(spec("many", evaluation="folds"))
    assert (chosen.folds, chosen.fitted, chosen.held_out) == (5, 1_000, 1_000)
    assert "evaluated on 1,000 out of fold by 5 folds (split: random)" in "\n".join(chosen.lines)
    workspace.data.register("few", rents().drop(columns="at"))
    assert preview(spec("few")).folds == 5
    assert preview(spec("few", evaluation="held_out")).held_out == 40
    with pytest.raises(Invalid, match="evaluation must be one of auto, held_out, folds"):
        preview(spec("few", evaluation="twice"))


def test_folds_that_cannot_be_made_leave_rows_held_out(workspace: Workspace) -> None:
    """A class that appears late: the first fold in time has none of it to fit on."""
    frame = rents()
    frame["noise"] = np.where((np.arange(ROWS) > 120) & (frame["x"] > 0), "yes", "no")
    ref = workspace.data.register("late", frame, event_time="at").ref
    base = spec(ref, "noise", trainer="logistic_regression", split="time", folds=0)
    with pytest.raises(Invalid, match="hold fewer than two classes"):
        workspace.training.preview(replace(base, evaluation="folds"))
    preview = workspace.training.preview(base)
    assert (preview.folds, preview.fitted, preview.held_out) == (0, 160, 40)


def test_what_was_stored_before_there_was_a_choice_held_rows_out() -> None:
    stored = spec("rents@1").to_json()
    assert TrainingSpec.from_json(stored).evaluation == "auto"
    del stored["evaluation"]
    assert TrainingSpec.from_json(stored).evaluation == "held_out"
    assert TrainingSpec.from_json({"dataset": "d", "target": "y"}).evaluation == "auto"


def test_the_interval_is_that_of_a_mean(workspace: Workspace, data: str) -> None:
    run = workspace.training.train_now(spec(data, evaluation="held_out", test_share=0.5))
    answered = reference(workspace, run)
    measured = workspace.training.how_measured(run)
    assert measured is not None
    assert measured.interval is not None
    errors = (answered["__predict"] - answered["__target"]).abs()
    spread = 1.96 * errors.std() / np.sqrt(len(errors))
    assert measured.text == "held out, 100 rows"
    width = measured.interval.high - measured.interval.low
    assert width == pytest.approx(2 * spread, rel=0.2)
    assert interval_of("fit_seconds", {}, *_answers(workspace, run)) is None


def _answers(workspace: Workspace, run: str) -> tuple[Any, ...]:
    from pilothouse.models.signature import Signature

    answered = reference(workspace, run)
    signature = Signature.from_json(read(workspace, run, "model/signature.json"))
    outputs = {"predict": answered["__predict"].to_numpy()}
    return signature, outputs, answered["__target"].to_numpy(), None, 0
