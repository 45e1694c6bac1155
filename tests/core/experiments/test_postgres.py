"""The same pages, histories and groups on PostgreSQL as on SQLite."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from sqlalchemy import func, select

from harness.postgres import postgresql, why_not
from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.metrics import packed_history
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.tables import Block, Metric, Run
from pilothouse.kit.errors import Conflict
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

RUNS = 30


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Workspace]]:
    """The same runs on both databases, ended and with late points."""
    if missing := why_not():
        pytest.skip(missing)
    with postgresql() as url:
        opened = [
            open_workspace(
                settings=Settings(
                    workspace=tmp_path_factory.mktemp("both"), database_url=address, actor="ada"
                )
            )
            for address in ("", url)
        ]
        for workspace in opened:
            _fill(workspace.experiments)
        yield opened[0], opened[1]
        for workspace in opened:
            workspace.store.engine.dispose()


def _fill(room: Experiments) -> None:
    draw = random.Random(4)
    for index in range(RUNS):
        run = room.start(
            "flights", f"run-{index:02}", trainer=draw.choice(["a", "b"]), code=UNKNOWN
        )
        params = {"depth": draw.choice([1, 2, "deep"]), "kind": draw.choice("xyz")}
        room.log_params(run, params)
        steps = draw.sample(range(20), 10)
        values = [draw.choice([math.nan, math.inf, draw.random()]) for _ in steps]
        room.log_history(run, "loss", steps, values)
        if index % 3:
            room.log_metrics(run, {"auc": draw.choice([0.5, draw.random()])})
            room.tag(run, {"team": draw.choice(["north", "south"])})
        if index % 2:
            room.finish(run)
            room.log_metrics(run, {"loss": draw.random()}, step=30)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ["name", "metrics.auc", "metrics.loss@best", "params.depth"])
def test_pages_are_the_same(both: tuple[Workspace, Workspace], sort: str, descending: bool) -> None:
    columns = ["name", "metrics.auc", "metrics.loss@best", "params.depth", "tags.team"]
    for filter in (RunFilter(), RunFilter(params={"kind": "x"}), RunFilter(metric="auc")):
        for size in (2, 100):
            pages = range(1, 2 + RUNS // size)
            frames = [
                pd.concat(
                    [
                        room.experiments.runs(filter, sort, descending, page, size, columns)
                        for page in pages
                    ]
                )
                for room in both
            ]
            values = [frame[columns[1:]].astype(str).to_numpy().tolist() for frame in frames]
            # Equals are told apart by ids, which differ: their values do not.
            key = columns.index(sort) - 1 if sort in columns[1:] else None
            if key is None:
                assert values[0] == values[1]
            else:
                assert [row[key] for row in values[0]] == [row[key] for row in values[1]]
            assert sorted(values[0]) == sorted(values[1])


def test_histories_are_the_same(both: tuple[Workspace, Workspace]) -> None:
    frames = []
    for workspace in both:
        room = workspace.experiments
        names = room.runs(sort="name", descending=False, size=100)
        frame = room.history(list(names["id"]))
        frames.append(frame[["key", "step", "value"]].astype(str).to_numpy().tolist())
        with workspace.store.read() as session:
            assert session.scalar(select(func.count()).select_from(Block)) == RUNS // 2 + 10
    assert frames[0] == frames[1]


def test_groups_keys_and_facets_are_the_same(both: tuple[Workspace, Workspace]) -> None:
    columns = ["metrics.loss@min", "metrics.auc"]
    frames = [
        room.experiments.groups(None, ["params.kind", "params.depth"], columns, "params.kind")
        for room in both
    ]
    without_best_runs = [frame.drop(columns=[f"{c}.best_run" for c in columns]) for frame in frames]
    without_best_runs = [
        frame.sort_values(["params.kind", "n", "metrics.auc"]) for frame in without_best_runs
    ]
    pd.testing.assert_frame_equal(*(frame.reset_index(drop=True) for frame in without_best_runs))
    for ask in (Experiments.metric_keys, Experiments.param_keys, Experiments.tag_keys):
        assert ask(both[0].experiments) == ask(both[1].experiments)
    assert both[0].experiments.facets() == both[1].experiments.facets()
    counts = [workspace.experiments.experiments()["runs"].tolist() for workspace in both]
    assert counts == [[RUNS], [RUNS]]


def test_writers_of_one_run_wait_for_each_other(both: tuple[Workspace, Workspace]) -> None:
    workspace = both[1]
    room = workspace.experiments
    run = room.start("contested", code=UNKNOWN)
    room.log_metrics(run, {"m": 0.0})
    room.finish(run)

    def write(writer: int) -> None:
        for step in range(10):
            room.log_metrics(run, {"m": float(writer)}, step=step * 4 + writer)
            if writer == 0:
                packed_history.compact(workspace.store, run)

    with ThreadPoolExecutor(4) as pool:
        for writing in [pool.submit(write, writer) for writer in range(4)]:
            writing.result(60)
    packed_history.compact(workspace.store, run)
    assert room.run(run).metrics["m"].count == 41 == len(room.history([run]))
    assert room.run(run).metrics["m"].last_step == 39
    with workspace.store.read() as session:
        assert session.get_one(Run, run).compacted_at is not None


def test_a_run_is_deleted_for_good(both: tuple[Workspace, Workspace]) -> None:
    workspace = both[1]
    room = workspace.experiments
    parent = room.start("purged", code=UNKNOWN)
    child = room.start("purged", parent=parent, code=UNKNOWN)
    for run in (parent, child):
        room.log_metrics(run, {"only_here": 1.0})
        room.archive(run)
    with pytest.raises(Conflict):
        room.delete([room.start("purged", code=UNKNOWN)])
    assert room.delete([parent]) == 2
    assert "only_here" not in room.metric_keys()
    with workspace.store.read() as session:
        left = select(func.count()).select_from(Metric).where(Metric.value == 1.0)  # type: ignore[arg-type]
        assert session.scalar(left) == 0
