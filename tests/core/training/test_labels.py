"""Labels are one thing from the data to what is served, whatever their type and order."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from harness.policies import set_gates
from pilothouse.kit.errors import Invalid, Refused
from pilothouse.models.formats.pilothouse_pipeline import PipelineModel
from pilothouse.models.signature import Label, Signature
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.versions import VersionSource
from pilothouse.training import TrainingSpec
from pilothouse.training.target import read_target
from pilothouse.workspace import Workspace

ROWS = 120
QUICK: dict[str, Any] = {
    "trainer": "logistic_regression",
    "folds": 0,
    "split": "stratified",
    "evaluation": "held_out",
}
# A target as the data has it: the rarer class, the other one, and the rarer one's label.
TARGETS: list[tuple[Any, Any]] = [
    ("Yes", "No"),
    ("no", "yes"),
    ("fraud", "legit"),
    ("Churned", "Stayed"),
    (0, 1),
    (1, 0),
    (True, False),
    (False, True),
    ("0", "1"),
    (-1, 1),
    (1.0, 0.0),
    (0.5, 1.5),
]


def visits(rare: Any, common: Any, *, missing: bool = False) -> pd.DataFrame:
    """Rows whose rarer class is likely where `x` is large."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=ROWS)
    hit = x + rng.normal(scale=0.5, size=ROWS) > 0.7
    target = pd.Series([rare if h else common for h in hit], dtype=object)
    if missing:
        target.iloc[::11] = None
    else:
        target = target.infer_objects()
    return pd.DataFrame({"x": x, "kind": rng.choice(["a", "b"], ROWS), "target": target})


def files(workspace: Workspace, run: str) -> tuple[Any, Signature, list[dict[str, Any]]]:
    """The pipeline, the signature and the example of a run."""
    read = workspace.experiments.artifact
    return (
        joblib.load(io.BytesIO(read(run, "model/model.joblib"))),
        Signature.from_json(json.loads(read(run, "model/signature.json"))),
        json.loads(read(run, "model/input_example.json")),
    )


@pytest.mark.parametrize(("rare", "common"), TARGETS, ids=str)
def test_the_rarer_class_is_positive_and_the_served_probability_is_the_pipelines_own(
    workspace: Workspace, rare: Any, common: Any
) -> None:
    frame = visits(rare, common)
    ref = workspace.data.register("visits", frame).ref
    run = workspace.training.train_now(TrainingSpec(ref, "target", **QUICK))
    pipeline, signature, _ = files(workspace, run)
    assert signature.match_label(rare) == signature.positive
    assert str(signature.positive).lower() == str(rare).removesuffix(".0").lower()
    assert list(pipeline.classes_) == list(signature.classes)
    served = PipelineModel(pipeline, signature).predict
    rows = workspace.data.frame(ref)[list(signature.names)]
    answers = np.array(served([rows[name].tolist() for name in signature.names]))
    own = pipeline.predict_proba(rows)[:, list(pipeline.classes_).index(signature.positive)]
    np.testing.assert_array_equal(answers[:, signature.classes.index(signature.positive)], own)
    truth = np.array([signature.match_label(v) == signature.positive for v in frame["target"]])
    assert own[truth].mean() > own[~truth].mean() + 0.2
    assert set(pipeline.predict(rows)) <= set(signature.classes)
    metrics = workspace.experiments.run(run).metrics
    assert metrics["roc_auc"].last is not None
    assert metrics["roc_auc"].last > 0.8


@pytest.mark.parametrize(("rare", "common"), [("Yes", "No"), (0, 1), (True, False)], ids=str)
def test_a_model_process_answers_with_the_class_that_was_chosen(
    workspace: Workspace, rare: Any, common: Any
) -> None:
    ref = workspace.data.register("visits", visits(rare, common, missing=True)).ref
    spec = TrainingSpec(ref, "target", positive=common, **QUICK)
    run = workspace.training.train_now(spec)
    _, signature, example = files(workspace, run)
    assert signature.match_label(common) == signature.positive
    version = workspace.registry.register("visits", run)
    verdict = workspace.registry.assess("visits", version.version, "staging").verdicts[0]
    assert (verdict.gate, verdict.outcome) == ("answers_example", "passed")
    assert len(example) > 0


def test_a_version_that_cannot_answer_its_example_says_so_before_it_is_promoted(
    workspace: Workspace,
) -> None:
    ref = workspace.data.register("visits", visits("Yes", "No")).ref
    run = workspace.training.train_now(TrainingSpec(ref, "target", **QUICK))
    _, signature, example = files(workspace, run)
    digest = {f.path: f.digest for f in workspace.experiments.run(run).artifacts}
    other = replace(signature, classes=("good", "bad"), positive="bad", target_words=None)
    source = VersionSource(digest["model/model.joblib"], other, example, {}, imported="elsewhere")
    version = workspace.registry.register_import("odd", source)
    set_gates(workspace, "staging", [])
    decision = workspace.registry.assess("odd", version.version, "staging")
    assert not decision.accepted
    assert "the model knows the classes" in decision.message
    with pytest.raises(Refused, match="cannot answer its example"):
        workspace.registry.promote("odd", version.version, "staging", "please")


def test_a_version_that_was_never_tried_does_not_pass() -> None:
    from pilothouse.kit.parameters import Params
    from pilothouse.registry.evidence import Side
    from pilothouse.registry.gates.answers_example import AnswersExample

    evidence = Evidence("m", 1, "staging", Side("m@1", "", {}))
    assert AnswersExample.evaluate(evidence, Params()).outcome == "inconclusive"


def test_models_written_before_classes_had_names_answer_in_the_order_of_their_signature(
    workspace: Workspace,
) -> None:
    from sklearn.pipeline import Pipeline

    ref = workspace.data.register("visits", visits("Yes", "No")).ref
    run = workspace.training.train_now(TrainingSpec(ref, "target", positive="No", **QUICK))
    pipeline, signature, _ = files(workspace, run)
    unnamed = Pipeline(pipeline.steps)
    assert list(unnamed.classes_) == [0, 1]
    row = [[0.3], ["a"]]
    columns = [row[signature.names.index(name)] for name in ("x", "kind")]
    own = PipelineModel(pipeline, signature).predict(columns)
    assert PipelineModel(unnamed, signature).predict(columns) == own


values = st.sampled_from(TARGETS)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(values, st.booleans(), st.integers(3, 30), st.integers(3, 30), st.integers(0, 2))
def test_every_row_keeps_its_own_label(
    pair: tuple[Any, Any], choose: bool, first: int, second: int, holes: int
) -> None:
    labels: list[Any] = [pair[0]] * first + [pair[1]] * second + [None] * holes
    column = pd.Series(labels, name="target", dtype=object if holes else None)
    positive: Label | None = str(pair[0]) if choose else None
    target = read_target(column, "string", None, TrainingSpec("d", "target", positive=positive))
    signature = target.signature
    named = [signature.match_label(value) for value in labels[: first + second]]
    assert target.truth.tolist() == [label == signature.positive for label in named]
    assert [signature.classes[code] for code in target.y] == named
    assert sorted(target.counts.values()) == sorted([first, second])
    if choose:
        assert signature.positive == signature.match_label(pair[0])
    elif first != second:
        assert target.counts[signature.positive] == min(first, second)


def test_a_boolean_target_has_the_words_of_its_file_as_classes() -> None:
    column = pd.Series([True, False, False, True, False, None], name="target", dtype=object)
    spec = TrainingSpec("d", "target", folds=0)
    target = read_target(column, "boolean", ("nein", "Ja"), spec)
    assert target.signature.classes == ("nein", "Ja")
    assert target.y.tolist() == [1, 0, 0, 1, 0]
    other = read_target(column, "boolean", ("nein", "Ja"), replace(spec, positive="false"))
    assert other.signature.positive == "nein"


@pytest.mark.parametrize(
    ("values", "kind", "task", "message"),
    [
        ([1, 1, 1], "integer", None, "1 distinct values"),
        ([None, None], "string", None, "0 distinct values"),
        ([1, 2, 3], "integer", "binary", "3 distinct values; two are needed"),
        ([1.5, 1.5], "number", "regression", "1 distinct values"),
        (["a", "b", "c"], "string", "regression", "holds texts; numbers are needed"),
        ([True, False], "boolean", "quantile", "holds true and false; numbers are needed"),
        ([f"text {number}" for number in range(50)], "string", None, "too many to be classes"),
        (["a"] * 40 + ["b"] * 40 + ["c"], "string", None, "the class 'c' .* has 1 row;"),
        (["a"] * 40 + ["b"] * 40 + ["c"] * 2, "string", None, "the class 'c' .* has 2 rows"),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), "time", None, "holds times"),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), "time", "binary", "holds times"),
        ([1, 2, 3], "integer", "multilabel", "cannot be trained"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(
    values: Any, kind: Any, task: str | None, message: str
) -> None:
    spec = TrainingSpec("d", "target", task=task)
    with pytest.raises(Invalid, match=message) as refusal:
        read_target(pd.Series(values, name="target"), kind, None, spec)
    assert refusal.value.fields


@pytest.mark.parametrize("is_rarer", [True, False], ids=["rarer", "reversed"])
@pytest.mark.parametrize(
    ("rare", "common"),
    [
        *TARGETS[:1],
        *(pytest.param(*pair, marks=pytest.mark.proof) for pair in TARGETS[1:]),
    ],
    ids=str,
)
def test_a_window_judges_by_the_probability_of_the_class_that_was_chosen(
    workspace: Workspace, rare: Any, common: Any, is_rarer: bool
) -> None:
    """Whatever the type and order of the labels, and however they are written when they come."""
    frame, chosen = visits(rare, common), rare if is_rarer else common
    ref = workspace.data.register("visits", frame).ref
    spec = TrainingSpec(ref, "target", positive=chosen, **QUICK)
    run = workspace.training.train_now(spec)
    pipeline, signature, _ = files(workspace, run)
    workspace.registry.register("visits", run)
    workspace.deployments.add_external("visits", "visits", 1)
    workspace.monitoring.monitor("visits", min_rows=ROWS, min_labelled=ROWS)

    inputs = workspace.data.frame(ref)[list(signature.names)]
    served = np.array(PipelineModel(pipeline, signature).predict(inputs.T.to_numpy().tolist()))
    own = pipeline.predict_proba(inputs)[:, list(pipeline.classes_).index(signature.positive)]
    np.testing.assert_array_equal(served[:, signature.classes.index(signature.positive)], own)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    sent = inputs.assign(
        prediction_id=[f"visit-{row}" for row in range(ROWS)],
        score=own,
        event_time=at,
        label=frame["target"],
    )
    assert workspace.deployments.record_predictions("visits", sent).labels == ROWS
    monitoring = workspace.monitoring
    info = monitoring.window(monitoring.evaluate("visits", at, at + timedelta(days=7)))
    is_chosen = [value == chosen for value in frame["target"]]
    assert info.value == pytest.approx(roc_auc_score(is_chosen, own))
    assert info.value > 0.8
