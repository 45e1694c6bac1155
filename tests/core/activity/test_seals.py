"""Seals and the anchor: what no command wrote is seen, and what a command wrote never is."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import event
from sqlmodel import Session, select, text

from harness.policies import set_gates
from pilothouse.activity import anchor, record
from pilothouse.activity.anchor import Anchor
from pilothouse.activity.chain import latest_seals, verify_anchored
from pilothouse.activity.tables import ActivityEntry
from pilothouse.experiments import late_writes, lifecycle
from pilothouse.kit.settings import Settings
from pilothouse.registry import deletion
from pilothouse.registry.policy import GateRule
from pilothouse.registry.tables import Model, ModelTag, PolicyVersion
from pilothouse.storage import Store, migrate, open_store
from pilothouse.workspace import Workspace, open_workspace
from pilothouse.workspace.checks import checks


def problems(store: Store) -> list[str]:
    messages: list[str] = list(checks.get("records")(store).details.get("problems", []))
    state = verify_anchored(store)
    return messages + ([] if state.intact else [state.message])


def note(store: Store, reason: str = "tried") -> None:
    with store.write() as session:
        record(session, store, reason, "thing", "a")


def set_threshold(workspace: Workspace, threshold: float) -> None:
    rule = GateRule("metric_threshold", {"metric": "auc", "threshold": threshold})
    set_gates(workspace, "production", [rule])


def entries(store: Store) -> list[ActivityEntry]:
    with store.read() as session:
        return list(session.exec(select(ActivityEntry).order_by(ActivityEntry.seq)))  # type: ignore[arg-type]


def test_the_entry_of_a_command_seals_what_it_wrote(workspace: Workspace) -> None:
    set_threshold(workspace, 0.5)
    entry = entries(workspace.store)[-1]
    assert (entry.verb, list(entry.seals or {})) == (
        "added",
        ["people_person", "registry_policy"],
    )
    assert problems(workspace.store) == []
    set_threshold(workspace, 0.6)
    assert problems(workspace.store) == []
    assert [entry.kind for entry in entries(workspace.store)] == ["person", "policy", "policy"]


def test_a_change_without_an_entry_gets_one(store: Store) -> None:
    with store.write() as session:
        session.add(Model(name="late", created_at=store.now(), created_by="ada"))
    [entry] = entries(store)
    assert (entry.verb, entry.kind, entry.ref) == ("changed", "record", "registry_model")
    assert problems(store) == []


def test_what_is_rolled_back_is_sealed_by_nothing(store: Store) -> None:
    class Stopped(Exception):
        pass

    def act() -> None:
        with store.write() as session:
            session.add(Model(name="late", created_at=store.now(), created_by="ada"))
            session.flush()
            raise Stopped

    with pytest.raises(Stopped):
        act()
    assert entries(store) == []
    assert anchor.read(store.folder) is None
    assert problems(store) == []


def test_an_item_of_a_batch_that_fails_takes_only_its_own_along(store: Store) -> None:
    with store.write() as session:
        for number in range(3):
            try:
                with session.begin_nested():
                    name = f"model {number}"
                    session.add(Model(name=name, created_at=store.now(), created_by="ada"))
                    record(session, store, "created", "model", name)
                    if number == 2:
                        raise KeyError
            except KeyError:
                continue
    assert [entry.ref for entry in entries(store)] == ["model 0", "model 1"]
    assert problems(store) == []


def test_renaming_and_deleting_with_statements_of_their_own_is_sealed(store: Store) -> None:
    with store.write() as session:
        model = Model(name="late", created_at=store.now(), created_by="ada")
        session.add(model)
        session.flush()
        session.add(ModelTag(model="late", key="team", value="ops"))
    with store.write() as session:
        deletion.rename(session, store, session.get_one(Model, "late"), "punctual")
    assert problems(store) == []
    with store.write() as session:
        deletion.delete_model(session, store, session.get_one(Model, "punctual"))
    assert problems(store) == []
    with store.read() as session:
        sealed = latest_seals(session)["registry_model"]
    assert sealed == {'["late"]': None, '["punctual"]': None}


def test_every_way_of_writing_to_a_sealed_table_is_seen(store: Store) -> None:
    with store.write() as session:
        now = store.now()
        row = {"name": "strict", "version": 1, "stage": "staging", "models": ["*"], "gates": []}
        rest = {"approvals": {}, "digest": "", "reason": "", "changed_at": now, "changed_by": "ada"}
        session.add(PolicyVersion(**row, **rest))
    with store.write() as session:
        session.get_one(PolicyVersion, ("strict", 1)).changed_by = "grace"
    assert problems(store) == []
    with store.write() as session:
        session.execute(text("UPDATE registry_policy SET changed_by = 'eve'"))
    assert problems(store) == ["policy strict/1 was changed by no command"]


def test_a_column_that_changes_without_a_command_is_not_sealed(workspace: Workspace) -> None:
    from pilothouse.deployments.tables import Deployment

    store = workspace.store
    with store.write() as session:
        now = store.now()
        session.add(
            Deployment(
                name="a", model="m", version=1, created_at=now, created_by="ada", updated_at=now
            )
        )
    with store.write() as session:
        session.get_one(Deployment, "a").serving_version = 1
    assert len(entries(store)) == 1
    assert problems(store) == []


def test_rows_of_before_there_were_seals_are_sealed_by_the_upgrade(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, actor="ada")
    store = open_store(settings)
    with store.write() as session:
        config = migrate._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0003")
    with store.write() as session:
        session.execute(
            text(
                "INSERT INTO registry_model (name, note, created_at, created_by)"
                " VALUES ('late', '', 1, 'ada')"
            )
        )
    store.engine.dispose()
    workspace = open_workspace(settings=settings)
    assert problems(workspace.store) == []
    assert [entry.verb for entry in entries(workspace.store)] == ["sealed"]
    workspace.store.engine.dispose()
    workspace = open_workspace(settings=settings)
    assert len(entries(workspace.store)) == 1
    workspace.store.engine.dispose()


def test_holds_of_before_they_were_sealed_are_sealed_by_the_upgrade(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, actor="ada")
    store = open_store(settings)
    with store.write() as session:
        config = migrate._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0010")
    with store.write() as session:
        session.execute(
            text(
                "INSERT INTO experiments_hold (owner, version, folder, closed)"
                " VALUES ('r', 'late@1', '', 1)"
            )
        )
    store.engine.dispose()
    workspace = open_workspace(settings=settings)
    assert problems(workspace.store) == []
    with workspace.store.write() as session:
        session.execute(text("UPDATE experiments_hold SET closed = 0"))
    assert problems(workspace.store) == ["hold on r/late@1 was changed by no command"]
    workspace.store.engine.dispose()


def test_holds_are_sealed_through_all_that_happens_to_them(workspace: Workspace) -> None:
    """A version is registered on a run that goes on, gets another name, the run ends, it goes."""
    store, room = workspace.store, workspace.experiments
    run, other = room.start("flights"), room.start("flights")
    for act in (
        lambda session: late_writes.hold_sources(session, "late@1", [(run, ""), (other, None)]),
        lambda session: late_writes.hold_sources(
            session, "late@2", late_writes.held_sources(session, "late@1")
        ),
        lambda session: late_writes.rename(session, "late@1", "punctual@1"),
        lambda session: lifecycle.finish(session, store, run),
        lambda session: late_writes.release_sources(session, "punctual@1"),
    ):
        with store.write() as session:
            act(session)
        assert problems(store) == []
    with store.read() as session:
        sealed = latest_seals(session)["experiments_hold"]
    there = {f'["{owner}", "late@2"]' for owner in (run, other)}
    assert {key for key, hashed in sealed.items() if hashed is not None} == there


def test_a_statement_that_meets_no_row_leaves_no_entry(workspace: Workspace) -> None:
    with workspace.store.write() as session:
        late_writes.release_sources(session, "nothing@1")
    assert entries(workspace.store) == []


def test_an_anchor_that_is_behind_is_no_problem(store: Store) -> None:
    for _ in range(4):
        note(store)
    path = store.folder / anchor.FILE
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert verify_anchored(store).intact


def test_a_torn_line_of_the_anchor_is_no_line_yet(store: Store) -> None:
    note(store)
    with (store.folder / anchor.FILE).open("a") as out:
        out.write("2 abc")
    assert verify_anchored(store).intact


def test_an_anchor_that_cannot_be_written_stops_no_command(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(anchor.os, "write", full)
    note(store)
    assert len(entries(store)) == 1
    assert "anchor" in caplog.text


def test_many_writers_at_once_leave_an_anchor_that_fits(store: Store) -> None:
    other = open_store(store.settings)

    def write(own: Store) -> None:
        for _ in range(15):
            note(own)

    threads = [threading.Thread(target=write, args=(own,)) for own in (store, other, store)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.engine.dispose()
    assert verify_anchored(store).intact
    lines = anchor.read(store.folder) or []
    assert sorted(line.entries for line in lines) == list(range(1, 46))


def test_the_anchor_stays_small(tmp_path: Path) -> None:
    for number in range(1, 6_000):
        anchor.append(tmp_path, Anchor(number, "a" * 64))
    lines = anchor.read(tmp_path) or []
    assert (tmp_path / anchor.FILE).stat().st_size <= anchor.MAX_BYTES + 200
    assert lines[-1].entries == 5_999
    assert (tmp_path / anchor.FILE).stat().st_mode & 0o777 == 0o600


def test_the_work_of_an_entry_does_not_grow(store: Store) -> None:
    """One look at the newest entry more than before there was an anchor, however long the log."""

    def statements() -> int:
        count = 0

        def counted(*_: Any) -> None:
            nonlocal count
            count += 1

        event.listen(store.engine, "before_cursor_execute", counted)
        note(store)
        event.remove(store.engine, "before_cursor_execute", counted)
        return count

    assert (early := statements()) <= 5
    for _ in range(50):
        note(store)
    assert statements() <= early


def test_reading_never_seals(store: Store) -> None:
    note(store)
    with store.read() as session:
        assert isinstance(session, Session)
        session.exec(select(ActivityEntry)).all()
    assert len(entries(store)) == 1
