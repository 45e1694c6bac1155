"""Compare: every view with and without predictions, its state in the address, what it refuses."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from harness.added_task import NAME, install
from harness.evaluated_runs import log_evaluated, score_values
from pilothouse.models.signature import Signature
from pilothouse.workspace import Workspace
from pilothouse_app.components.table import table_key

CURVES = {
    "curves/roc.json": {"fpr": [0, 0.2, 1], "tpr": [0, 0.7, 1], "threshold": [1, 0.5, 0]},
    "curves/pr.json": {"recall": [1, 0.5, 0], "precision": [0.2, 0.6, 1], "threshold": [0, 0.5, 1]},
    "curves/calibration.json": {"predicted": [0.1, 0.9], "observed": [0.2, 0.8], "count": [9, 9]},
    "importance.json": {"column": ["a", "b"], "importance": [0.2, 0.1], "std": [0.01, 0.01]},
    "environment.json": {"python": "3.11", "packages": {"numpy": "2.0"}},
}
KEYS = ("roc_auc", "log_loss", "accuracy")
VIEWS = (
    "Summary",
    "Metrics",
    "Parameters and code",
    "Data",
    "Evaluation",
    "Slices and disagreements",
    "Parallel and importance",
    "Over steps",
)


def logged(ws: Workspace, name: str, skill: float, *, rate: float, scored: bool, **told) -> str:
    """A finished run; `scored` keeps what it said of 400 held-out rows."""
    run = ws.experiments.start("late", name, trainer="random_forest", seed=1)
    fixed, own = np.random.default_rng(3), np.random.default_rng(int(skill * 100))
    y = (fixed.random(400) < 0.4).astype(np.int8)
    score = np.clip(0.35 + skill * y + own.normal(0, 0.15, 400), 0.01, 0.99)
    ws.experiments.log_params(run, {"learning_rate": rate, "folds": 3})
    ws.experiments.log_metrics(run, score_values(KEYS, y, score, 0.5))
    ws.experiments.log_history(run, "train_loss", [1, 2, 3], [0.9, 0.5, 0.4])
    ws.experiments.log_input(run, "flights@1")
    ws.experiments.tag(run, {"training.held_out": told.get("held_out", "d1")})
    files = CURVES | {"confusion.json": {"labels": ["0", "1"], "threshold": 0.5}}
    for path, content in files.items():
        ws.experiments.log_artifact(run, path, json.dumps(content).encode())
    if scored:
        frame = pd.DataFrame(
            {"hour": fixed.integers(0, 24, 400), "carrier": fixed.choice(["AA", "DL"], 400)}
        )
        buffer = io.BytesIO()
        frame.assign(__target=y, __score=score).to_parquet(buffer, index=False)
        ws.experiments.log_artifact(run, "reference.parquet", buffer.getvalue())
    ws.experiments.finish(run)
    return run


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """What one test has weighed is nothing to the next."""
    st.cache_data.clear()


@pytest.fixture
def runs(workspace: Workspace) -> list[str]:
    """The baseline, one that is better, one like it, and one on other rows."""
    return [
        logged(workspace, "calm-heron-1", 0.10, rate=0.1, scored=True),
        logged(workspace, "bold-tern-2", 0.40, rate=0.3, scored=True),
        logged(workspace, "late-wren-3", 0.11, rate=0.1, scored=True),
        logged(workspace, "far-gull-4", 0.60, rate=0.1, scored=True, held_out="d2"),
    ]


@pytest.fixture
def bare(workspace: Workspace) -> list[str]:
    """Two runs that kept curves and no predictions."""
    return [
        logged(workspace, "calm-heron-1", 0.10, rate=0.1, scored=False),
        logged(workspace, "bold-tern-2", 0.40, rate=0.3, scored=False),
    ]


def shown(page) -> str:
    words = "\n".join(str(each.value) for each in page.markdown)
    return re.sub(r"\\(.)", r"\1", words)  # as it is read


def compare(visit, runs, view="Summary", **told):
    page = visit("compare", runs=",".join(runs), baseline=runs[0], compare_view=view, **told)
    assert not page.exception, page.exception
    return page


def test_comparing_nothing_says_how(visit):
    page = visit("compare")
    assert not page.exception
    assert "Choose what to compare" in shown(page)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_addressed(visit, runs, view):
    page = compare(visit, runs, view)
    assert not page.error
    assert page.header[0].value == "Compare"
    assert page.session_state["compare_view"] is not None


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_stands_without_predictions(visit, bare, view):
    assert not compare(visit, bare, view).error


def test_the_verdict_comes_first_with_its_evidence(visit, runs):
    words = shown(compare(visit, runs))
    assert "bold-tern-2 is best with" in words
    assert "which is more than noise." in words
    assert "DeLong's test of paired ROC AUCs, 400 rows, p < 0.001" in words
    assert "not comparable: far-gull-4" in words


def test_differences_have_colour_arrow_and_words(visit, runs):
    cells = compare(visit, runs, "Metrics").table[0].value.set_index("Metric")
    assert list(cells.columns) == [
        "calm-heron-1 :blue-badge[baseline]",
        "bold-tern-2",
        "late-wren-3",
        "far-gull-4 :orange[:material/warning:]",
    ]
    row = cells.loc["ROC AUC :gray[:material/north:]"]
    assert ":green-badge[▲ +" in row.iloc[1]
    assert "better]" in row.iloc[1]
    assert ":gray-badge[" in row.iloc[2]
    assert "within noise]" in row.iloc[2]
    assert ":orange-badge[:material/warning: ▲ +" in row.iloc[3]
    assert "not comparable]" in row.iloc[3]
    loss = cells.loc["Log loss :gray[:material/south:]"]
    assert ":green-badge[▼ −" in loss.iloc[1]  # noqa: RUF001


def test_row_extremes_and_a_search_are_in_the_address(visit, runs):
    page = compare(visit, runs, "Metrics", compare_extremes="true", compare_q="roc")
    cells = page.table[0].value
    assert len(cells) == 1
    assert ":small[best]" in cells.iloc[0, 2]


def test_many_runs_scroll_under_their_metric(visit, workspace, runs):
    more = [
        logged(workspace, f"more-{place}", 0.2 + place / 20, rate=0.1, scored=False)
        for place in range(4)
    ]
    page = compare(visit, [*runs, *more], "Metrics", compare_extremes="true")
    frame = page.dataframe[0].value
    assert frame.shape[1] == 8
    assert frame.loc["ROC AUC ↑", "bold-tern-2"].endswith("better")


def test_a_metric_that_is_described_is_read_so(visit, workspace, runs):
    workspace.experiments.describe_metric("roc_auc", title="Area", target=0.5, tolerance=0.9)
    words = shown(compare(visit, runs))
    assert "Area: bold-tern-2 and the baseline calm-heron-1 are the same" in words
    cells = compare(visit, runs, "Metrics").table[0].value
    assert "Area" in cells["Metric"].iloc[0]
    assert "target 0.5000" in cells["Metric"].iloc[0]
    assert ":material/flag:" in cells.iloc[0, 1]


def test_the_dialog_describes_a_metric(visit, workspace, runs):
    page = compare(visit, runs)
    page.button(key="metric_describe").click().run()
    assert not page.exception
    assert page.text_input(key="note_title_roc_auc").value == "ROC AUC"


def test_settings_that_differ_come_first_and_identical_ones_hide(visit, runs):
    page = compare(visit, runs, "Parameters and code")
    settings = page.table[0].value
    assert settings["Setting"].iloc[0] == r"**learning\_rate**"
    assert ":gray[folds]" in list(settings["Setting"])
    hidden = compare(visit, runs, "Parameters and code", compare_hide="true").table[0].value
    assert list(hidden["Setting"]) == [r"**learning\_rate**"]


def test_the_next_difference_is_marked(visit, runs):
    page = compare(visit, runs, "Parameters and code")
    assert page.button(key="compare_jump_-1").disabled
    page.button(key="compare_jump_1").click().run()
    assert "arrow" in page.table[0].value["Setting"].iloc[0]
    assert "1 of 1" in shown(page)
    assert page.button(key="compare_jump_1").disabled


def test_a_place_that_is_no_number_is_no_place(visit, runs):
    assert not compare(visit, runs, "Parameters and code", compare_at="x").error


def test_uncommitted_changes_stand_side_by_side(visit, workspace, runs):
    for run, text in ((runs[0], "+a\n"), (runs[1], "+b\n")):
        workspace.experiments.log_artifact(run, "code.patch", text.encode())
    page = compare(visit, runs, "Parameters and code")
    frame = page.dataframe[0].value
    assert frame.iloc[0].tolist() == ["1", "+a", "1", "+b", "changed"]


def test_what_stands_in_the_way_is_said_in_words(visit, runs):
    words = shown(compare(visit, runs, "Data"))
    assert "far-gull-4 was judged on other held-out rows than the baseline." in words
    assert "All runs read flights@1." in words


def agreement(page) -> dict[str, str]:
    frame = page.table[0].value
    assert frame.columns[0] == "Subject"
    return dict(zip(frame["Subject"], frame["In all runs"], strict=True))


def test_only_what_all_runs_recorded_alike_has_a_tick(visit, workspace, runs):
    told = agreement(compare(visit, runs[:3], "Data"))
    assert "the same" in told["Data"]
    assert "the same" in told["Held-out rows"]
    assert "unknown" in told["Target"]  # these runs say nothing of it
    assert "unknown" in told["Evaluation"]
    told = agreement(compare(visit, runs, "Data"))
    assert "differs" in told["Held-out rows"]


def test_runs_that_recorded_nothing_get_no_tick_anywhere(visit, workspace):
    silent = []
    for name in ("a", "b"):
        run = workspace.experiments.start("late", name)
        workspace.experiments.log_metrics(run, {"roc_auc": 0.7})
        workspace.experiments.finish(run)
        silent.append(run)
    page = compare(visit, silent, "Data")
    assert set(agreement(page).values()) == {":gray[:material/help:] unknown"}
    assert "check_circle" not in shown(page)
    summary = compare(visit, silent)
    contexts = {tile.label: tile.proto.delta_description for tile in summary.metric}
    assert contexts["Datasets"] == "none recorded"
    assert contexts["Packages that differ"] == "none recorded"


def test_two_dataset_versions_are_held_together(visit, workspace, runs):
    for rows in (100, 120):
        workspace.data.register("flights", pd.DataFrame({"x": range(rows)}))
    workspace.experiments.log_input(runs[1], "flights@2")
    page = compare(visit, runs[:2], "Data")
    assert "From flights@1 to flights@2: +20 rows" in shown(page)
    assert list(page.dataframe[0].value["column"]) == ["x"]


def test_the_threshold_and_the_costs_are_shared_and_in_the_address(visit, runs):
    page = compare(visit, runs, "Evaluation", compare_threshold="0.4", compare_miss="5")
    assert page.slider(key="compare_threshold").value == 0.4
    cells = page.table[0].value
    assert len(cells) == 4
    assert sum("lowest" in cost for cost in cells["Cost per row"]) == 1
    assert len(page.get("plotly_chart")) == 4
    before = list(cells["Recall"])
    page.slider(key="compare_threshold").set_value(0.9).run()
    assert list(page.table[0].value["Recall"]) != before


def test_both_costs_of_nothing_count_as_one(visit, runs):
    page = compare(visit, runs, "Evaluation", compare_false_alarm="0", compare_miss="0")
    assert "each counts as 1" in shown(page)


def test_without_predictions_the_stored_curves_are_drawn(visit, bare):
    page = compare(visit, bare, "Evaluation")
    assert "the threshold cannot be changed" in shown(page)
    assert len(page.get("plotly_chart")) == 3


def test_slices_are_ranked_and_flips_are_paged(visit, runs):
    page = compare(visit, runs, "Slices and disagreements", compare_threshold="0.5")
    slices, flips = page.table[0].value, page.table[1].value
    assert {cell.split("**")[1] for cell in slices["Slice"]} == {"hour", "carrier"}
    assert list(flips["Run"]) == ["bold-tern-2", "late-wren-3"]
    assert list(page.dataframe[0].value.columns[:5]) == [
        "row",
        "target",
        "baseline",
        "run",
        "right",
    ]
    assert "far-gull-4 was judged on other rows" in shown(page)
    only = compare(visit, runs, "Slices and disagreements", compare_slice="Carrier").table[0].value
    assert {cell.split("**")[1] for cell in only["Slice"]} == {"carrier"}


def test_ticked_rows_and_a_range_highlight_lines(visit, runs):
    page = compare(visit, runs, "Parallel and importance")
    assert len(page.get("echarts_chart")) == 1
    assert "4 runs highlighted" in shown(page)
    assert "at least 8 finished runs" in shown(page)
    key = table_key("compare_lines", runs)
    page.session_state[key] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page.run()
    page.run()
    assert "1 run highlighted" in shown(page)
    page = compare(visit, runs, "Parallel and importance", compare_axis="ROC AUC")
    slider = next(each for each in page.slider if each.key == "compare_range_metrics.roc_auc")
    slider.set_value((slider.value[0] + 0.05, slider.value[1])).run()
    assert "2 runs highlighted" in shown(page)


def test_histories_are_drawn_over_steps_or_over_time(visit, runs):
    assert len(compare(visit, runs, "Over steps").get("plotly_chart")) == 1
    page = compare(visit, runs, "Over steps", compare_x="Over minutes since the run began")
    assert not page.error
    assert len(page.get("plotly_chart")) == 1


def test_the_comparison_can_be_taken_away(visit, runs):
    page = compare(visit, runs)
    assert not page.code
    page.session_state["compare_export"] = True
    page.run()
    assert not page.exception
    assert [each.label for each in page.get("download_button")] == [
        "CSV",
        "Parquet",
        "LaTeX",
        "Markdown",
        "Differences chart (SVG)",
    ]
    assert runs[1] in page.code[0].value


def test_more_runs_than_colours_is_said(visit, workspace, runs):
    more = [logged(workspace, f"more-{place}", 0.2, rate=0.1, scored=False) for place in range(5)]
    page = compare(visit, [*runs, *more], "Over steps")
    assert "not: more-4" in shown(page)


def test_versions_are_compared_by_the_runs_they_came_from(tour, served):
    page = tour("compare", runs="late@1,late@2")
    assert not page.exception
    assert not page.error
    chosen = next(each for each in page.selectbox if each.label == "Baseline")
    assert chosen.options == ["Baseline: late 1 (champion)", "Baseline: late 2"]
    page = tour("compare", runs="late@champion,late@2", compare_view="Metrics")
    assert not page.error


def test_the_champion_is_the_baseline_unless_somebody_chose(tour, served):
    page = tour("compare", runs="late@2")
    assert not page.error
    chosen = next(each for each in page.selectbox if each.label == "Baseline")
    assert "(champion)" in chosen.options[0]
    page = tour("compare", runs="late@1,late@2", baseline="late@2")
    assert "late 2" in next(e for e in page.selectbox if e.label == "Baseline").options[0]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_stands_without_a_single_metric(tour, view):
    page = tour("compare", runs="late@1,late@2", compare_view=view)
    assert not page.exception
    assert not page.error


@pytest.mark.parametrize("which", ["0" * 32, "late@7", "nothing@1"])
def test_what_is_not_there_is_said_in_words(tour, served, which):
    page = tour("compare", runs=f"late@1,{which}")
    assert not page.exception
    assert page.error


AMOUNT = np.random.default_rng(2).gamma(2, 500, 300)
KIND = np.random.default_rng(3).integers(0, 3, 300)
HOURS = pd.DataFrame({"hour": np.random.default_rng(4).integers(0, 24, 300)})
REGRESSION = Signature((), "amount", task="regression", gives="value", unit="USD")
MULTICLASS = Signature((), "animal", ("cat", "dog", "owl"), task="multiclass")


@pytest.fixture
def regressions(workspace: Workspace) -> list[str]:
    return [
        log_evaluated(
            workspace.experiments,
            name,
            REGRESSION,
            (AMOUNT + np.random.default_rng(seed).normal(0, noise, 300))[:, None],
            AMOUNT,
            features=HOURS,
        )
        for name, noise, seed in (("first-run", 300, 1), ("second-run", 100, 2))
    ]


@pytest.fixture
def classifiers(workspace: Workspace) -> list[str]:
    runs = []
    for name, skill in (("third-run", 1.0), ("fourth-run", 2.0)):
        logits = skill * np.eye(3)[KIND] + np.random.default_rng(5).normal(0, 1, (300, 3))
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        labels = [MULTICLASS.classes[k] for k in KIND]
        runs.append(
            log_evaluated(workspace.experiments, name, MULTICLASS, chances, labels, features=HOURS)
        )
    return runs


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_numbers_and_of_several_classes(visit, regressions, classifiers, view):
    for of_task in (regressions, classifiers, [*regressions, *classifiers]):
        page = compare(visit, of_task, view)
        assert not page.error
        assert not [each for each in page.slider if each.key == "compare_threshold"]


def test_numbers_are_compared_in_their_unit(visit, regressions):
    words = shown(compare(visit, regressions))
    assert "Mean absolute error: second-run is best with" in words
    assert "USD" in words
    assert "paired bootstrap, 300 rows" in words
    page = compare(visit, regressions, "Evaluation")
    assert {"Predicted against actual", "Error by decile of the prediction"} <= titles(page)
    page = compare(visit, regressions, "Slices and disagreements")
    slices, rows = page.table[0].value, page.table[1].value
    assert "Mean amount" in slices.columns
    assert {"Run closer", "Baseline closer"} <= set(rows.columns)


def test_classes_have_a_matrix_a_run_and_a_row_a_class(visit, classifiers):
    page = compare(visit, classifiers, "Evaluation")
    assert {"Confusion", "Top-k accuracy", "Each class"} <= titles(page)
    table = page.dataframe[0].value
    assert list(table["Class"]) == ["cat", "cat", "dog", "dog", "owl", "owl"]
    assert list(table["Run"])[:2] == ["third-run", "fourth-run"]
    page = compare(visit, classifiers, "Slices and disagreements")
    assert set(page.dataframe[0].value["target"]) <= {"cat", "dog", "owl"}


def test_runs_of_different_tasks_are_named_and_their_sets_offered(visit, regressions, classifiers):
    mixed = [*regressions, *classifiers]
    page = compare(visit, mixed)
    words = shown(page)
    assert "These runs are models of different tasks." in words
    assert "**Regression**: first-run, second-run" in words
    assert "**Multiclass classification: cat, dog, owl**: third-run, fourth-run" in words
    assert page.button(key="compare_set_1").label == "Compare these 2"
    assert "different tasks" not in shown(compare(visit, regressions))
    assert "Calibration" not in titles(compare(visit, mixed, "Evaluation"))
    assert "another task (Multiclass classification)" in shown(compare(visit, mixed, "Data"))


def titles(page) -> set[str]:
    """The titles of the sections."""
    return {part.split("**")[1] for part in shown(page).splitlines() if part.count("**") >= 2} | {
        each.value.removeprefix("#").strip() for each in page.subheader
    }


def test_a_task_of_another_package_is_compared(visit, workspace, tmp_path, monkeypatch):
    install(tmp_path / "packages", monkeypatch)
    rng = np.random.default_rng(1)
    rate = rng.gamma(2, 2, 300)
    counts = rng.poisson(rate).tolist()
    signature = Signature((), "calls", task=NAME, gives="value")
    runs = [
        log_evaluated(workspace.experiments, name, signature, raw[:, None], counts, features=HOURS)
        for name, raw in (("flat-run", np.full(300, 4.0)), ("good-run", rate))
    ]
    for view in VIEWS:
        assert not compare(visit, runs, view).error
    words = shown(compare(visit, runs))
    assert "Poisson deviance: good-run is best with" in words
    assert "Expected by seen events" in titles(compare(visit, runs, "Evaluation"))
