"""Starting a training, what came of it on its job's page, and a run's summary of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pilothouse.jobs.tables import Job
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

Visit = Callable[..., Any]


def text(page: Any) -> str:
    parts = (*page.markdown, *page.caption, *page.error, *page.info, *page.code)
    return " ".join(str(part.value) for part in parts)


@pytest.fixture
def data(workspace: Workspace) -> str:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"id": np.arange(300), "x": rng.normal(size=300)})
    frame["kind"] = rng.choice(["a", "b", "c"], 300)
    frame["outcome"] = np.where(frame["x"] + rng.normal(0, 0.5, 300) > 0.9, "fraud", "legit")
    return workspace.data.register("payments", frame).ref


@pytest.fixture
def run(workspace: Workspace, data: str) -> str:
    spec = TrainingSpec(data, "outcome", trainer="logistic_regression", folds=2)
    return workspace.training.train_now(spec)


def opened(visit: Visit, data: str, **chosen: str) -> Any:
    """The form with what somebody chose in it before."""
    page = visit("dataset", ref=data)
    for key, value in chosen.items():
        page.session_state[key] = value
    page.button(key="train").click().run()
    assert not page.exception
    return page


def test_the_form_shows_the_positive_class_and_lets_it_be_chosen(
    visit: Visit, workspace: Workspace, data: str
) -> None:
    page = opened(visit, data, train_target="outcome")
    positive = page.segmented_control(key=f"train_positive_{data}_outcome_binary")
    assert positive.value == "fraud"
    assert "probability of **fraud**" in text(page)
    assert any("2 features, 2 columns left out" in e.label for e in page.expander)
    assert not page.button(key="train_go").disabled
    assert "Trained on 300 rows, evaluated on 300 rows out of fold, by 5 folds" in text(page)
    chosen = {
        "train_target": "outcome",
        f"train_positive_{data}_outcome_binary": "legit",
        "train_evaluation": "held_out",
    }
    page = opened(visit, data, **chosen)
    assert "probability of **legit**" in text(page)
    assert "Trained on 239 rows, evaluated on 61 (" in text(page)


def test_the_form_says_what_is_wrong_before_there_is_a_job(
    visit: Visit, workspace: Workspace
) -> None:
    frame = pd.DataFrame({"x": np.arange(50) / 7, "same": ["a"] * 50})
    page = opened(visit, workspace.data.register("flat", frame).ref, train_target="same")
    assert "1 distinct values" in text(page)
    assert page.button(key="train_go").disabled
    assert len(workspace.jobs.jobs()) == 0


@pytest.fixture
def flats(workspace: Workspace) -> str:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"area": rng.uniform(20, 180, 300), "rooms": rng.integers(1, 6, 300)})
    frame["price"] = frame["area"] * 3 + rng.normal(0, 20, 300)
    frame["cents"] = frame["price"] * 100
    return workspace.data.register("flats", frame).ref


def test_a_leak_is_named_with_its_figure_and_left_out_by_a_press(
    visit: Visit, workspace: Workspace, flats: str
) -> None:
    page = opened(visit, flats, train_target="price")
    (warning,) = page.warning
    assert "**cents**: it is a copy of the target, in 100.0% of the rows." in warning.value
    assert any(box.label == "3 features, 1 column left out" for box in page.expander)
    page.button(key="train_leave_out").click().run()
    page.button(key="train").click().run()
    assert not page.exception
    # Opened anew, the dialog begins with what the data suggests.
    assert page.warning


def test_where_fits_run_is_chosen_among_the_places_that_are_ready(
    visit: Visit, workspace: Workspace, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(visit, data, train_target="outcome")
    assert "Spread the work over" not in [box.label for box in page.selectbox]
    addresses = {"dask_address": "tcp://127.0.0.1:9", "ray_address": "127.0.0.1:9"}
    settings = workspace.store.settings.model_copy(update={**addresses, "spread": "dask"})
    far = Workspace(replace(workspace.store, settings=settings))
    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: far)
    installed = {"distributed"}
    monkeypatch.setattr(
        "pilothouse.kit.optional_packages.find_spec", lambda name: name in installed or None
    )
    page = opened(visit, data, train_target="outcome")
    place = page.selectbox(key="train_spread")
    assert (place.options, place.value) == (["This machine", "Dask"], "dask")
    assert 'Ray is not installed: `pip install "pilothouse[ray]"`' in text(page)
    assert not page.button(key="train_go").disabled


def test_a_task_that_the_target_allows_is_chosen_with_its_levels_and_unit(
    visit: Visit, workspace: Workspace, flats: str
) -> None:
    chosen = {
        "train_target": "price",
        f"train_task_{flats}_price": "quantile",
        f"train_levels_{flats}_price_quantile": ["0.2", "0,8"],
        f"train_unit_{flats}_price_quantile": " EUR ",
        f"train_groups_{flats}": "rooms",
    }
    page = opened(visit, flats, **chosen)
    assert "**Quantile regression** of **price**" in text(page)
    assert "EUR" in text(page)
    assert not page.button(key="train_go").disabled
    metric = page.selectbox(key="train_metric")
    assert metric.value == "pinball"


def test_a_level_that_is_no_number_is_refused_in_the_form(visit: Visit, flats: str) -> None:
    chosen = {
        "train_target": "price",
        f"train_task_{flats}_price": "quantile",
        f"train_levels_{flats}_price_quantile": ["half"],
    }
    page = opened(visit, flats, **chosen)
    assert "must be within 0 and 1" in text(page)
    assert page.button(key="train_go").disabled


def test_a_leaderboard_leads_to_its_runs_and_says_who_failed(
    visit: Visit, workspace: Workspace, flats: str
) -> None:
    spec = TrainingSpec(flats, "price", folds=0, features=("area",))
    board = workspace.training.try_all_now(spec, minutes=1e-9)
    run = board.rows[0].run
    job = workspace.training.submit_all(spec)
    values = {"run": run, "metric": "mae", "metrics": {"mae": 1.5}, "runs": [run]}
    result = {**values, "leaderboard": board.to_json()}
    with workspace.store.write() as session:
        row = session.get_one(Job, job)
        row.status, row.result = "succeeded", result
        session.add(row)
    page = visit("job", id=job)
    assert not page.exception
    assert "No trainer is better than the baseline" in text(page)
    assert "**Ridge regression**: Not started before the time limit" in text(page)
    frames = [frame.value for frame in page.dataframe]
    assert any(list(frame.get("trainer", [])) == ["1. Baseline"] for frame in frames)


def test_a_trainer_that_is_not_installed_is_named_with_its_command(
    visit: Visit, flats: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilothouse.training import trainers

    monkeypatch.setattr(trainers, "find_spec", lambda name: None)
    page = opened(visit, flats, train_target="price")
    assert "LightGBM and XGBoost are not installed: `pip install 'pilothouse[boost]'`" in text(page)
    options = page.segmented_control(key="train_trainer").options
    assert "XGBoost" not in str(options)


def ended(workspace: Workspace, data: str, **changes: Any) -> str:
    """A training job that has ended."""
    spec = TrainingSpec(data, "outcome", trainer="logistic_regression", folds=5, seed=9)
    job = workspace.training.submit(spec)
    with workspace.store.write() as session:
        row = session.get_one(Job, job)
        for name, value in changes.items():
            setattr(row, name, value)
        session.add(row)
    return job


def test_a_failed_training_offers_its_settings_to_edit(
    visit: Visit, workspace: Workspace, data: str
) -> None:
    page = visit("job", id=ended(workspace, data, status="failed", error="no memory"))
    page.button(key="job_edit_again").click().run()
    assert not page.exception
    assert page.selectbox(key="train_target").value == "outcome"
    assert page.number_input(key="train_folds").value == 5


def test_a_finished_training_leads_to_its_run_with_its_figure(
    visit: Visit, workspace: Workspace, data: str, run: str
) -> None:
    result = {"run": run, "metric": "roc_auc", "metrics": {"roc_auc": 0.8123}}
    page = visit("job", id=ended(workspace, data, status="succeeded", result=result))
    assert not page.exception
    assert "ROC AUC 0.8123" in text(page)
    assert "out of fold, 5 folds, 300 rows" in text(page)


def test_a_runs_overview_says_what_it_predicts_from_what_and_what_to_do_next(
    visit: Visit, run: str, workspace: Workspace
) -> None:
    page = visit("run", id=run)
    assert not page.exception
    said = text(page)
    for part in ("outcome", "fraud", "payments@1", "x, kind", "register it as a model version"):
        assert part in said
    assert "out of fold, 5 folds, 300 rows" in said
    assert "95% interval" in said
    assert any("1 column left out" in e.label for e in page.expander)
    workspace.registry.register("payments", run)
    assert "promote its version" in text(visit("run", id=run))


def test_reproduce_makes_this_run_again_and_names_no_commit_of_pilothouse(
    visit: Visit, run: str, workspace: Workspace
) -> None:
    said = text(visit("run", id=run, run_view="Reproduce"))
    assert "git checkout" not in said
    assert f'ws.experiments.artifact("{run}", "spec.json")' in said
    assert workspace.data.version("payments@1").content_hash[:12] in said
    environment = json.loads(workspace.experiments.artifact(run, "environment.json"))
    assert f"scikit-learn=={environment['packages']['scikit-learn']}" in said


@pytest.mark.parametrize(
    ("target", "title", "labels"),
    [("kind", "Multiclass classification", "b 109"), ("x", "Regression", "mean x")],
)
def test_the_form_names_the_task_that_the_target_suggests(
    visit: Visit, data: str, target: str, title: str, labels: str
) -> None:
    page = opened(visit, data, train_target=target)
    assert title in text(page)
    assert labels in text(page)
    assert not any(str(item.key).startswith("train_positive") for item in page.button_group)
    assert not page.button(key="train_go").disabled
