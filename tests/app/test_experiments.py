"""The run table: everything it can show is in its address, and what it is asked it says plainly."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from harness.synthetic_runs import launch_fleet
from pilothouse.experiments import RunFilter
from pilothouse.kit.clock import FixedClock
from pilothouse.workspace import Workspace
from pilothouse_app.features.experiments.state import State, from_params, to_params


@pytest.fixture
def fleet(workspace: Workspace) -> list[str]:
    """130 runs in a tree of experiments, a parent with four children among every ten."""
    return launch_fleet(workspace.store, 130)


@pytest.fixture
def few(workspace: Workspace, clock: FixedClock) -> dict[str, str]:
    """Three runs, one of them still running, one under another."""
    found: dict[str, str] = {}
    for name, experiment, auc in (("search", "a/b", 0.7), ("trial", "a/b", 0.8), ("c", "a/c", 0.6)):
        clock.advance(timedelta(minutes=1))
        parent = found["search"] if name == "trial" else None
        run = found[name] = workspace.experiments.start(experiment, name, parent=parent)
        workspace.experiments.log_params(run, {"rate": auc, "folds": 3})
        workspace.experiments.log_metrics(run, {"roc_auc": auc, "log_loss": 0.5})
    workspace.experiments.finish(found["c"])
    return found


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown).replace("\\", "")


def names(page) -> list[str]:
    return list(page.dataframe[0].value["name"])


def columns(page) -> list[str]:
    return list(page.dataframe[0].value.columns)


def address(page) -> dict[str, str]:
    """The parameters of the address, whether the test or the page has written them."""
    found = {name: page.query_params[name] for name in page.query_params}
    return {name: each if isinstance(each, str) else each[-1] for name, each in found.items()}


STATE = State(
    text="for est",
    filter="metrics.auc > 0.8 and note = 'a,b'",
    experiment="a/b",
    show="failed",
    mode="groups",
    sort="metrics.auc@best",
    ascending=True,
    columns=("status", "metrics.f1, weighted@best", "params.a=b&c"),
    differ=True,
    by=("params.kind", "trainer"),
    within=('"tree"', "null"),
    open=("f" * 32,),
    size=100,
    page=7,
)


def test_an_address_keeps_the_whole_state() -> None:
    assert from_params(to_params(STATE)) == STATE
    assert to_params(State()) == {}


@pytest.mark.parametrize(
    "param", ["runs_size", "runs_page", "runs_view", "runs_show", "runs_within"]
)
def test_an_address_that_means_nothing_is_taken_as_usual(param: str) -> None:
    assert from_params({param: "-1 or 'x"}) == State()


def test_a_page_of_many_runs_is_drawn_and_the_next_one_addressed(visit, fleet):
    page = visit("experiments")
    assert not page.exception
    assert len(names(page)) == 50
    assert "1 to 50 of 130 runs" in shown(page)
    third = visit("experiments", runs_page="3")
    assert len(names(third)) == 30
    assert not set(names(page)) & set(names(third))


def test_a_page_that_is_no_more_is_the_last_one(visit, fleet):
    assert "101 to 130 of 130 runs" in shown(visit("experiments", runs_page="99"))


def test_the_filter_language_narrows_and_the_count_is_said(visit, fleet, workspace):
    text = "metrics.roc_auc > 0.7 and params.kind = 'tree'"
    page = visit("experiments", runs_filter=text)
    assert not page.exception
    found = workspace.experiments.count(RunFilter(query=text))
    assert 0 < found < 130
    assert f"{found} of 130 runs" in shown(page)
    assert page.text_input(key="runs_filter").value == text


def test_a_wrong_filter_is_told_in_place_with_column_and_words(visit, fleet):
    page = visit("experiments", runs_filter="metrics.roc_auc >> 5")
    assert not page.exception
    assert not page.error
    assert "Column 18: expected a value" in shown(page)
    assert "The filter cannot be used" in shown(page)
    assert not page.dataframe
    assert page.button(key="runs_too_few").disabled


def test_a_filter_without_a_match_can_be_cleared(visit, fleet):
    page = visit("experiments", runs_q="nowhere", runs_sort="name")
    assert "No runs match" in shown(page)
    page.button(key="nothing_action").click().run()
    assert len(names(page)) == 50
    assert address(page) == {"runs_sort": "name"}


def test_what_is_typed_goes_into_the_address(visit, fleet):
    page = visit("experiments", runs_page="2")
    page.text_input(key="runs_text").set_value("forest").run()
    assert address(page) == {"runs_q": "forest"}
    assert all("forest" in name for name in names(page))


def test_the_menu_leads_back_to_where_one_was(visit, fleet):
    page = visit("experiments", runs_q="forest", runs_sort="name")
    page.query_params.clear()
    page.run()
    assert address(page) == {"runs_q": "forest", "runs_sort": "name"}
    page.query_params.clear()
    page.query_params["experiment"] = "vision"
    page.run()
    assert address(page) == {"experiment": "vision"}
    assert page.text_input(key="runs_text").value == ""


def test_a_node_of_the_tree_of_experiments_means_all_below(visit, fleet, workspace):
    page = visit("experiments", experiment="flights")
    found = workspace.experiments.count(RunFilter(under="flights"))
    assert 0 < found < 130
    assert f"{found} of 130 runs" in shown(page)
    options = page.selectbox(key="runs_experiment").options
    assert any(each.startswith("\u2003late arrivals  (") for each in options)
    assert any(each.startswith("flights  (") for each in options)


def test_columns_are_chosen_and_ordered_by_the_address(visit, fleet):
    chosen = "params.max_depth,metrics.roc_auc@best,user"
    page = visit("experiments", runs_columns=chosen, runs_sort="params.max_depth")
    assert not page.exception
    assert [name for name in columns(page) if name not in ("name", "star", "marks")] == [
        "params.max_depth", "metrics.roc_auc@best", "user",
    ]  # fmt: skip


def test_only_what_differs_is_shown_when_asked(visit, few):
    page = visit("experiments", runs_differ="yes")
    assert not page.exception
    assert {"params.rate", "metrics.roc_auc", "experiment", "status"} <= set(columns(page))
    assert "params.folds" not in columns(page)
    assert "metrics.log_loss" not in columns(page)


def test_runs_are_a_tree_that_opens_by_address(visit, few):
    page = visit("experiments", runs_view="tree")
    assert not page.exception
    assert names(page) == ["c", "search"]
    assert page.dataframe[0].value["branch"].tolist()[1].endswith(" 1")
    opened = visit("experiments", runs_view="tree", runs_open=few["search"])
    assert [name.strip("\u2003└ ") for name in names(opened)] == ["c", "search", "trial"]
    assert "2 trees" in shown(opened)


def test_runs_are_grouped_and_a_group_is_opened(visit, fleet, workspace):
    page = visit("experiments", runs_view="groups", runs_by="params.kind")
    assert not page.exception
    frame = page.dataframe[0].value.set_index("group")
    assert set(frame.index) == {"tree", "line"}
    assert frame["n"].sum() == 130
    assert {"metrics.roc_auc", "metrics.roc_auc.std", "metrics.roc_auc.range"} <= set(frame)
    assert "2 groups" in shown(page)

    opened = visit(
        "experiments", runs_view="groups", runs_by="params.kind", runs_within="%22tree%22"
    )
    assert not opened.exception
    assert f"{frame['n']['tree']} of 130 runs" in shown(opened)
    assert "**tree**" in shown(opened)
    assert len(names(opened)) == 50
    opened.button(key="runs_groups").click().run()
    assert address(opened) == {"runs_view": "groups", "runs_by": "params.kind"}


def test_groups_can_be_sorted_by_what_runs_cannot(visit, fleet):
    page = visit("experiments", runs_view="groups", runs_by="trainer", runs_sort="n")
    assert not page.exception
    counts = page.dataframe[0].value["n"].tolist()
    assert counts == sorted(counts, reverse=True)
    page = visit("experiments", runs_sort="n")
    assert not page.exception
    assert not page.error


def test_without_a_column_to_group_by_the_next_step_is_said(visit, fleet):
    page = visit("experiments", runs_view="groups")
    assert not page.exception
    assert "Choose what to group by" in shown(page)


def test_what_cannot_be_a_group_is_said_in_words(visit, fleet):
    page = visit("experiments", runs_view="groups", runs_by="metrics.roc_auc")
    assert not page.exception
    assert "runs cannot be grouped by a metric" in page.error[0].value


def test_the_archive_is_a_table_of_its_own(visit, few, workspace):
    assert "The archive is empty" in shown(visit("experiments", runs_show="archived"))
    workspace.experiments.archive_many([few["c"]], "old")
    page = visit("experiments", runs_show="archived")
    assert names(page) == ["c"]
    assert "1 archived run" in shown(page)
    assert "c" not in names(visit("experiments"))


def test_stars_and_colours_are_shown_and_searched(visit, few, workspace):
    workspace.experiments.star([few["trial"]])
    workspace.experiments.colour([few["c"]], "teal")
    page = visit("experiments")
    frame = page.dataframe[0].value.set_index("name")
    assert frame["star"].to_dict() == {"c": "☆", "trial": "★", "search": "☆"}
    assert [list(marks) for marks in frame["marks"]] == [["Teal"], [], []]
    assert names(visit("experiments", runs_show="starred")) == ["trial"]


def test_a_running_run_is_read_again_alone(visit, few, workspace):
    page = visit("experiments")
    workspace.experiments.log_metrics(few["trial"], {"roc_auc": 0.99}, step=1)
    page.run()
    frame = page.dataframe[0].value.set_index("name")
    assert frame["metrics.roc_auc"]["trial"] == pytest.approx(0.99)


def test_the_default_view_is_what_one_starts_with(visit, fleet, workspace):
    saved = workspace.experiments.save_view("Trees", {"runs_q": "forest", "runs_view": "tree"})
    workspace.experiments.set_default_view(saved.id)
    page = visit("experiments")
    assert address(page) == {"runs_q": "forest", "runs_view": "tree"}
    assert not page.exception
    linked = visit("experiments", runs_sort="name")
    assert address(linked) == {"runs_sort": "name"}


def test_a_view_that_no_longer_fits_does_no_harm(visit, few, workspace):
    saved = workspace.experiments.save_view("Old", {"runs_columns": "metrics.gone", "x": "y"})
    workspace.experiments.set_default_view(saved.id)
    page = visit("experiments")
    assert not page.exception
    assert page.dataframe[0].value["metrics.gone"].isna().all()


def test_a_column_that_cannot_be_is_said_in_words(visit, few):
    page = visit("experiments", runs_sort="nothing")
    assert not page.exception
    assert "no column" in page.error[0].value


def logged_elsewhere(workspace: Workspace, name: str, params: dict[str, str], **metrics: float):
    run = workspace.experiments.start("elsewhere", name)
    workspace.experiments.log_params(run, params)
    workspace.experiments.log_metrics(run, metrics)
    workspace.experiments.finish(run)
    return run


def test_parameters_are_shown_as_they_were_logged(visit, workspace):
    told = {
        "A": {"batch": "16383", "day": "20240131", "build": "007", "rate": "0.12345678"},
        "B": {"batch": "16384", "day": "20240130", "build": "7", "rate": "1e-05"},
        "C": {},
    }
    for name, params in told.items():
        logged_elsewhere(workspace, name, params)
    page = visit("experiments", runs_columns=",".join(f"params.{key}" for key in told["A"]))
    frame = page.dataframe[0].value.set_index("name")
    for name, params in told.items():
        row = {key: frame.loc[name, f"params.{key}"] for key in told["A"]}
        assert row == {key: params.get(key, "") for key in told["A"]}


def test_the_table_shows_the_keys_that_its_runs_have(visit, workspace):
    metrics = {"val/loss": 0.4, "train/loss": 0.3, "val_wer": 0.1, "epoch": 3.0}
    logged_elsewhere(workspace, "a", {"lr": "0.1", "seed": "1", "fixed": "x"}, **metrics)
    logged_elsewhere(workspace, "b", {"lr": "0.2", "seed": "2", "fixed": "x"}, **metrics)
    shown_columns = columns(visit("experiments"))
    assert [name for name in shown_columns if name.startswith("metrics.")] == [
        "metrics.val/loss",
        "metrics.val_wer",
        "metrics.train/loss",
    ], "unseen rows first, and nothing that says no direction while there is something better"
    assert [name for name in shown_columns if name.startswith("params.")] == [
        "params.lr",
        "params.seed",
    ], "what differs, and not what is the same in all"
    assert "trainer" not in shown_columns


def test_keys_that_differ_in_a_separator_have_heads_of_their_own(visit, workspace):
    keys = ["val_loss", "val/loss", "val loss", "val-loss", "-val_loss", "Val loss"]
    logged_elsewhere(workspace, "a", {}, **dict.fromkeys(keys, 0.1))
    page = visit("experiments", runs_columns=",".join(f"metrics.{key}" for key in keys))
    config = json.loads(page.dataframe[0].proto.columns)
    heads = [config[f"metrics.{key}"]["label"] for key in keys]
    assert heads == keys
