"""Experiments, a run, and Compare: default, filtered, empty, refused, and by address."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from pilothouse.kit.clock import FixedClock
from pilothouse.workspace import Workspace
from pilothouse_app.components.table import table_key

CURVES = {
    "curves/roc.json": {"fpr": [0, 0.2, 1], "tpr": [0, 0.7, 1], "threshold": [1, 0.5, 0]},
    "curves/pr.json": {"recall": [1, 0.5, 0], "precision": [0.2, 0.6, 1], "threshold": [0, 0.5, 1]},
    "curves/calibration.json": {"predicted": [0.1, 0.9], "observed": [0.2, 0.8], "count": [9, 9]},
    "confusion.json": {"labels": ["no", "yes"], "matrix": [[8, 2], [1, 9]], "threshold": 0.5},
    "importance.json": {"column": ["a", "b"], "importance": [0.2, 0.1], "std": [0.01, 0.01]},
    "folds.json": {"fold": [1, 2], "roc_auc": [0.7, 0.72]},
}


def logged(
    ws: Workspace, name: str, auc: float, *, status: str = "finished", rate: float = 0.1
) -> str:
    run = ws.experiments.start("late", name, trainer="random_forest", seed=1)
    ws.experiments.log_params(run, {"learning_rate": rate, "folds": 3})
    ws.experiments.log_metrics(run, {"roc_auc": auc, "log_loss": 0.5})
    ws.experiments.log_history(run, "train_loss", [1, 2, 3], [0.9, 0.5, 0.4])
    for path, content in CURVES.items():
        ws.experiments.log_artifact(run, path, json.dumps(content).encode())
    ws.experiments.finish(run, status, "it ran out of memory" if status == "failed" else "")
    return run


@pytest.fixture
def runs(workspace: Workspace, clock: FixedClock) -> list[str]:
    found = []
    for name, auc, status, rate in (
        ("calm-heron-1", 0.70, "finished", 0.1),
        ("bold-tern-2", 0.75, "finished", 0.3),
        ("late-wren-3", 0.61, "failed", 0.1),
    ):
        found.append(logged(workspace, name, auc, status=status, rate=rate))
        clock.advance(timedelta(minutes=1))
    return found


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def names(page) -> list[str]:
    return list(page.dataframe[0].value["name"])


def test_without_runs_the_next_step_is_said(visit):
    page = visit("experiments")
    assert not page.exception
    assert "No runs yet" in shown(page)


def test_runs_are_listed_newest_first_with_readable_cells(visit, runs):
    page = visit("experiments")
    assert not page.exception
    assert names(page) == ["late-wren-3", "bold-tern-2", "calm-heron-1"]
    assert set(page.dataframe[0].value["trainer"]) == {"Random forest"}


def test_a_search_in_the_address_filters(visit, runs):
    assert names(visit("experiments", runs_q="heron")) == ["calm-heron-1"]


def test_a_status_in_the_address_filters(visit, runs):
    assert names(visit("experiments", runs_show="failed")) == ["late-wren-3"]


def test_the_best_run_comes_first_when_sorted_by_a_metric(visit, runs):
    page = visit("experiments", runs_sort="metrics.roc_auc")
    assert names(page)[0] == "bold-tern-2"


def test_a_filter_without_a_match_says_so(visit, runs):
    page = visit("experiments", runs_q="nowhere")
    assert not page.exception
    assert "No runs match" in shown(page)


def test_ticked_runs_are_counted_on_the_link_by_id(visit, runs):
    page = visit("experiments")
    assert page.button(key="runs_too_few").disabled
    key = table_key("runs", [runs[2], runs[1], runs[0]])
    page.session_state[key] = {"selection": {"rows": [1, 2], "columns": [], "cells": []}}
    page.run()
    assert set(page.session_state["runs_ticked"]) == {runs[1], runs[0]}
    page.run()
    labels = [link.proto.label.replace("\\", "") for link in page.get("page_link")]
    assert "Compare (2)" in labels


def test_ticks_can_be_cleared(visit, runs):
    page = visit("experiments")
    page.session_state["runs_ticked"] = [runs[0], runs[1]]
    page.run()
    page.button(key="runs_clear").click().run()
    assert page.session_state["runs_ticked"] == []


def test_a_run_shows_its_figures_and_curves(visit, runs):
    page = visit("run", id=runs[1], run_view="Evaluation")
    assert not page.exception
    assert page.header[0].value == "bold-tern-2"
    assert page.metric[0].value == "0.7500"
    assert len(page.get("plotly_chart")) == 5


def test_a_failed_run_says_why(visit, runs):
    page = visit("run", id=runs[2])
    assert "out of memory" in page.error[0].value


def test_an_unknown_run_is_said_in_words(visit):
    page = visit("run", id="0" * 32)
    assert not page.exception
    assert "no run" in page.error[0].value


def test_a_run_without_an_address_leads_back(visit):
    assert "Which run?" in shown(visit("run"))
