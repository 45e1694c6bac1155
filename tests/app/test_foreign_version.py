"""The page of a version from elsewhere: what is missing, its code, and its description."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pilothouse.workspace import Workspace
from pilothouse_app.components.markdown import literal
from pilothouse_app.features.evaluation.results import newest_metrics
from pilothouse_app.features.registry.describe import as_label, prefill

xgboost = pytest.importorskip("xgboost")


class Greeting:
    """A class of nobody's library."""


@pytest.fixture
def booster(workspace: Workspace, tmp_path: Path) -> None:
    """A regression by XGBoost, registered from its file."""
    values = np.arange(20.0).reshape(10, 2)
    model = xgboost.XGBRegressor(n_estimators=2).fit(values, values[:, 0])
    model.save_model(tmp_path / "model.ubj")
    workspace.registry.register_files("price", tmp_path / "model.ubj")


@pytest.fixture
def described(workspace: Workspace, booster: None, answering: None) -> None:
    """The same, described."""
    inputs = {"f0": "number", "f1": "number"}
    workspace.registry.describe("price", 1, "regression", target="price", inputs=inputs)


def words(page: Any) -> str:
    return " ".join(str(part.value) for part in (*page.markdown, *page.caption))


@pytest.mark.usefixtures("booster")
def test_what_is_missing_stands_on_the_page_with_its_button(visit: Callable[..., Any]) -> None:
    page = visit("version", ref="price@1")
    assert not page.exception
    text = words(page)
    assert "Data only" in text
    assert "Missing before it can be launched" in text
    assert "does not say its inputs" in text
    assert page.button(key="describe_next").label == "Describe"
    assert page.button(key="launch").disabled
    assert page.button(key="promote").proto.type == "secondary"
    assert page.button(key="evaluate").disabled
    with pytest.raises(KeyError):
        page.button(key="version_describe")


def test_own_code_is_reviewed_before_anything_else(
    workspace: Workspace, visit: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Greeting()))
    workspace.registry.register_files("own", tmp_path / "model.pkl")
    page = visit("version", ref="own@1")
    assert not page.exception
    assert "Own code" in words(page)
    assert page.button(key="version_review").label == "Review code"

    workspace.registry.approve_code("own", 1, "read it")
    page = visit("version", ref="own@1")
    assert page.button(key="version_revoke").label == "Revoke approval"
    assert "read it" in words(page)


@pytest.mark.usefixtures("booster")
def test_the_form_begins_with_what_the_model_says(workspace: Workspace) -> None:
    version = workspace.registry.version("price", 1)
    facts = {"task": "multiclass", "gives": "probability", "classes": [3, 7, 9]}
    filled = prefill(version, facts, ())
    assert (filled.task, filled.gives, filled.classes) == ("multiclass", "probability", (3, 7, 9))
    assert as_label("7", filled.classes) == 7
    assert as_label("seven", filled.classes) == "seven"

    unknown = prefill(version, {"answer": [[1.0, 2.0]]}, ())
    assert (unknown.task, unknown.outputs) == ("unspecified", ("output_1", "output_2"))
    assert prefill(version, {"answer": [[1.0, 2.0]]}, ("low", "high")).outputs == ("low", "high")


@pytest.mark.usefixtures("booster")
def test_the_form_begins_with_the_outputs_of_the_file(workspace: Workspace) -> None:
    version = workspace.registry.version("price", 1)
    outputs = [{"name": "price", "type": "number"}, {"name": "grade", "type": "string"}]
    for answer in ([], [[1.5, "a"]]):
        filled = prefill(version, {"outputs": outputs, "answer": answer}, ())
        assert filled.outputs == ("price", "grade")
        assert filled.output_types == {"price": "number", "grade": "string"}

    # The program that logged the model named one output, and the model answers two.
    facts = {"outputs": outputs, "answer": [[1.5, "a"]]}
    assert prefill(version, facts, ("all",)).outputs == ("price", "grade")
    assert prefill(version, facts, ("a", "b")).output_types == {"a": "number", "b": "string"}


def test_the_form_keeps_the_types_of_the_outputs(
    workspace: Workspace, visit: Callable[..., Any], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    model = xgboost.XGBRegressor(n_estimators=2)
    model.fit(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)))
    model.save_model(tmp_path / "model.ubj")
    workspace.registry.register_files("two", tmp_path / "model.ubj")
    inputs = {"a": "number", "b": "number"}
    workspace.registry.describe(
        "two", 1, "unspecified", inputs=inputs, outputs=[("size", "integer"), ("price", "number")]
    )
    page = visit("version", ref="two@1")
    page.button(key="version_describe").click().run()
    assert page.text_area(key="describe_outputs").value == "size\nprice"
    page.button(key="describe_go").click().run()
    assert not page.exception
    described = workspace.registry.version("two", 1).signature.outputs
    assert [(field.name, field.type) for field in described] == [
        ("size", "integer"),
        ("price", "number"),
    ]


@pytest.mark.usefixtures("described")
def test_a_version_that_can_be_launched_is_evaluated_next(
    workspace: Workspace, visit: Callable[..., Any]
) -> None:
    page = visit("version", ref="price@1")
    assert not page.exception
    assert "It can be launched. Next: evaluate it on a dataset" in words(page)
    assert page.button(key="promote").proto.type == "primary"
    assert list(page.dataframe[0].value.columns) == ["name", "type", "example"]

    page.button(key="evaluate").click().run()
    assert page.button(key="evaluate_register").label == "Register a dataset"
    page = visit("version", ref="price@1")
    page.button(key="predict").click().run()
    assert page.button(key="evaluate_register").label == "Register a dataset"


@pytest.mark.usefixtures("described")
def test_the_tiles_have_what_the_gates_look_at(workspace: Workspace) -> None:
    version = replace(workspace.registry.version("price", 1), metrics={"f1": 0.9})
    none = pd.DataFrame({"metrics": []})
    assert newest_metrics(version, none) == {"f1": 0.9}
    evaluated = pd.DataFrame({"metrics": [{}, {"mae": 2.0}, {"mae": 3.0}]})
    assert newest_metrics(version, evaluated) == {"mae": 2.0}
    assert newest_metrics(replace(version, held_out="d1"), evaluated) == {"f1": 0.9}


@pytest.mark.usefixtures("described")
def test_a_model_whose_training_is_not_known_is_not_retrained(
    workspace: Workspace, visit: Callable[..., Any]
) -> None:
    workspace.deployments.launch("price", "price", 1, "a test")
    reason = workspace.pipelines.reason_not_retrained("price")
    assert reason.startswith("price@1 was trained elsewhere")

    page = visit("pipelines")
    page.button(key="start_retrain").click().run()
    assert not page.exception
    assert [box.value for box in page.info] == [literal(reason)]
    with pytest.raises(KeyError):
        page.button(key="retrain_go")

    files = {"train.py": b"print(1)"}
    workspace.recipes.register_files(
        "price", files, entry_point="train.py", dataset_parameter="data", model="price"
    )
    assert workspace.pipelines.reason_not_retrained("price") == ""
