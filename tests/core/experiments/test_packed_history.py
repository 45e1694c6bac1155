"""Histories are the same in rows, in blocks and in both; a summary says what they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlmodel import Session

from pilothouse.experiments import Experiments, Points
from pilothouse.experiments.metrics import packed_history
from pilothouse.experiments.metrics.summary import History
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.tables import Block, Metric, Run
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAN = math.nan
Told = tuple[int, int, float]

whole = st.integers(-(1 << 63), (1 << 63) - 1)
value = st.one_of(st.sampled_from([NAN, math.inf, -math.inf, 0.0, -0.0]), st.floats(width=32))
point = st.tuples(st.integers(-3, 5), st.integers(0, 2), value)
step = st.one_of(
    st.just("compact"), st.tuples(st.sampled_from(["a", "b"]), st.lists(point, max_size=5))
)


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def run(room: Experiments) -> str:
    return room.start("flights", code=UNKNOWN)


def rows(store: Store, table: type[Metric] | type[Block] = Metric) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def is_compacted(store: Store, run: str) -> bool:
    with store.read() as session:
        return session.get_one(Run, run).compacted_at is not None


def spelt(points: list[Told]) -> list[tuple[int, int, str]]:
    """Points as text, in the order of a history: NaN equals nothing, and 0.0 equals -0.0."""
    key = {(s, at, 0.0 if math.isnan(v) else v + 0.0, math.isnan(v)) for s, at, v in points}
    return [(s, at, "nan" if nan else repr(v)) for s, at, v, nan in sorted(key)]


def history(room: Experiments, run: str, key: str = "a") -> list[tuple[int, int, str]]:
    frame = room.history([run], [key])
    seconds = [(at - NOW) // timedelta(seconds=1) for at in frame["at"]]
    values = ["nan" if math.isnan(v) else repr(v + 0.0) for v in frame["value"].tolist()]
    return list(zip(frame["step"].tolist(), seconds, values, strict=True))


def send(room: Experiments, run: str, key: str, points: list[Told]) -> None:
    instants = [NOW + timedelta(seconds=at) for _, at, _ in points]
    room.log_history(run, key, [s for s, *_ in points], [v for *_, v in points], instants)


@given(st.lists(st.tuples(whole, whole, value), max_size=40))
def test_what_is_packed_is_unpacked_bit_by_bit(points: list[Told]) -> None:
    nans = [int(math.isnan(v)) for *_, v in points]
    values = [0.0 if math.isnan(v) else v for *_, v in points]
    packed = History([s for s, *_ in points], [at for _, at, _ in points], values, nans)
    columns = packed_history.unpack(packed_history.pack(packed), len(points))
    assert columns.history() == packed
    assert [math.copysign(1, v) for v in columns.history().values] == [
        math.copysign(1, v) for v in values
    ]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(step, max_size=8), ends=st.booleans())
def test_rows_and_blocks_in_any_mixture_say_the_same(
    store: Store, steps: list[Any], ends: bool
) -> None:
    room = Experiments(store)
    mixed, plain = (room.start("flights", code=UNKNOWN) for _ in range(2))
    room.finish(mixed)
    points_by_key: dict[str, list[Told]] = {"a": [], "b": []}
    for action in [*steps, *["compact"] * ends]:
        if action == "compact":
            packed_history.compact(store, mixed)
            assert is_compacted(store, mixed)
            continue
        key, points = action
        points_by_key[key] += points
        for run in (mixed, plain):
            send(room, run, key, points)
    for key, points in points_by_key.items():
        assert history(room, mixed, key) == history(room, plain, key) == spelt(points)
        window = room.history([mixed], [key], low=-1, high=3)["step"].tolist()
        assert window == [s for s, *_ in spelt(points) if -1 <= s <= 3]
    both = [{k: repr(v) for k, v in room.run(run).metrics.items()} for run in (mixed, plain)]
    assert both[0] == both[1]


def test_a_run_that_ends_becomes_blocks_and_says_the_same(
    room: Experiments, store: Store, run: str
) -> None:
    room.log_batch(run, [Points(k, range(100), [i / 7 for i in range(100)], NOW) for k in "ab"])
    before = history(room, run), room.run(run).metrics
    room.finish(run)
    assert (rows(store), rows(store, Block), is_compacted(store, run)) == (0, 2, True)
    assert (history(room, run), room.run(run).metrics) == before


def test_late_points_are_taken_once_and_the_run_is_compacted_again(
    room: Experiments, store: Store, run: str, clock: FixedClock
) -> None:
    send(room, run, "a", [(0, 0, 1.0), (1, 1, NAN)])
    room.finish(run)
    send(room, run, "a", [(1, 1, NAN), (2, 2, math.inf), (0, 0, 1.0), (2, 2, math.inf)])
    assert not is_compacted(store, run)
    assert rows(store) == 1
    assert room.run(run).metrics["a"].count == 3
    expected = [(0, 0, "1.0"), (1, 1, "nan"), (2, 2, "inf")]
    assert history(room, run) == expected
    clock.advance(timedelta(minutes=1))
    assert packed_history.compact_waiting(store) == 1
    assert (rows(store), is_compacted(store, run)) == (0, True)
    assert history(room, run) == expected
    assert packed_history.compact_waiting(store) == 0


def test_a_point_that_comes_during_compaction_is_not_lost(
    room: Experiments, store: Store, run: str
) -> None:
    send(room, run, "a", [(0, 0, 1.0)])
    send(room, run, "b", [(0, 0, 1.0)])
    with store.write() as session:
        session.get_one(Run, run).status = "finished"

    def interrupted(work: Callable[[Session], None]) -> None:
        send(room, run, "a", [(1, 1, 2.0)])
        with store.write() as session:
            work(session)

    packed_history.compact(store, run, interrupted)
    assert (rows(store), rows(store, Block), is_compacted(store, run)) == (2, 1, False)
    packed_history.compact(store, run)
    assert history(room, run) == [(0, 0, "1.0"), (1, 1, "2.0")]
    assert (rows(store), is_compacted(store, run)) == (0, True)


def test_compaction_that_breaks_off_leaves_everything(
    room: Experiments, store: Store, run: str
) -> None:
    send(room, run, "a", [(0, 0, 1.0), (1, 0, 2.0)])
    with store.write() as session:
        session.get_one(Run, run).status = "finished"

    class Killed(BaseException):
        pass

    def killed(work: Callable[[Session], None]) -> None:
        with store.write() as session:
            work(session)
            raise Killed

    with pytest.raises(Killed):
        packed_history.compact(store, run, killed)
    assert (rows(store), rows(store, Block)) == (2, 0)
    assert history(room, run) == [(0, 0, "1.0"), (1, 0, "2.0")]


def test_large_histories_take_several_transactions(
    room: Experiments, store: Store, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_history, "MAX_AT_ONCE", 5)
    for key in "abcd":
        send(room, run, key, [(s, 0, 1.0) for s in range(3)])
    with store.write() as session:
        session.get_one(Run, run).status = "finished"
    transactions: list[bool] = []

    def counted(work: Callable[[Session], None]) -> None:
        with store.write() as session:
            work(session)
        transactions.append(is_compacted(store, run))

    packed_history.compact(store, run, counted)
    assert transactions == [False, False, False, True]
    assert rows(store, Block) == 4


def test_only_runs_that_ended_a_while_ago_wait_for_the_worker(
    room: Experiments, store: Store, run: str, clock: FixedClock
) -> None:
    send(room, run, "a", [(0, 0, 1.0)])
    assert packed_history.compact_waiting(store) == 0
    with store.write() as session:
        row = session.get_one(Run, run)
        row.status, row.ended_at = "failed", clock.now()
    assert packed_history.compact_waiting(store) == 0
    clock.advance(timedelta(seconds=packed_history.QUIET_S))
    assert packed_history.compact_waiting(store) == 1
    assert is_compacted(store, run)


def test_a_resumed_run_goes_on_from_its_block(room: Experiments, store: Store, run: str) -> None:
    send(room, run, "a", [(0, 0, 1.0), (1, 1, 2.0)])
    room.finish(run)
    with store.write() as session:
        session.get_one(Run, run).status = "running"
    send(room, run, "a", [(1, 1, 2.0), (2, 2, 0.5)])
    packed_history.compact(store, run)
    assert not is_compacted(store, run)
    room.finish(run)
    assert (rows(store), is_compacted(store, run)) == (0, True)
    assert history(room, run) == [(0, 0, "1.0"), (1, 1, "2.0"), (2, 2, "0.5")]
    assert room.run(run).metrics["a"].count == 3


def test_a_damaged_block_is_said_in_words_and_keeps_no_other_run(
    room: Experiments, store: Store, run: str, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    send(room, run, "a", [(0, 0, 1.0), (1, 1, 2.0)])
    room.finish(run)
    other = room.start("flights", code=UNKNOWN)
    send(room, other, "a", [(0, 0, 3.0)])
    with store.write() as session:
        session.execute(text("UPDATE experiments_block SET data = x'00ff'"))
        session.execute(
            text("INSERT INTO experiments_metric SELECT series, 9, 9, 1, 0 FROM experiments_block")
        )
        session.execute(
            text(
                "UPDATE experiments_run SET compacted_at = NULL, status = 'failed', ended_at = :at"
            ),
            {"at": 0},
        )
    with pytest.raises(Unavailable, match="is damaged"):
        history(room, run)
    for _ in range(2):
        packed_history.compact_waiting(store)
    assert is_compacted(store, other)
    assert history(room, other) == [(0, 0, "3.0")]
    assert sum(run in record.getMessage() for record in caplog.records) == 1
