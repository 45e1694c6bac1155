"""Registering a run's model: what the form offers, and models that other programs logged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pilothouse.workspace import Workspace
from pilothouse_app.features.experiments import register_model


def test_the_model_of_the_runs_experiment_comes_first(
    served: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_model, "workspace", lambda: served)
    version = served.registry.version("late", 2)
    assert version.run_id
    run = served.experiments.run(version.run_id)
    assert register_model.related_model(run) == "late"

    other = served.experiments.start("elsewhere", "a run")
    assert register_model.related_model(served.experiments.run(other)) == ""


MLMODEL = """\
flavors:
  xgboost:
    data: model.ubj
    model_class: xgboost.sklearn.XGBRegressor
    model_format: ubj
    xgb_version: 3.0.0
"""


@pytest.fixture
def logged_run(workspace: Workspace, tmp_path: Path) -> str:
    """A finished run to which another program logged two models."""
    xgboost = pytest.importorskip("xgboost")
    values = np.arange(20.0).reshape(10, 2)
    xgboost.XGBRegressor(n_estimators=2).fit(values, values[:, 0]).save_model(
        tmp_path / "model.ubj"
    )
    run = workspace.experiments.start("flats", "ridge")
    for name in ("first", "second"):
        workspace.experiments.log_artifact(run, f"{name}/MLmodel", MLMODEL.encode())
        workspace.experiments.log_artifact(
            run, f"{name}/model.ubj", (tmp_path / "model.ubj").read_bytes()
        )
    workspace.experiments.finish(run)
    return run


def test_a_model_that_a_program_logged_is_registered_from_its_run(
    workspace: Workspace,
    visit: Callable[..., Any],
    logged_run: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(register_model, "go", opened.append)
    monkeypatch.setattr(register_model, "toast_next", lambda *_: None)
    monkeypatch.setattr(register_model, "workspace", lambda: workspace)
    for number, name in enumerate(("first", "second"), start=1):
        page = visit("run", id=logged_run)
        page.button(key="run_register").click().run()
        assert not page.exception
        assert page.selectbox(key="register_folder").options == ["first", "second"]
        assert not page.button(key="register_go").disabled

        address = f"runs:/{logged_run}/{name}"
        register_model._register_version("ridge", logged_run, "", address)
        version = workspace.registry.version("ridge", number)
        assert version.import_source == f"logged model: {address}"
        assert version.package is not None
        assert version.package.format == "xgboost"

    assert len(opened) == 2
    page = visit("run", id=logged_run)
    with pytest.raises(KeyError):
        page.button(key="run_register")
