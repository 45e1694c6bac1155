"""Runs that are deleted for good take everything of theirs along, and nothing of others."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from harness.serving import EXAMPLE, SIGNATURE
from pilothouse.activity.tables import ActivityEntry
from pilothouse.experiments import Experiments
from pilothouse.experiments.deletion import OF_RUNS
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.tables import KnownKey, Metric, Run, RunMetric
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.registry import versions
from pilothouse.registry.versions import VersionSource
from pilothouse.storage import Store, Table


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


def logged(room: Experiments, name: str, parent: str | None = None) -> str:
    """A run with something of everything."""
    run = room.start("flights", name, parent=parent, code=UNKNOWN)
    room.log_params(run, {"depth": 3, f"only_{name}": 1})
    room.log_history(run, "loss", range(5), [5.0, 4.0, 3.0, 2.0, 1.0])
    room.tag(run, {"team": "north"})
    room.log_artifact(run, "notes.txt", b"seen")
    room.log_input(run, "flights@1")
    return run


def counts(store: Store) -> dict[str, int]:
    """How many rows each table of runs has."""
    with store.read() as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Run, Metric, *OF_RUNS)
        }


def test_everything_of_a_run_goes_and_everything_of_others_stays(
    room: Experiments, store: Store
) -> None:
    logged(room, "kept")
    before = counts(store)
    gone = logged(room, "gone")
    room.archive(gone)
    assert counts(store) != before
    assert room.delete([gone, gone], reason="a mistake") == 1
    assert counts(store) == before
    assert room.param_keys("flights") == ["depth", "only_kept"]
    assert room.metric_keys() == ["loss"]
    with pytest.raises(NotFound):
        room.run(gone)
    with store.read() as session:
        newest = session.scalars(select(ActivityEntry).order_by(col(ActivityEntry.seq).desc()))
        entry = newest.first()
    assert entry is not None
    assert (entry.verb, entry.ref, entry.name) == ("deleted", gone, "gone")
    assert entry.reason == "a mistake"


def test_runs_under_a_run_go_with_it(room: Experiments, store: Store) -> None:
    parent = logged(room, "parent")
    child = logged(room, "child", parent)
    grandchild = logged(room, "grandchild", child)
    for run in (parent, child):
        room.archive(run)
    with pytest.raises(Conflict, match="grandchild is not archived"):
        room.delete([parent])
    assert room.run(parent).children == ()
    room.archive(grandchild)
    assert room.delete([parent]) == 3
    assert set(counts(store).values()) == {0}
    with store.read() as session:
        assert session.scalars(select(KnownKey)).all() == []


def test_only_archived_runs_may_go_and_none_goes_alone(room: Experiments) -> None:
    active, archived = logged(room, "kept"), logged(room, "archived")
    room.archive(archived)
    with pytest.raises(Conflict, match="kept is not archived"):
        room.delete([archived, active])
    with pytest.raises(NotFound):
        room.delete([archived, "0" * 32])
    assert room.run(archived).params["depth"] == "3"


def test_a_run_that_a_version_rests_on_stays(room: Experiments, store: Store) -> None:
    run = logged(room, "used")
    room.archive(run)
    digest = store.artifacts.put_bytes(b"a model")
    with store.write() as session:
        source = VersionSource(digest, SIGNATURE, EXAMPLE, metrics={}, imported="a test", run=run)
        versions.register_import(session, store, "late", source)
    with pytest.raises(Conflict, match="registry version late 1 rests on"):
        room.delete([run])
    assert room.run(run).metrics["loss"].count == 5


def test_no_table_of_runs_is_forgotten() -> None:
    run_id = Run.__table__.c.id  # type: ignore[attr-defined]
    pointing = {
        table.name
        for table in Table.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column is run_id and table.name.startswith("experiments_")
    }
    assert pointing - {"experiments_run"} == {table.__tablename__ for table in OF_RUNS}
    assert RunMetric in OF_RUNS
