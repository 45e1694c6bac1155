"""Every task keeps the contract, and its metrics are those of scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from pilothouse.models.metrics.weighted_metrics import Untested, class_measures
from pilothouse.models.signature import OutputField, Signature, SignatureField
from pilothouse.models.tasks import class_of_code, task_of, tasks
from pilothouse.testing.tasks import check_task_on

INPUTS = (SignatureField("x", "number"),)
LETTERS = ("a", "b", "c")
TAGS = tuple(OutputField(name) for name in LETTERS)
RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet(np.ones(3), 200)
NUMBERS = RNG.normal(10, 3, 200)

SIGNATURES = {
    "binary": Signature(INPUTS, "y", ("no", "yes"), "yes"),
    "multiclass": Signature(INPUTS, "y", LETTERS, task="multiclass"),
    "multilabel": Signature(INPUTS, "y", task="multilabel", outputs=TAGS),
    "regression": Signature(INPUTS, "y", task="regression", gives="value", unit="km"),
    "quantile": Signature(INPUTS, "y", task="quantile", gives="value", levels=(0.1, 0.5, 0.9)),
    "ranking": Signature(INPUTS, "y", task="ranking", gives="value"),
    "unspecified": Signature(INPUTS, task="unspecified", gives="value", outputs=TAGS[:1]),
}
QUANTILES = np.column_stack([NUMBERS - 2, NUMBERS, NUMBERS + 2])
ROWS = {
    "binary": PROBABILITIES[:, :2] / PROBABILITIES[:, :2].sum(axis=1, keepdims=True),
    "multiclass": PROBABILITIES,
    "multilabel": PROBABILITIES,
    "regression": NUMBERS[:, None],
    "quantile": QUANTILES,
    "ranking": NUMBERS[:, None],
    "unspecified": NUMBERS[:, None],
}
OBSERVED = NUMBERS + RNG.normal(0, 2, 200)
LABELS = {
    "binary": RNG.choice(["no", "yes"], 200).tolist(),
    "multiclass": RNG.choice(LETTERS, 200).tolist(),
    "multilabel": [";".join(c for c in LETTERS if RNG.random() < 0.4) for _ in range(200)],
    "regression": OBSERVED.tolist(),
    "quantile": OBSERVED.tolist(),
    "ranking": RNG.integers(0, 4, 200).astype(float).tolist(),
    "unspecified": OBSERVED.tolist(),
}


def _measured(name: str, signature: Signature | None = None) -> dict[str, float]:
    signature = signature or SIGNATURES[name]
    task = task_of(signature)
    decided = task.decide(signature, ROWS[name].tolist())
    columns = {key: np.array(values) for key, values in decided.items()}
    return task.compute_metrics(signature, columns, task.truth(signature, LABELS[name]))


def test_every_task_is_tried_here() -> None:
    assert sorted(SIGNATURES) == tasks.names()


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_the_contract(name: str) -> None:
    check_task_on(tasks.get(name), SIGNATURES[name], ROWS[name].tolist(), LABELS[name])


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_a_signature_is_read_back_from_json(name: str) -> None:
    signature = SIGNATURES[name]
    assert Signature.from_json(json.loads(json.dumps(signature.to_json()))) == signature


def test_a_stored_signature_without_a_task_is_binary() -> None:
    stored = {"inputs": [], "target": "y", "classes": [0, 1], "positive": 1, "threshold": 0.3}
    signature = Signature.from_json(stored)
    assert signature.task == "binary"
    assert signature.to_json() == stored


def test_a_stored_signature_without_classes_is_not_described() -> None:
    signature = Signature.from_json({"inputs": [], "target": "", "classes": [], "positive": ""})
    assert signature.task == "unspecified"
    assert not signature.is_described


def test_two_classes() -> None:
    y = np.array(LABELS["binary"]) == "yes"
    score = ROWS["binary"][:, 1]
    called = score >= 0.5
    assert _measured("binary") == pytest.approx(
        {
            "roc_auc": oracle.roc_auc_score(y, score),
            "average_precision": oracle.average_precision_score(y, score),
            "log_loss": oracle.log_loss(y, score),
            "brier": oracle.brier_score_loss(y, score),
            "accuracy": oracle.accuracy_score(y, called),
            "f1": oracle.f1_score(y, called),
            "precision": oracle.precision_score(y, called),
            "recall": oracle.recall_score(y, called),
            "calibration_error": _measured("binary")["calibration_error"],
        }
    )


@pytest.mark.parametrize("gives", ["label", "value"])
def test_two_classes_without_probabilities(gives: str) -> None:
    signature = Signature(INPUTS, "y", ("no", "yes"), "yes", 0.0, gives=gives)  # type: ignore[arg-type]
    task = task_of(signature)
    margins = RNG.normal(size=200)
    called = margins >= 0
    rows = (
        [["yes" if c else "no"] for c in called] if gives == "label" else margins[:, None].tolist()
    )
    columns = {key: np.array(v) for key, v in task.decide(signature, rows).items()}
    metrics = task.compute_metrics(signature, columns, task.truth(signature, LABELS["binary"]))
    y = np.array(LABELS["binary"]) == "yes"
    assert metrics["f1"] == pytest.approx(oracle.f1_score(y, called))
    assert "log_loss" not in metrics
    if gives == "value":
        assert metrics["roc_auc"] == pytest.approx(oracle.roc_auc_score(y, margins))


def test_three_classes() -> None:
    y, p = np.array(LABELS["multiclass"]), PROBABILITIES
    called = np.array(LETTERS)[p.argmax(axis=1)]
    metrics = _measured("multiclass")
    del metrics["calibration_error"]
    assert metrics == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(y, called),
            "balanced_accuracy": oracle.balanced_accuracy_score(y, called),
            "f1_macro": oracle.f1_score(y, called, average="macro"),
            "f1_weighted": oracle.f1_score(y, called, average="weighted"),
            "log_loss": oracle.log_loss(y, p, labels=list(LETTERS)),
            "roc_auc_ovr": oracle.roc_auc_score(y, p, multi_class="ovr"),
            "top_2_accuracy": oracle.top_k_accuracy_score(y, p, k=2),
        }
    )


def test_several_labels() -> None:
    signature = SIGNATURES["multilabel"]
    y = task_of(signature).truth(signature, LABELS["multilabel"])
    called = PROBABILITIES >= 0.5
    assert _measured("multilabel") == pytest.approx(
        {
            "f1_micro": oracle.f1_score(y, called, average="micro"),
            "f1_macro": oracle.f1_score(y, called, average="macro"),
            "hamming_loss": oracle.hamming_loss(y, called),
            "jaccard": oracle.jaccard_score(y, called, average="samples", zero_division=1),
            "accuracy": oracle.accuracy_score(y, called),
            "average_precision": oracle.average_precision_score(y, PROBABILITIES),
        }
    )


def test_numbers() -> None:
    y, predicted = OBSERVED, NUMBERS
    assert _measured("regression") == pytest.approx(
        {
            "mae": oracle.mean_absolute_error(y, predicted),
            "rmse": oracle.root_mean_squared_error(y, predicted),
            "median_ae": oracle.median_absolute_error(y, predicted),
            "max_error": oracle.max_error(y, predicted),
            "mean_error": float(np.mean(predicted - y)),
            "r2": oracle.r2_score(y, predicted),
            "mape": oracle.mean_absolute_percentage_error(y, predicted),
        }
    )


def test_quantiles() -> None:
    metrics = _measured("quantile")
    losses = [
        oracle.mean_pinball_loss(OBSERVED, QUANTILES[:, k], alpha=level)
        for k, level in enumerate((0.1, 0.5, 0.9))
    ]
    inside = (QUANTILES[:, 0] <= OBSERVED) & (QUANTILES[:, 2] >= OBSERVED)
    outside = np.maximum(QUANTILES[:, 0] - OBSERVED, 0) + np.maximum(OBSERVED - QUANTILES[:, 2], 0)
    assert metrics == pytest.approx(
        {
            "pinball": np.mean(losses),
            "mae": oracle.mean_absolute_error(OBSERVED, NUMBERS),
            "coverage": inside.mean(),
            "coverage_gap": abs(inside.mean() - 0.8),
            "width": 4.0,
            "interval_score": 4.0 + 10 * outside.mean(),
            "crossings": 0.0,
        }
    )


def test_ranks() -> None:
    signature = SIGNATURES["ranking"]
    grades = np.array(LABELS["ranking"])
    groups = np.repeat(np.arange(10), 20)
    columns = {"score": NUMBERS, "group": groups}
    metrics = task_of(signature).compute_metrics(signature, columns, grades)
    parts = [(2 ** grades[groups == g] - 1, NUMBERS[groups == g]) for g in range(10)]
    ndcg = [oracle.ndcg_score([gain], [score], k=10) for gain, score in parts]
    precision = [oracle.average_precision_score(gain > 0, score) for gain, score in parts]
    assert metrics["ndcg"] == pytest.approx(np.mean(ndcg))
    assert metrics["map"] == pytest.approx(np.mean(precision))


@given(
    st.permutations(["yes", "no"]),
    st.sampled_from(["yes", "no"]),
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_the_score_is_the_positive_class_in_any_order(
    classes: list[str], positive: str, chances: list[float]
) -> None:
    signature = Signature(INPUTS, "y", tuple(classes), positive)
    rows = [[c if label == positive else 1 - c for label in classes] for c in chances]
    columns = task_of(signature).decide(signature, rows)
    assert columns["score"] == chances
    called = task_of(signature).predictions(signature, columns)
    assert [label == positive for label in called] == [c >= 0.5 for c in chances]


def test_a_number_of_the_truth_is_a_class_in_any_order_of_the_classes() -> None:
    for classes in (("no", "yes"), ("yes", "no")):
        binary = Signature((), classes=classes, positive="yes", task="binary")
        assert class_of_code(binary) == {0.0: "no", 1.0: "yes"}
    three = Signature((), classes=("mid", "low", "high"), task="multiclass")
    assert class_of_code(three) == {0.0: "mid", 1.0: "low", 2.0: "high"}


def test_many_classes_are_answered_and_not_logged() -> None:
    classes = tuple(f"c{index}" for index in range(40))
    signature = Signature(INPUTS, "y", classes, task="multiclass")
    task = task_of(signature)
    assert [column.name for column in task.columns(signature)] == ["predict", "confidence"]
    rows = RNG.dirichlet(np.ones(40), 5).tolist()
    assert len(task.decide(signature, rows)) == 42


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_a_weight_of_two_is_the_row_twice(name: str) -> None:
    """The reweighted metric of every kind against the metric itself on repeated rows."""
    signature, task = SIGNATURES[name], tasks.get(name)
    decided = task.decide(signature, ROWS[name].tolist())
    columns = {key: np.array(values) for key, values in decided.items()}
    truth = task.truth(signature, LABELS[name])
    measures = task.measures(signature, columns, truth)
    declared = {metric.key for metric in task.metrics}
    assert declared - set(measures) <= {"mape"}, "of a target that is sometimes 0"

    weights = np.random.default_rng(3).integers(0, 4, (2, len(truth)))
    for row, count in enumerate(weights):
        again = np.repeat(np.arange(len(truth)), count)
        repeated = {key: values[again] for key, values in columns.items()}
        expected = task.compute_metrics(signature, repeated, truth[again])
        for key in declared & set(measures) & set(expected):
            measure = measures[key]()
            if isinstance(measure, Untested) or measure.unit == "groups":
                continue
            assert measure.values(weights)[row] == pytest.approx(expected[key], rel=1e-9), key


def test_a_maximum_has_a_value_and_no_test() -> None:
    signature, columns = SIGNATURES["regression"], {"predict": NUMBERS}
    measure = tasks.get("regression").measures(signature, columns, np.array(OBSERVED))["max_error"]
    assert isinstance(measure(), Untested)
    assert measure().value() == pytest.approx(oracle.max_error(OBSERVED, NUMBERS))


def test_more_of_two_classes_than_the_task_logs() -> None:
    signature, columns = SIGNATURES["binary"], {"score": ROWS["binary"][:, 1]}
    truth = tasks.get("binary").truth(signature, LABELS["binary"])
    called, measures = (
        columns["score"] >= 0.5,
        tasks.get("binary").measures(signature, columns, truth),
    )
    value = {key: measures[key]().value() for key in measures}
    assert value["matthews"] == pytest.approx(oracle.matthews_corrcoef(truth, called))
    assert value["specificity"] == pytest.approx(oracle.recall_score(1 - truth, ~called))
    assert value["balanced_accuracy"] == pytest.approx(
        oracle.balanced_accuracy_score(truth, called)
    )


def test_many_classes_have_an_accuracy_that_can_be_tested_alone() -> None:
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, 150, 900), rng.integers(0, 150, 900)
    measures = class_measures(y, predicted, 150)
    assert isinstance(measures["f1_macro"](), Untested)
    assert measures["f1_macro"]().value() == pytest.approx(
        oracle.f1_score(y, predicted, average="macro")
    )
    assert measures["accuracy"]().value() == pytest.approx(np.mean(y == predicted))
