"""The chain: every writer appends, and no entry changes unseen."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlmodel import text

from pilothouse.activity import record, verify
from pilothouse.activity.chain import ChainState
from pilothouse.activity.tables import ActivityEntry
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace

ENTRIES = 5
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


class Stage(StrEnum):
    STAGING = "staging"


def fill(store: Store) -> Store:
    for number in range(1, ENTRIES + 1):
        with store.write() as session:
            record(
                session,
                store,
                "promoted",
                "version",
                f"flights@{number}",
                name=f"flights {number}",
                before={"stage": "staging"},
                after={"stage": "production", "auc": 0.7 + number / 100},
                reason="better",
            )
    return store


def state(store: Store) -> ChainState:
    with store.read() as session:
        return verify(session)


@pytest.fixture
def filled(store: Store) -> Store:
    return fill(store)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One chain for many examples, each of which puts its tampering right again."""
    folder = tmp_path_factory.mktemp("shared")
    clock = FixedClock(datetime.fromisoformat("2026-03-01T12:00:00.123456+00:00"))
    store = open_workspace(settings=Settings(workspace=folder, actor="ada"), clock=clock).store
    yield fill(store)
    store.engine.dispose()


def test_a_new_log_is_unbroken(store: Store) -> None:
    assert state(store) == ChainState(True, 0, None, "0 entries, unbroken")


def test_every_entry_follows_its_predecessor(filled: Store) -> None:
    assert state(filled) == ChainState(True, ENTRIES, None, "5 entries, unbroken")


def test_an_entry_goes_with_its_transaction(store: Store) -> None:
    def fail() -> None:
        with store.write() as session:
            record(session, store, "promoted", "version", "flights@1")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    assert state(fill(store)).entries == ENTRIES


COLUMNS = [column.name for column in ActivityEntry.__table__.columns]  # type: ignore[attr-defined]
NUMBERS = ("seq", "at")
JSONS = ("before", "after")


def tampered(column: str, old: Any, data: st.DataObject) -> Any:
    """Another value for a column, of the kind that it holds."""
    if column in NUMBERS:
        return old + data.draw(st.integers(-(2**62), 2**62).filter(bool), label="shift")
    if column in JSONS:
        values = st.none() | st.dictionaries(st.text(), PLAIN, max_size=3)
        other = data.draw(values.filter(lambda v: json.dumps(v) != json.dumps(json.loads(old))))
        return None if other is None else json.dumps(other)
    return data.draw(TEXT.filter(lambda v: v != old), label="text")


class _UndoneError(Exception):
    """Takes a tampering back."""


def verdict(store: Store, column: str, value: Any, seq: int) -> ChainState:
    """What is said of the chain after a change behind its back, which is then taken back."""
    change = text(f"UPDATE activity_entry SET {column} = :value WHERE seq = :seq")
    states = []
    with suppress(_UndoneError), store.write() as session:
        session.execute(change, {"value": value, "seq": seq})
        states.append(verify(session))
        raise _UndoneError
    return states[0]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), column=st.sampled_from(COLUMNS), seq=st.integers(1, ENTRIES))
def test_whatever_single_field_is_changed_is_found(
    shared: Store, data: st.DataObject, column: str, seq: int
) -> None:
    with shared.read() as session:
        old = session.execute(
            text(f"SELECT {column} FROM activity_entry WHERE seq = :seq"), {"seq": seq}
        ).scalar_one()
    value = tampered(column, old, data)
    try:
        assert not verdict(shared, column, value, seq).intact
    except IntegrityError:
        assert column in ("seq", "hash")  # the database itself refuses a second one
    assert state(shared).intact


@pytest.mark.parametrize("column", JSONS)
def test_an_entry_that_cannot_be_read_breaks_the_chain(filled: Store, column: str) -> None:
    state = verdict(filled, column, "{torn", 3)
    assert (state.intact, state.message) == (False, "an entry from 3 on cannot be read")


def test_the_words_say_what_broke_and_where(filled: Store) -> None:
    assert verdict(filled, "reason", "worse", 2).message == (
        "entry 2 was changed after it was written"
    )
    assert verdict(filled, "previous_hash", "0" * 64, 4).message == (
        "entry 4 does not follow its predecessor"
    )
    with filled.write() as session:
        session.execute(text("DELETE FROM activity_entry WHERE seq = 2"))
    assert state(filled) == ChainState(False, 2, 2, "entry 2 is missing")


@settings(max_examples=40, deadline=None)
@given(before=st.none() | st.dictionaries(st.text() | st.integers(), PLAIN, max_size=4))
def test_whatever_is_recorded_reads_back_unbroken(shared: Store, before: Any) -> None:
    states = []
    with suppress(_UndoneError), shared.write() as session:
        record(session, shared, "changed", "job", "x", before=before, after={1: (2,), 10: 3, 9: 4})
        session.expunge_all()
        states.append(verify(session))
        raise _UndoneError
    assert states[0].intact


def test_an_enumeration_is_recorded_as_its_word(store: Store) -> None:
    with store.write() as session:
        record(session, store, "moved", "version", "m@1", after={"stage": Stage.STAGING})
    assert state(store).intact
    with store.read() as session:
        assert session.get_one(ActivityEntry, 1).after == {"stage": "staging"}


def test_a_value_that_is_not_plain_is_a_programming_error(store: Store) -> None:
    with store.write() as session, pytest.raises(TypeError):
        record(session, store, "moved", "version", "m@1", after={"path": Path()})


def test_writers_at_once_keep_the_chain(store: Store) -> None:
    def write(name: str) -> None:
        own = store.acting_as(name)
        for number in range(10):
            with own.write(durable=number == 0) as session:
                record(session, own, "visited", "job", f"{name}-{number}")

    threads = [threading.Thread(target=write, args=(f"person{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state(store) == ChainState(True, 80, None, "80 entries, unbroken")
