"""Packed histories: the points of a series of an ended run as columns in one value (a block).

A block holds the differences between steps, those between instants, and the values, all in the
order of the history's key, through zlib at its quickest: 4 to 9 bytes a point where a row takes
about 30, and ten thousand points read in under a millisecond, a tenth of what rows take.

All readers of histories read them here, where points in blocks and in rows are joined.
"""

from __future__ import annotations

import logging
import math
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, func, insert, select, update
from sqlmodel import Session, col

from pilothouse.experiments.lifecycle import SELECT_FOR_UPDATE
from pilothouse.experiments.metrics.summary import History
from pilothouse.experiments.tables import ENDED, Block, Metric, Run, RunMetric
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

LEVEL = 1
WORD = 8
MAX_AT_ONCE = 100_000  # points per transaction, which bounds how long other writers wait
CHUNK = 500
MAX_BUFFERED = 1 << 24  # points: a damaged count must not ask for all memory
QUIET_S = 30
MASK = (1 << 64) - 1
WriteTransaction = Callable[[Callable[[Session], None]], None]
ROW = [("series", "i8"), ("step", "i8"), ("at", "i8"), ("value", "f8"), ("nan", "?")]
_reported: set[str] = set()  # damaged runs that the program's log has named already
log = logging.getLogger("pilothouse.blocks")
NAMES = ", ".join(name for name, _ in ROW)


@dataclass(frozen=True)
class SeriesColumns:
    """A history in the order of its key: steps, microseconds, and values with NaN as NaN."""

    steps: Ints
    instants: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    def at(self, places: Any) -> SeriesColumns:
        """The points at some places."""
        return SeriesColumns(self.steps[places], self.instants[places], self.values[places])

    def by_time(self) -> SeriesColumns:
        """The points by instant, then step, then value."""
        import numpy as np

        values = np.where(np.isnan(self.values), 0.0, self.values)
        return self.at(np.lexsort((values, self.steps, self.instants)))

    def history(self) -> History:
        """The same points as rows have them."""
        import numpy as np

        nans = np.isnan(self.values)
        values = np.where(nans, 0.0, self.values).tolist()
        integers = self.steps.tolist(), self.instants.tolist()
        return History(*integers, values, nans.astype(int).tolist())


def pack(history: History) -> bytes:
    """The bytes of a block, from points in the order of their key."""
    values = array(
        "d", [math.nan if n else v for v, n in zip(history.values, history.nans, strict=True)]
    )
    columns = _differences(history.steps), _differences(history.instants), values
    return zlib.compress(b"".join(column.tobytes() for column in columns), LEVEL)


def _differences(numbers: Sequence[int]) -> array[int]:
    """Each number less the one before it, modulo 2^64: adding them up again wraps likewise."""
    return array("Q", [(b - a) & MASK for a, b in pairwise(chain((0,), numbers))])


def unpack(data: bytes, count: int) -> SeriesColumns:
    """The points of a block. Raises Unavailable when its bytes are damaged."""
    import numpy as np

    try:
        plain = zlib.decompress(data, bufsize=3 * WORD * max(0, min(count, MAX_BUFFERED)))
    except zlib.error as broken:
        raise _damaged(str(broken)) from broken
    if len(plain) != 3 * WORD * count:
        raise _damaged(f"{count} points were stored, and it holds {len(plain)} bytes")
    integers = np.frombuffer(plain, np.int64, 2 * count)
    steps, instants = np.cumsum(integers[:count]), np.cumsum(integers[count:])
    return SeriesColumns(steps, instants, np.frombuffer(plain, np.float64, count, 2 * WORD * count))


def _damaged(reason: str) -> Unavailable:
    return Unavailable(
        f"the history of a metric is damaged in the database ({reason}).",
        hint="`pilothouse doctor` names its run and metric; restore the database from a backup.",
    )


def read(
    session: Session, series: Sequence[int], low: int | None = None, high: int | None = None
) -> dict[int, SeriesColumns]:
    """The histories of series that have points, between two steps when they are given."""
    by_series: dict[int, SeriesColumns] = {}
    for part in _chunks(series):
        by_series |= _blocks(session, part)
        for number, rows in _rows(session, part, low, high):
            by_series[number] = _merged(by_series[number], rows) if number in by_series else rows
    if low is None and high is None:
        return by_series
    cut = {number: between(columns, low, high) for number, columns in by_series.items()}
    return {number: columns for number, columns in cut.items() if len(columns)}


def _blocks(session: Session, series: Sequence[int]) -> dict[int, SeriesColumns]:
    columns = col(Block.series), col(Block.count), col(Block.data)
    query = select(*columns).where(col(Block.series).in_(series))
    rows = session.connection().execute(query)
    return {number: unpack(data, count) for number, count, data in rows}


def _rows(
    session: Session, series: Sequence[int], low: int | None, high: int | None
) -> Iterator[tuple[int, SeriesColumns]]:
    import numpy as np

    rows = np.array(_fetch_rows(session, series, low, high), dtype=ROW)
    values = np.where(rows["nan"], np.nan, rows["value"])
    whole = SeriesColumns(rows["step"].copy(), rows["at"].copy(), values)
    numbers, starts = np.unique(rows["series"], return_index=True)
    ends = np.append(starts[1:], len(rows))
    for number, start, stop in zip(numbers, starts, ends, strict=False):
        yield int(number), whole.at(slice(start, stop))


def _fetch_rows(
    session: Session, series: Sequence[int], low: int | None = None, high: int | None = None
) -> list[tuple[int, int, int, float, int]]:
    """Rows in the order of their key, as the driver has them: ours would take twice the time."""
    conditions = [f"series IN ({', '.join(str(int(number)) for number in series)})"]
    conditions += [] if low is None else [f"step >= {int(low)}"]
    conditions += [] if high is None else [f"step <= {int(high)}"]
    cursor = session.connection().connection.cursor()
    try:
        cursor.execute(
            f"SELECT {NAMES} FROM {Metric.__tablename__} "
            f"WHERE {' AND '.join(conditions)} ORDER BY {NAMES}"
        )
        return list(cursor.fetchall())
    finally:
        cursor.close()


def _merged(block: SeriesColumns, rows: SeriesColumns) -> SeriesColumns:
    """Points of both, in the order of their key; one that is in both is one."""
    import numpy as np

    both = SeriesColumns(
        np.concatenate([block.steps, rows.steps]),
        np.concatenate([block.instants, rows.instants]),
        np.concatenate([block.values, rows.values]),
    )
    nans = np.isnan(both.values)
    values = np.where(nans, 0.0, both.values)
    ordered = np.lexsort((nans, values, both.instants, both.steps))
    key = [column[ordered] for column in (both.steps, both.instants, values, nans)]
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = np.any([column[1:] != column[:-1] for column in key], axis=0)

    return both.at(ordered[fresh])


def between(columns: SeriesColumns, low: int | None, high: int | None) -> SeriesColumns:
    """The points between two steps, both included; None is no bound."""
    start = 0 if low is None else columns.steps.searchsorted(low, "left")
    stop = None if high is None else columns.steps.searchsorted(high, "right")
    return columns.at(slice(start, stop))


def drop_known_points(session: Session, histories: dict[int, History]) -> dict[int, History]:
    """The late points that are not in a block of their series already."""
    import numpy as np

    without_known: dict[int, History] = {}
    for number, columns in _blocks(session, list(histories)).items():
        late = histories[number]
        near = columns.at(np.isin(columns.steps, np.array(late.steps, dtype=np.int64))).history()
        existing = set(map(near.key, range(len(near))))
        new_points = [index for index in range(len(late)) if late.key(index) not in existing]
        without_known[number] = late.at(new_points)
    return histories | without_known


def compact(store: Store, run_id: str, write: WriteTransaction | None = None) -> None:
    """Turn the histories of an ended run into blocks.

    Points are read and packed without a lock; `write` then runs a few short transactions. A series
    that got points meanwhile is left for the next time.
    """
    with store.read() as session:
        groups = _groups(session, run_id)
    for index, series in enumerate(groups):
        with store.read() as session:
            packed = [_pack_series(session, number) for number in series]
        is_last = index == len(groups) - 1

        def put(
            session: Session, packed: list[_PackedSeries] = packed, last: bool = is_last
        ) -> None:
            session.connection().execute(SELECT_FOR_UPDATE, {"run": run_id})
            for block in packed:
                _replace_rows(session, block)
            if last:
                _mark_compacted(session, store, run_id)

        (write or _transaction(store))(put)


def compact_waiting(store: Store, most: int = 500) -> int:
    """Compact runs that ended at least `QUIET_S` ago and are not compacted; how many were tried.

    A run with a damaged history is logged once and does not stop the others.
    """
    now = store.now()
    with store.read() as session:
        # An expression has no index: few runs are not compacted, while most have ended.
        query = select(col(Run.id), col(Run.ended_at)).where(
            col(Run.compacted_at).is_(None), col(Run.status).concat("").in_(ENDED)
        )
        rows = session.execute(query.order_by(col(Run.ended_at)).limit(most)).all()

    waiting = [
        run_id
        for run_id, ended_at in rows
        if ended_at is None or not 0 <= (now - ended_at).total_seconds() < QUIET_S
    ]
    for run_id in waiting:
        try:
            compact(store, run_id)
        except Unavailable as damaged:
            if run_id not in _reported:
                _reported.add(run_id)
                log.warning("run %s is not compacted: %s", run_id, damaged)

    return len(waiting)


def _transaction(store: Store) -> WriteTransaction:
    def write(work: Callable[[Session], None]) -> None:
        with store.write() as session:
            work(session)

    return write


@dataclass(frozen=True)
class _PackedSeries:
    """A block to be, and how many of its points were rows."""

    series: int
    count: int
    data: bytes
    rows: int


def _groups(session: Session, run_id: str) -> list[list[int]]:
    """The series that have rows, as many at a time as one transaction takes; at least one group."""
    has_rows = exists().where(col(Metric.series) == col(RunMetric.id))
    query = select(col(RunMetric.id), col(RunMetric.count)).where(
        col(RunMetric.run_id) == run_id, has_rows
    )
    groups, points = [list[int]()], 0
    for number, count in session.execute(query):
        if groups[-1] and points + count > MAX_AT_ONCE:
            groups.append([])
            points = 0
        groups[-1].append(number)
        points += count
    return groups


def _pack_series(session: Session, series: int) -> _PackedSeries:
    rows = _fetch_rows(session, [series])
    columns: tuple[list[Any], ...] = tuple(map(list, zip(*rows, strict=True)))[1:]
    history = History(*columns) if rows else History([], [], [], [])
    if block := _blocks(session, [series]).get(series):
        history.extend(block.history())
        history = history.sorted()
    return _PackedSeries(series, len(history), pack(history), len(rows))


def _replace_rows(session: Session, packed: _PackedSeries) -> None:
    """Replace rows by the block made of them, unless points were added meanwhile."""
    connection = session.connection()
    rows = select(func.count()).where(col(Metric.series) == packed.series)
    if not packed.rows or connection.execute(rows).scalar_one() != packed.rows:
        return
    connection.execute(delete(Block).where(col(Block.series) == packed.series))
    row = {"series": packed.series, "count": packed.count, "data": packed.data}
    connection.execute(insert(Block).values(row))
    connection.execute(delete(Metric).where(col(Metric.series) == packed.series))


def _mark_compacted(session: Session, store: Store, run_id: str) -> None:
    """Mark the run as compacted, unless it was resumed or got points meanwhile."""
    left = (
        select(col(Metric.series))
        .join(RunMetric, col(RunMetric.id) == col(Metric.series))
        .where(col(RunMetric.run_id) == run_id)
    )
    session.connection().execute(
        update(Run)
        .where(col(Run.id) == run_id, col(Run.status).in_(ENDED), ~left.exists())
        .values(compacted_at=store.now())
    )


def _chunks(series: Sequence[int]) -> Iterator[Sequence[int]]:
    return (series[start : start + CHUNK] for start in range(0, len(series), CHUNK))
