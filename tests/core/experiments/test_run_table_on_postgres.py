"""What the run table asks and does, on PostgreSQL as on SQLite: one fleet, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.postgres import postgresql, why_not
from harness.synthetic_runs import launch_fleet
from pilothouse.experiments import RunFilter
from pilothouse.experiments.run_annotations import STARRED
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

FILTERS = (
    RunFilter(),
    RunFilter(under="vision"),
    RunFilter(query="metrics.roc_auc > 0.7 and params.kind = 'tree'"),
    RunFilter(text="forest", statuses=("failed",)),
)
Both = tuple[Workspace, Workspace]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The same 400 runs on both databases."""
    if missing := why_not():
        pytest.skip(missing)
    clock = FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    with postgresql() as url:
        opened = []
        for address in ("", url):
            folder = tmp_path_factory.mktemp("both")
            settings = Settings(workspace=folder, database_url=address, actor="ada")
            opened.append(open_workspace(settings=settings, clock=clock))
            launch_fleet(opened[-1].store, 400)
        yield opened[0], opened[1]
        for workspace in opened:
            workspace.store.engine.dispose()


def same(both: Both, ask: Any) -> Any:
    """The answer of both, which must be one."""
    here, there = (ask(workspace.experiments) for workspace in both)
    assert here == there
    return here


@pytest.mark.parametrize("filter", FILTERS, ids=["all", "node", "query", "words"])
def test_trees_counts_and_differences_are_the_same(both: Both, filter: RunFilter) -> None:
    ids = same(both, lambda room: sorted(room.ids(filter)))
    assert 0 < len(ids) == same(both, lambda room: room.count(filter))
    roots = RunFilter(**{**vars(filter), "roots": True})
    tops = same(both, lambda room: sorted(room.ids(roots)))
    below = same(both, lambda room: room.children(ids, filter))
    assert len(tops) + sum(below.values()) == len(ids)
    assert same(both, lambda room: room.varying_columns(filter))
    assert same(both, lambda room: room.tree())


def test_marks_are_put_on_and_taken_off(both: Both) -> None:
    chosen = same(both, lambda room: sorted(room.ids()))[:20]
    same(both, lambda room: room.star(chosen))
    same(both, lambda room: room.tag_many(chosen, {"a": "b"}, remove=["team", "none"]))
    starred = same(both, lambda room: room.count(RunFilter(tags={STARRED: "yes", "a": "b"})))
    assert starred == len(chosen)
    assert same(both, lambda room: room.archive_many(chosen, "old")) == len(chosen)
    for workspace in both:
        with pytest.raises(Conflict):
            workspace.experiments.colour(chosen, "red")
    assert same(both, lambda room: room.restore_many(chosen)) == len(chosen)
    assert all(workspace.activity.verify().intact for workspace in both)


def test_views_are_kept(both: Both) -> None:
    for workspace in both:
        room = workspace.experiments
        view = room.save_view("Best", {"runs_sort": "name"})
        room.set_default_view(view.id)
        room.save_view("Best", {"runs_sort": "metrics.f1"}, team=True)
    assert [view.state for view in same(both, lambda room: room.views())] == [
        {"runs_sort": "name"},
        {"runs_sort": "metrics.f1"},
    ]
    assert same(both, lambda room: room.default_view().is_default)


def test_a_write_changes_the_version_and_a_read_does_not(both: Both) -> None:
    for workspace in both:
        before = workspace.version
        workspace.experiments.count()
        assert workspace.version == before
        workspace.experiments.star(workspace.experiments.ids(most=1))
        assert workspace.version != before
