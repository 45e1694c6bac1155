"""A signature survives JSON, and one that contradicts itself is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.experiments.metrics.kinds import compare_values, metric_kind
from pilothouse.kit.errors import Invalid
from pilothouse.models.class_labels import class_positions, matched_labels
from pilothouse.models.signature import Signature, SignatureField

number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
spellings = st.none() | st.lists(st.text(max_size=5), max_size=3).map(tuple)
kinds = st.sampled_from(["number", "integer", "string", "boolean", "time"])
pair = st.none() | st.tuples(st.text(max_size=3), st.text(max_size=3))
fields = st.builds(
    SignatureField, st.text(max_size=8), kinds, st.booleans(), spellings, number, number, pair
)
inputs = st.lists(fields, max_size=5, unique_by=lambda field: field.name).map(tuple)


@settings(deadline=None)
@given(inputs, st.sampled_from([(0, 1), ("no", "yes"), (False, True)]), st.floats(0, 1), pair)
def test_a_signature_survives_json(
    inputs: tuple[SignatureField, ...],
    classes: tuple[Any, Any],
    threshold: float,
    target_words: tuple[str, str] | None,
) -> None:
    signature = Signature(inputs, "late", classes, classes[1], threshold, target_words)
    assert Signature.from_json(json.loads(json.dumps(signature.to_json()))) == signature


WORDS = ("nein", "Ja")


@pytest.mark.parametrize(
    ("classes", "label", "expected"),
    [
        ((0, 1), "1", 1),
        ((0, 1), 1.0, 1),
        ((0, 1), True, 1),
        ((0, 1), "false", 0),
        ((0, 1), "2", None),
        (("0", "1"), 1, "1"),
        (("0", "1"), 0.0, "0"),
        (("0", "1"), True, "1"),
        (("0", "1"), "1.0", "1"),
        ((False, True), "true", True),
        ((False, True), "0", False),
        ((False, True), 1, True),
        ((-1, 1), "-1", -1),
        ((-1, 1), -1.0, -1),
        ((-1, 1), False, None),
        ((0.5, 1.5), "0.5", 0.5),
        (("legit", "fraud"), "fraud", "fraud"),
        (("legit", "fraud"), "Fraud", None),
        (("7", "007"), "7", "7"),
        (("7", "007"), "007", "007"),
        (("7", "007"), 7, None),
        (("a", "nan"), float("nan"), None),
        ((2**53, 2**53 + 1), str(2**53 + 1), 2**53 + 1),
        ((0, 1), None, None),
        ((0, 1), [1], None),
        ((0, 1), "", None),
    ],
)
def test_a_label_of_another_type_means_the_class_of_its_value(
    classes: tuple[Any, ...], label: Any, expected: Any
) -> None:
    match = Signature((), "late", classes, classes[-1]).match_label(label)
    assert (match, type(match)) == (expected, type(expected))


@pytest.mark.parametrize("label", ["Ja", "ja", "JA", True, 1, 1.0, "1", "true"])
def test_a_boolean_target_takes_its_words_and_what_they_mean(label: Any) -> None:
    signature = Signature((), "late", WORDS, "Ja", target_words=WORDS)
    assert signature.match_label(label) == "Ja"
    assert signature.match_label("no") is None


@given(st.sampled_from([("no", "yes"), (0, 1), ("0", "1"), (False, True), (-1, 1)]), st.booleans())
def test_every_class_means_itself(classes: tuple[Any, Any], reverse: bool) -> None:
    order = classes[::-1] if reverse else classes
    signature = Signature((), "late", order, order[0])
    assert [signature.match_label(label) for label in order] == list(order)


def test_many_labels_are_matched_as_one_by_one() -> None:
    signature = Signature((), "late", (0, 1, "2"), 1)
    labels = [1, 1.0, True, "1", "2", 2, None, float("nan"), [1], {}, "x", np.float64(0), 0, 1]
    assert matched_labels(signature, labels) == [signature.match_label(label) for label in labels]
    positions = [0, 1, 2, np.nan]
    assert np.array_equal(
        class_positions(signature, ["0", True, 2.0, "x"]), positions, equal_nan=True
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": [{"name": "a", "type": "decimal"}]}, "the type 'decimal'"),
        ({"inputs": [{"name": "a", "type": "number"}] * 2}, "more than once"),
        ({"inputs": 3}, "cannot be read"),
        ({"inputs": [{"name": "a"}]}, "no 'type'"),
        ({"positive": 7}, "none of the classes"),
    ],
)
def test_a_wrong_signature_is_refused(change: dict[str, Any], message: str) -> None:
    right = {"inputs": [], "target": "late", "classes": [0, 1], "positive": 1}
    assert Signature.from_json(right).threshold == 0.5
    with pytest.raises(Invalid, match=message):
        Signature.from_json(right | change)


def test_reading_a_signature_loads_no_database() -> None:
    script = "import sys, pilothouse.models.signature; print('sqlalchemy' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert process.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("key", "title", "direction"),
    [
        ("roc_auc", "ROC AUC", "higher"),
        ("cv_roc_auc_mean", "CV ROC AUC mean", "higher"),
        ("cv_roc_auc_std", "CV ROC AUC spread", "lower"),
        ("val_log_loss", "Val log loss", "lower"),
        ("validation_log_loss", "Validation log loss", "lower"),
        ("val_roc_auc", "Val ROC AUC", "higher"),
        ("fit_seconds", "Fit time (s)", "lower"),
        ("eval/my-loss", "eval/my-loss", "lower"),
        ("reward", "reward", "higher"),
        ("epoch", "epoch", "unknown"),
        ("ROC AUC", "“ROC AUC”", "higher"),
    ],
)
def test_every_metric_has_a_title_and_a_direction(key: str, title: str, direction: str) -> None:
    assert (metric_kind(key).title, metric_kind(key).direction) == (title, direction)


@pytest.mark.parametrize(
    ("key", "value", "baseline", "verdict"),
    [
        ("roc_auc", 0.8, 0.7, "better"),
        ("log_loss", 0.8, 0.7, "worse"),
        ("roc_auc", 0.1 + 0.2, 0.3, "same"),
        ("roc_auc", float("nan"), 0.3, "unknown"),
        ("roc_auc", float("inf"), float("inf"), "same"),
        ("log_loss", float("inf"), 0.3, "worse"),
    ],
)
def test_a_verdict_follows_the_direction(
    key: str, value: float, baseline: float, verdict: str
) -> None:
    assert compare_values(key, value, baseline) == verdict


def test_a_value_is_written_in_its_metrics_format() -> None:
    assert metric_kind("roc_auc").format_value(0.70349) == "0.7035"
    assert metric_kind("roc_auc").format_value(float("nan")) == "–"  # noqa: RUF001
