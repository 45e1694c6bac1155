"""Runs are found, sorted and paged by the database."""

from __future__ import annotations

import math
from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import event

from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store

BASE = ["id", "name", "experiment", "status", "trainer", "created_at", "duration_s", "parent_id"]


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def fleet(room: Experiments, clock: FixedClock) -> dict[str, str]:
    """Five runs: three with a ROC AUC, one whose figure is NaN, one without any."""
    values = {"amber": 0.7, "bold": 0.9, "calm": 0.8, "dim": math.nan}
    runs = {}
    for index, name in enumerate([*values, "empty"]):
        clock.advance(timedelta(minutes=1))
        experiment = "flights" if index < 4 else "other"
        trainer = "rf" if index % 2 else "lr"
        run = runs[name] = room.start(experiment, name, trainer=trainer, code=UNKNOWN)
        room.log_params(run, {"depth": 10 - index, "kind": f"k{index % 2}"})
        if name in values:
            room.log_metrics(run, {"roc_auc": values[name]})
        room.tag(run, {"team": "north" if index < 2 else "south"})
    room.log_metrics(runs["calm"], {"roc_auc": 0.75}, step=1)
    room.finish(runs["bold"])
    return runs


def names(frame: pd.DataFrame) -> list[str]:
    return frame["name"].tolist()


@pytest.mark.usefixtures("fleet")
def test_the_newest_come_first_with_their_metrics_and_params(room: Experiments) -> None:
    frame = room.runs()
    assert frame.columns.tolist() == [*BASE, "metrics.roc_auc", "params.depth", "params.kind"]
    assert names(frame) == ["empty", "dim", "calm", "bold", "amber"]
    assert frame["params.depth"].tolist() == [6, 7, 8, 9, 10]
    assert str(frame["created_at"].dtype) == "datetime64[ns, UTC]"
    assert frame["metrics.roc_auc"].isna().tolist() == [True, True, False, False, False]


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("sort", "descending", "expected"),
    [
        ("metrics.roc_auc", True, "bold calm amber dim empty"),
        ("metrics.roc_auc", False, "amber calm bold dim empty"),
        ("metrics.roc_auc@first", True, "bold calm amber dim empty"),
        ("params.depth", False, "empty dim calm bold amber"),
        ("params.depth", True, "amber bold calm dim empty"),
        ("name", False, "amber bold calm dim empty"),
        ("experiment", False, "dim calm bold amber empty"),
        ("created", False, "amber bold calm dim empty"),
        ("duration_s", True, "amber bold calm dim empty"),
    ],
)
def test_any_column_sorts_and_missing_values_come_last(
    room: Experiments, sort: str, descending: bool, expected: str
) -> None:
    assert names(room.runs(sort=sort, descending=descending)) == expected.split()


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("sort", ["metrics.roc_auc", "params.depth", "name", "metrics.none"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_together_are_the_whole_once(room: Experiments, sort: str, size: int) -> None:
    whole = room.runs(sort=sort, size=10)["id"].tolist()
    pages = [room.runs(sort=sort, size=size, page=page)["id"].tolist() for page in range(1, 7)]
    assert [run for page in pages for run in page] == whole


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (RunFilter(), "amber bold calm dim empty"),
        (RunFilter(text="AL"), "calm"),
        (RunFilter(text="lr am"), "amber"),
        (RunFilter(text="%"), ""),
        (RunFilter(experiment="flights"), "amber bold calm dim"),
        (RunFilter(experiment="nowhere"), ""),
        (RunFilter(statuses=("finished",)), "bold"),
        (RunFilter(trainer="rf"), "bold dim"),
        (RunFilter(metric="roc_auc"), "amber bold calm dim"),
        (RunFilter(metric="roc_auc", at_least=0.75), "bold calm"),
        (RunFilter(metric="roc_auc", at_most=0.75), "amber calm"),
        (RunFilter(metric="roc_auc", at_least=0.71, at_most=0.8), "calm"),
        (RunFilter(params={"kind": "k0"}), "amber calm empty"),
        (RunFilter(params={"kind": "k0", "depth": 10}), "amber"),
        (RunFilter(tags={"team": "north"}), "amber bold"),
        (RunFilter(text="' OR 1=1 --"), ""),
        (RunFilter(metric="roc_auc", at_least=0.5, trainer="lr", text="calm"), "calm"),
    ],
)
def test_every_part_of_a_filter_must_hold(
    room: Experiments, filter: RunFilter, expected: str
) -> None:
    assert names(room.runs(filter, sort="name", descending=False)) == expected.split()
    assert room.count(filter) == len(expected.split())


def test_an_id_finds_its_run(room: Experiments, fleet: dict[str, str]) -> None:
    assert names(room.runs(RunFilter(text=fleet["dim"][:12].upper()))) == ["dim"]


def test_children_and_datasets_filter(room: Experiments, fleet: dict[str, str]) -> None:
    room.start("flights", "trial", parent=fleet["amber"], code=UNKNOWN)
    room.log_input(fleet["calm"], "flights@1")
    assert names(room.runs(RunFilter(parent=fleet["amber"]))) == ["trial"]
    assert room.count(RunFilter(top_level_only=True)) == 5
    assert names(room.runs(RunFilter(dataset="flights@1"))) == ["calm"]


def test_archived_runs_are_apart(room: Experiments, fleet: dict[str, str]) -> None:
    room.archive(fleet["dim"])
    assert room.count() == 4
    assert names(room.runs(RunFilter(archived=True))) == ["dim"]


@pytest.mark.usefixtures("fleet")
def test_columns_are_exactly_the_ones_asked_for(room: Experiments) -> None:
    requested = [
        "name",
        "metrics.roc_auc@best",
        "params.depth",
        "tags.team",
        "commit",
        "metrics.no",
    ]
    frame = room.runs(columns=requested, sort="name", descending=False)
    assert frame.columns.tolist() == ["id", *requested]
    assert frame["metrics.roc_auc@best"].tolist()[:3] == [0.7, 0.9, 0.8]
    assert frame["metrics.no"].isna().all()


def test_an_empty_page_keeps_its_columns_and_types(room: Experiments) -> None:
    frame = room.runs(columns=["name", "created_at", "metrics.roc_auc"])
    assert frame.empty
    assert [str(kind) for kind in frame.dtypes] == [
        "object",
        "object",
        "datetime64[ns, UTC]",
        "float64",
    ]


@pytest.mark.parametrize("sort", ["nope", "metrics.", "nope.key", "archived_at"])
def test_an_unknown_column_is_refused_with_the_known_ones(room: Experiments, sort: str) -> None:
    with pytest.raises(Invalid, match="Known: "):
        room.runs(sort=sort)
    with pytest.raises(Invalid, match="Known: "):
        room.runs(columns=[sort])


@pytest.mark.parametrize(("page", "size"), [(0, 50), (1, 0), (1, 50_000)])
def test_a_page_has_limits(room: Experiments, page: int, size: int) -> None:
    with pytest.raises(Invalid, match="pages count from 1"):
        room.runs(page=page, size=size)


def test_a_filter_that_cannot_hold_is_refused(room: Experiments) -> None:
    with pytest.raises(Invalid, match="a bound needs a metric"):
        room.count(RunFilter(at_least=0.5))
    with pytest.raises(Invalid, match="A run is one of"):
        room.count(RunFilter(statuses=("done",)))


@pytest.mark.usefixtures("fleet")
def test_a_metric_sorts_along_its_index_and_history_is_not_read(
    room: Experiments, store: Store
) -> None:
    sent: list[tuple[str, object]] = []
    listener = lambda _c, _cu, sql, values, _x, _m: sent.append((sql, values))  # noqa: E731
    event.listen(store.engine, "before_cursor_execute", listener)
    room.runs(sort="metrics.roc_auc", size=2)
    event.remove(store.engine, "before_cursor_execute", listener)
    selects = [(sql, values) for sql, values in sent if sql.startswith("SELECT")]
    assert not any("experiments_metric" in sql for sql, _ in selects)
    with store.engine.connect() as connection:
        sql, values = selects[0]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
    assert "COVERING INDEX ix_experiments_run_metric_last" in str(plan[0])


@pytest.mark.usefixtures("fleet")
def test_keys_and_facets_list_what_occurs(room: Experiments) -> None:
    assert room.metric_keys() == ["roc_auc"]
    assert room.metric_keys("other") == []
    assert room.param_keys("other") == ["depth", "kind"]
    assert room.facets() == {
        "experiment": ["flights", "other"],
        "status": ["finished", "running"],
        "trainer": ["lr", "rf"],
        "user": ["ada"],
    }
