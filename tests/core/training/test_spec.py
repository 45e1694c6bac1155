"""A training as data."""

from __future__ import annotations

import json

import pytest

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.training import TrainingSpec


def test_a_spec_survives_json_with_every_parameter_settled() -> None:
    spec = TrainingSpec("flights@1", "late", features=("a", "b"), params={"max_iter": 50})
    back = TrainingSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert back == spec.checked()
    assert back.params["learning_rate"] == 0.1
    assert TrainingSpec.from_json(back.to_json()) == back


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"split": "magic"}, "split"),
        ({"test_share": 0.9}, "test_share"),
        ({"folds": 1}, "folds"),
        ({"trials": -1}, "trials"),
        ({"metric": "luck"}, "metric"),
        ({"features": ["late"]}, "features"),
        ({"threshold": 1.5}, "threshold"),
        ({"levels": [0.1, 1.0]}, "levels"),
        ({"class_weight": "heavy"}, "class_weight"),
        ({"groups": "late"}, "groups"),
        ({"task": "regression", "metric": "roc_auc"}, "metric"),
        ({"dataset": ""}, "dataset"),
        ({"colour": "red"}, "colour"),
        ({"params": {"depth": 3}}, "params.depth"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        TrainingSpec.from_json({"dataset": "flights@1", "target": "late", **changes})
    assert field in refusal.value.fields


def test_a_spec_that_was_stored_before_there_were_tasks_is_read() -> None:
    stored = {"dataset": "flights@1", "target": "late", "metric": "roc_auc", "features": ["a"]}
    spec = TrainingSpec.from_json(stored)
    assert (spec.task, spec.metric, spec.levels, spec.groups) == (None, "roc_auc", (), None)


def test_an_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(NotFound, match="fortune") as refusal:
        TrainingSpec.from_json({"dataset": "flights@1", "target": "late", "task": "fortune"})
    assert "regression" in (refusal.value.hint or "")
