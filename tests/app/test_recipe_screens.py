"""Recipes on screen: registered from a folder, run with fields of its parameters, and removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.environments.states import set_failed
from pilothouse.jobs.tables import Job
from pilothouse.workspace import Workspace
from pilothouse_app.components.live import live
from pilothouse_app.screens import recipe

Visit = Callable[..., AppTest]
MLPROJECT = """
entry_points:
  main:
    parameters:
      data: path
      rate: {type: float, default: 0.25}
    command: "python train.py --data {data}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    code = tmp_path / "churn"
    code.mkdir()
    (code / "MLproject").write_text(MLPROJECT)
    (code / "train.py").write_text("print('hello')\n")
    return code


@pytest.fixture
def live_parts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the live part of the page is redrawn quickly, at each run of the page."""
    busy: list[bool] = []

    def counted(body: Callable[[], object], **arguments: Any) -> None:
        busy.append(arguments["busy"])
        live(body, **arguments)

    monkeypatch.setattr(recipe, "live", counted)
    return busy


def add_dialog() -> None:
    """The dialog open at every run, as a browser keeps it open."""
    from pilothouse_app.features.pipelines.recipes import add_recipe

    add_recipe()


def run_dialog() -> None:
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.pipelines.recipe import _run_dialog

    _run_dialog(workspace().recipes.recipe("churn"))


def dialog(drawn: Callable[[], None]) -> AppTest:
    return AppTest.from_function(drawn, default_timeout=30).run()


def click(page: AppTest, label: str) -> AppTest:
    """The last button of that label: the one in the dialog, when one is open."""
    return [button for button in page.button if button.label == label][-1].click().run()


def test_a_folder_is_registered_in_the_form(
    visit: Visit, workspace: Workspace, folder: Path
) -> None:
    assert "Add a recipe" in [b.label for b in visit("pipelines", pipelines_view="Recipes").button]
    page = dialog(add_dialog)
    page.text_input(key="recipe_folder").set_value(str(folder)).run()
    assert page.selectbox(key="recipe_entry").options == ["main", "train.py"]
    assert page.selectbox(key="recipe_data_of").value == "data"
    click(page, "Register")
    recipe = workspace.recipes.recipe("churn")
    assert (recipe.entry_point, recipe.dataset_parameter) == ("main", "data")
    page = visit("pipelines", pipelines_view="Recipes")
    assert page.dataframe[0].value["name"].tolist() == ["churn"]


def test_a_folder_without_code_is_refused_in_the_form(visit: Visit, tmp_path: Path) -> None:
    page = dialog(add_dialog)
    page.text_input(key="recipe_folder").set_value(str(tmp_path / "none")).run()
    assert not page.exception
    assert "is not a folder" in page.error[0].value
    assert [b.disabled for b in page.button if b.label == "Register"] == [True]


def test_a_recipe_is_run_with_a_dataset_and_its_parameters(
    visit: Visit, workspace: Workspace, folder: Path
) -> None:
    workspace.data.register("churn", pd.DataFrame({"a": [1.0]}))
    workspace.recipes.register("churn", folder, dataset_parameter="data")
    assert "Run" in [button.label for button in visit("recipe", name="churn").button]
    page = dialog(run_dialog)
    assert page.number_input(key="recipe_param_rate").value == 0.25
    page.number_input(key="recipe_param_rate").set_value(0.5).run()
    click(page, "Run")
    job = workspace.jobs.job(workspace.jobs.jobs(kind="run_recipe")["id"][0])
    assert job.args == {"recipe": "churn", "parameters": {"rate": 0.5}, "dataset": "churn@1"}


def test_a_failed_environment_is_shown_with_the_way_on(
    visit: Visit, workspace: Workspace, folder: Path
) -> None:
    (folder / "requirements.txt").write_text("alpha==1\n")
    workspace.recipes.register("churn", folder)
    info = workspace.recipes.environment("churn")
    assert info is not None
    set_failed(workspace.store, info.id, "no_such_version", "alpha==1 is not there.")
    with workspace.store.write() as session:
        session.get_one(Job, info.job).status = "failed"
    page = visit("recipe", name="churn")
    assert not page.exception
    assert "alpha==1 is not there." in page.error[0].value.replace("\\", "")


@pytest.mark.parametrize("kind", ["recipe", "experiment"])
def test_a_recipe_is_redrawn_while_its_own_jobs_run_only(
    visit: Visit,
    workspace: Workspace,
    folder: Path,
    live_parts: list[bool],
    kind: str,
) -> None:
    workspace.recipes.register("churn", folder)
    info = workspace.recipes.environment("churn")
    assert info is not None
    set_failed(workspace.store, info.id, "no_such_version", "alpha==1 is not there.")
    workspace.jobs.submit("train", {}, title="Train churn", subject=(kind, "churn"))
    page = visit("recipe", name="churn")
    assert not page.exception
    assert live_parts == [kind == "recipe"]  # no more: it does not run the page again at once


def test_a_recipe_is_redrawn_while_its_environment_is_built(
    visit: Visit, workspace: Workspace, folder: Path, live_parts: list[bool]
) -> None:
    (folder / "requirements.txt").write_text("alpha==1\n")
    workspace.recipes.register("churn", folder)
    assert not visit("recipe", name="churn").exception
    assert live_parts == [True]


def test_an_unknown_recipe_is_said_to_be_none(visit: Visit) -> None:
    page = visit("recipe", name="none")
    assert not page.exception
    assert "no recipe" in page.error[0].value
