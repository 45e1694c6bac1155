"""A training as data."""

from __future__ import annotations

import json

import pytest

from pilothouse.kit.errors import Invalid
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
        ({"dataset": ""}, "dataset"),
        ({"colour": "red"}, "colour"),
        ({"params": {"depth": 3}}, "params.depth"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        TrainingSpec.from_json({"dataset": "flights@1", "target": "late", **changes})
    assert field in refusal.value.fields
