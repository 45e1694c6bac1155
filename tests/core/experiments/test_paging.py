"""A page is the same whichever way it is found: along an index, by a sort, in large steps or small.

Small pages make short walks, so that a fleet of a few dozen runs meets every way there is.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from harness.filled_folders import filled
from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.run_table.filters import conditions
from pilothouse.experiments.run_table.paging import in_to_exists
from pilothouse.experiments.tables import Run
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace

RUNS = 40
COLUMNS = ["name", "experiment", "created_at", "metrics.auc", "metrics.auc@best"]
COLUMNS += ["params.depth", "params.kind", "tags.team"]
FILTERS = {
    "all": RunFilter(),
    "half": RunFilter(experiment="flights"),
    "archived": RunFilter(archived=True),
    "one kind": RunFilter(params={"kind": "k1"}),
    "the worst": RunFilter(metric="auc", at_most=0.3),
    "a few": RunFilter(metric="loss", at_least=0.9),
    "one": RunFilter(text="run-07"),
    "none": RunFilter(text="nothing is called so"),
    "asked": RunFilter(query="metrics.auc > 0.2 and metrics.auc <= 0.7 and not tags.team = 'x'"),
    "either": RunFilter(query="metrics.auc > 0.6 or best(metrics.loss) < 0.2"),
    "by its best": RunFilter(query="max(metrics.auc) > 0.5 and params.kind in ('k0', 'k2')"),
    "combined": RunFilter(experiment="flights", params={"kind": "k0"}, tags={"team": "north"}),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Store]:
    """A workspace with the runs; nobody may change them."""
    clock = FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    folder = filled(
        *(tmp_path_factory.mktemp("fleet"), empty_database, clock),
        lambda workspace: start_runs(workspace.experiments, clock),
    )
    opened = open_workspace(settings=Settings(workspace=folder, actor="ada"), clock=clock)
    yield opened.store
    opened.store.engine.dispose()


@pytest.fixture
def fleet(store: Store) -> Experiments:
    return Experiments(store)


def start_runs(room: Experiments, clock: FixedClock) -> None:
    """Runs of which some lack a metric, a parameter or a tag, and many have equal values."""
    draw = random.Random(3)
    for index in range(RUNS):
        clock.advance(timedelta(minutes=1))
        experiment = "flights" if draw.random() < 0.6 else "other"
        run = room.start(experiment, f"run-{index:02}", code=UNKNOWN)
        metrics = {"loss": draw.random()}
        if draw.random() < 0.8:
            metrics["auc"] = draw.choice([math.nan, 0.5, draw.random()])
        room.log_metrics(run, metrics)
        if "auc" in metrics:
            room.log_metrics(run, {"auc": draw.choice([0.4, draw.random()])}, step=1)
        if draw.random() < 0.9:
            depth: Any = draw.choice([1, 2, 3, "deep"])
            room.log_params(run, {"depth": depth, "kind": f"k{draw.randrange(3)}"})
        if draw.random() < 0.5:
            room.tag(run, {"team": draw.choice(["north", "south"])})
        if draw.random() < 0.1:
            room.archive(run)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ["created", "name", "experiment", *COLUMNS[3:], "metrics.none"])
def test_small_pages_together_are_the_large_one_in_order(
    fleet: Experiments, sort: str, descending: bool
) -> None:
    column = "created_at" if sort == "created" else sort
    columns = list(dict.fromkeys([*COLUMNS, column]))
    for name, filter in FILTERS.items():
        whole = fleet.runs(filter, sort, descending, size=100, columns=columns)
        assert len(whole) == fleet.count(filter), name
        for size in (3, 13):
            pages = range(1, 2 + len(whole) // size)
            frames = [fleet.runs(filter, sort, descending, page, size, columns) for page in pages]
            ids = [run for frame in frames for run in frame["id"]]
            assert ids == whole["id"].tolist(), (name, size)
        assert_in_order(whole[column].tolist(), descending)


def assert_in_order(values: list[Any], descending: bool) -> None:
    """Numbers before words, both in the direction asked for; what is missing comes last."""
    missing = [value is None or value != value for value in values]
    assert missing == sorted(missing)
    present = [value for value in values if value is not None and value == value]
    texts = [value for value in present if isinstance(value, str)]
    numbers = present[: len(present) - len(texts)]
    assert numbers == sorted(numbers, reverse=descending)
    assert present[len(numbers) :] == sorted(texts, reverse=descending)


def test_a_condition_asked_of_each_run_means_the_same(fleet: Experiments, store: Store) -> None:
    with store.read() as session:
        for filter in FILTERS.values():
            for condition in conditions(filter):
                for claim in (condition, ~condition):
                    usual = session.scalars(select(col(Run.id)).where(claim))
                    rewritten = session.scalars(select(col(Run.id)).where(in_to_exists(claim)))
                    assert set(usual) == set(rewritten)
    assert fleet.count() > 0


def test_runs_without_the_metric_follow_newest_first(fleet: Experiments) -> None:
    frame = fleet.runs(sort="metrics.none", size=100, columns=["created_at"])
    created = frame["created_at"].tolist()
    assert created == sorted(created, reverse=True)
