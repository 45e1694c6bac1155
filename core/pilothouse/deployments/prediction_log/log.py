"""The prediction log: Parquet files by date, together with the journals.

    <workspace>/predictions/<deployment>/date=YYYY-MM-DD/<segment>.parquet   by event date
    <workspace>/labels/<deployment>/date=YYYY-MM-DD/<segment>.parquet        by date of the label
    <workspace>/requests/<deployment>/date=YYYY-MM-DD/<segment>.parquet      by date of receipt
    <workspace>/<tree>/<deployment>/scattered/<segment>.parquet              rows of many dates

Journals are read before Parquet, so a segment that is compacted in between is read twice and never
missed; duplicates are then dropped by their ids.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.prediction_log import journal
from pilothouse.deployments.prediction_log.line_tables import joined
from pilothouse.deployments.prediction_log.parquet_statistics import (
    ColumnRange,
    may_hold,
    parts_within,
)
from pilothouse.deployments.prediction_log.repeated_ids import maybe_repeated
from pilothouse.deployments.prediction_log.segment_rows import (
    LABELS,
    PREDICTIONS,
    REQUESTS,
    TREES,
    tables,
)
from pilothouse.deployments.prediction_log.stored_columns import (
    FEATURES_AT,
    LABEL_COLUMNS,
    PREDICTION_COLUMNS,
    feature_column,
    is_hashed_column,
    is_output_column,
    output_column,
    output_columns,
    present_name,
)
from pilothouse.kit.errors import Unavailable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MERGED = "-to-"
MICROSECOND = timedelta(microseconds=1)
DAY = "date="
SCATTERED = "scattered"  # rows of so many dates that a file for each would be too many
MAX_TRIES = 100  # to read files while they are being merged
DATED_BY = {PREDICTIONS: "event_at", LABELS: "label_at", REQUESTS: "received_at"}
COLUMNS = {
    PREDICTIONS: PREDICTION_COLUMNS,
    LABELS: LABEL_COLUMNS,
    REQUESTS: ("received_at", "version", "rows", "latency_ms", "status", "segment", "seq"),
}
__all__ = [
    "FEATURES_AT",
    "LABELS",
    "PREDICTIONS",
    "PREDICTION_COLUMNS",
    "REQUESTS",
    "TREES",
    "feature_column",
    "is_hashed_column",
    "is_output_column",
    "joined",
    "output_column",
    "output_columns",
]
_reported: set[Path] = set()  # damaged files that were logged already
log = logging.getLogger("pilothouse.log")


@dataclass(frozen=True)
class LogQuery:
    """Which rows of a tree: of which dates, which columns, how many of the newest suffice, and of
    which predictions. Files without a row that was `received` in a span are not read."""

    start: datetime | None = None
    end: datetime | None = None
    columns: list[str] | None = None
    newest: int | None = None
    ids: pd.Series[str] | None = None
    received: tuple[datetime, datetime] | None = None

    def ranges(self, tree: str) -> list[ColumnRange]:
        """Where values of columns lie in the rows that are asked for."""
        chosen: list[ColumnRange] = []
        if self.received is not None:
            first, end = self.received
            chosen.append(ColumnRange("received_at", first, end - MICROSECOND))
        if (self.start, self.end) != (None, None):
            chosen.append(ColumnRange(DATED_BY[tree], self.start, self.end))
        if self.ids is not None and len(self.ids):
            chosen.append(ColumnRange("prediction_id", *self._id_range))
        return chosen

    def of_ids(self, table: pa.Table) -> pa.Table:
        """The rows of the predictions that are asked for; all without ids.

        PERF: pyarrow hashes all ids anew for each table, which takes a minute for 300,000 ids and
        600 files. A table of fewer rows is asked of a set, which is made once.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.ids is None or not table.num_rows:
            return table
        present = table["prediction_id"].cast(pa.string())
        if table.num_rows < len(self.ids):
            matches = pa.array([word in self._names for word in present.to_pylist()], pa.bool_())
            return table.filter(matches)
        return table.filter(pc.is_in(present, pa.array(self.ids, pa.string())))

    @cached_property
    def _id_range(self) -> tuple[str, str]:
        return min(self._names), max(self._names)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(() if self.ids is None else self.ids)


def journal_folder(workspace: Path, deployment: str) -> Path:
    """The folder of a deployment's journal."""
    return workspace / "journal" / deployment


def tree_folder(workspace: Path, tree: str, deployment: str) -> Path:
    """The folder of a deployment's Parquet files of one tree."""
    return workspace / tree / deployment


def predictions(
    workspace: Path,
    deployment: str,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Iterable[str] | None = None,
    newest: int | None = None,
) -> pd.DataFrame:
    """Predictions with start <= event_at < end in the order of receipt; the first of an id counts.

    An id that was sent with two event times has the first one, so it is in one window only.
    """
    requested = None if columns is None else list(dict.fromkeys([*columns]))
    read = None if requested is None else list(dict.fromkeys([*requested, *PREDICTION_COLUMNS]))
    table = union(workspace, deployment, PREDICTIONS, LogQuery(start, end, read, newest))
    if table is None:
        return _empty(requested or PREDICTION_COLUMNS)

    table = _between(table, "event_at", start, end)
    frame: pd.DataFrame = table.to_pandas()
    frame = frame.sort_values("received_at", kind="stable", ignore_index=True)
    frame = frame.drop_duplicates("prediction_id", keep="first", ignore_index=True)
    if (start, end) != (None, None) and len(frame):
        repeated = _repeated(workspace, deployment, frame)
        first = _first_received(workspace, deployment, repeated)
        earlier = frame["prediction_id"].map(first) < frame["received_at"]
        frame = frame[~earlier].reset_index(drop=True)

    for name in requested or ():
        if name not in frame:
            frame[name] = None

    return frame if requested is None else frame[requested]


def dated_from(
    workspace: Path, deployment: str, start: datetime, received: tuple[datetime, datetime]
) -> pd.DataFrame:
    """Id, event time and time of receipt of predictions from an instant on, each id once.

    They are those that were received from the first instant of `received` until before the second.
    An id that was sent with two event times counts with the one that lies in this range. PERF: of
    files that were received at other times only the footer is read, once in a process.
    """
    columns = ["prediction_id", "event_at", "received_at"]
    query = LogQuery(start, columns=columns, received=received)
    table = union(workspace, deployment, PREDICTIONS, query)
    if table is None:
        return _empty(columns)
    table = _between(_between(table, "event_at", start, None), "received_at", *received)
    frame: pd.DataFrame = table.to_pandas()
    return frame.drop_duplicates("prediction_id", ignore_index=True)


def _repeated(workspace: Path, deployment: str, frame: pd.DataFrame) -> pd.Series[str]:
    """The ids of some predictions that may have others, of any event time."""
    ids = frame["prediction_id"]
    live: set[str] = set()
    for segment in journal.segments(journal_folder(workspace, deployment)):
        for table in tables(segment, PREDICTIONS):
            live.update(table["prediction_id"].to_pylist())
    again = maybe_repeated(workspace, deployment, ids.tolist(), live)
    if again is None:
        return ids
    return ids[ids.isin(again | live)]


def _first_received(workspace: Path, deployment: str, ids: pd.Series[str]) -> pd.Series[Any]:
    """When each of some ids was first received, whatever its event time."""
    query = LogQuery(columns=["prediction_id", "received_at"], ids=ids)
    table = union(workspace, deployment, PREDICTIONS, query) if len(ids) else None
    if table is None:
        return _empty(("prediction_id", "received_at")).set_index("prediction_id")["received_at"]
    frame: pd.DataFrame = table.to_pandas()
    return frame.groupby("prediction_id")["received_at"].min()


def recent(
    workspace: Path, deployment: str, limit: int, columns: Iterable[str] | None = None
) -> pd.DataFrame:
    """The predictions received last, in the order of receipt; only the newest files are read."""
    frame = predictions(workspace, deployment, columns=columns, newest=limit)
    return frame.tail(limit).reset_index(drop=True)


def labels(
    workspace: Path,
    deployment: str,
    start: datetime | None = None,
    ids: pd.Series[str] | None = None,
) -> pd.DataFrame:
    """Labels by prediction, each id once, the last one received.

    `start` leaves out labels of earlier days. With `ids`, only those predictions' labels are read,
    of every date: a label may have any date, also one before its prediction.
    """
    day = start and start.replace(hour=0, minute=0, second=0, microsecond=0)
    table = union(workspace, deployment, LABELS, LogQuery(day, ids=ids))
    if table is None:
        return _empty(LABEL_COLUMNS)
    frame: pd.DataFrame = _between(table, "label_at", day, None).to_pandas()
    frame = frame.sort_values("received_at", kind="stable", ignore_index=True)
    return frame.drop_duplicates("prediction_id", keep="last", ignore_index=True)


def event_times(workspace: Path, deployment: str, ids: Sequence[str]) -> pd.Series[Any]:
    """When the predictions with some ids happened, by id; ids without a prediction are absent."""
    import pandas as pd

    columns = ["prediction_id", "event_at", "received_at"]
    query = LogQuery(columns=columns, ids=pd.Series(list(ids), dtype=object))
    table = union(workspace, deployment, PREDICTIONS, query)
    frame: pd.DataFrame = _empty(columns) if table is None else table.to_pandas()
    frame = frame.sort_values("received_at", kind="stable").drop_duplicates("prediction_id")
    return frame.set_index("prediction_id")["event_at"]


def unmatched_labels(workspace: Path, deployment: str) -> tuple[int, int]:
    """How many ids have a label, and how many of those have no prediction."""
    labelled = labels(workspace, deployment)["prediction_id"]
    if labelled.empty:
        return 0, 0
    first = _first_received(workspace, deployment, labelled)
    return len(labelled), int((~labelled.isin(first.index)).sum())


def requests(
    workspace: Path, deployment: str, start: datetime | None, end: datetime | None
) -> pd.DataFrame:
    """Requests received in start <= received_at < end: rows, latency, status, version."""
    table = union(workspace, deployment, REQUESTS, LogQuery(start, end))
    if table is None:
        return _empty(("received_at", "version", "rows", "latency_ms", "status"))
    frame: pd.DataFrame = _between(table, "received_at", start, end).to_pandas()
    frame = frame.drop_duplicates(["segment", "seq"], ignore_index=True)
    return frame.sort_values("received_at", kind="stable", ignore_index=True).drop(
        columns=["segment", "seq"]
    )


def union(workspace: Path, deployment: str, tree: str, query: LogQuery) -> pa.Table | None:
    """The rows of a tree, of the journal and of the files; None without any."""
    live, stored = _read(workspace, deployment, tree, query)
    if query.columns is not None:
        live = [t.select([c for c in query.columns if c in t.column_names]) for t in live]
    parts = [*stored, *(query.of_ids(table) for table in live)]
    parts = [part for part in parts if part.num_rows]
    return joined(parts) if parts else None


def _read(
    workspace: Path, deployment: str, tree: str, query: LogQuery
) -> tuple[list[pa.Table], list[pa.Table]]:
    """The tables of the journal and of the files; read again when files were merged meanwhile."""
    for _ in range(MAX_TRIES):
        segments = journal.segments(journal_folder(workspace, deployment))
        live = [t for segment in segments for t in tables(segment, tree)]
        enough = query.newest and max(query.newest - sum(t.num_rows for t in live), 0)
        try:
            return live, _stored(tree_folder(workspace, tree, deployment), tree, query, enough)
        except FileNotFoundError:
            continue
    raise Unavailable(
        f"the {tree} of {deployment!r} change faster than they can be read.",
        hint="Try again in a moment.",
    )


def _stored(folder: Path, tree: str, query: LogQuery, enough: int | None) -> list[pa.Table]:
    """The tables of the files asked for; of the newest segments until there are enough rows."""
    files = parquet_files(folder, query.start, query.end)
    if enough is None:
        return readable_tables(files, tree, query)
    result: list[pa.Table] = []
    by_age = sorted(files, key=_last_segment, reverse=True)
    for _, same_age in groupby(by_age, key=_last_segment):
        if sum(t.num_rows for t in result) >= enough:
            break
        result += readable_tables(same_age, tree, query)
    return result


def readable_tables(files: Iterable[Path], tree: str, query: LogQuery) -> list[pa.Table]:
    """The rows that are asked for of the readable files, one file in memory at a time.

    The other files are logged once, and listed by `doctor`.
    """
    result = []
    ranges = query.ranges(tree)
    for path in files:
        if ranges and not may_hold(path, ranges):
            continue
        try:
            table = checked_parquet(path, tree, query.columns, ranges)
        except DamagedFile as damaged:
            report(path, damaged)
            continue
        if DATED_BY[tree] in table.column_names:
            table = _between(table, DATED_BY[tree], query.start, query.end)
        result.append(query.of_ids(table))
    return result


def report(path: Path, damaged: DamagedFile) -> None:
    """Log a damaged file, once."""
    if path not in _reported:
        _reported.add(path)
        log.warning("%s", damaged)


def _last_segment(path: Path) -> str:
    """The id of the youngest segment in a file: ids are UUIDv7, so they sort by age."""
    return path.stem.rsplit(MERGED, 1)[-1]


class DamagedFile(Exception):
    """A file of the prediction log that cannot be read; the message says which and why."""


def checked_parquet(
    path: Path,
    tree: str,
    columns: list[str] | None = None,
    ranges: Sequence[ColumnRange] = (),
) -> pa.Table:
    """A file's table. Raises DamagedFile, and FileNotFoundError when it was merged meanwhile.

    With ranges, parts of the file without any row in them may be left out.
    """
    import pyarrow as pa

    try:
        table = read_parquet(path, columns, ranges)
    except FileNotFoundError:
        if path.is_symlink():
            raise DamagedFile(f"{path} is a link to nothing.") from None
        raise
    except (OSError, ValueError, pa.ArrowException) as broken:
        raise DamagedFile(f"{path} cannot be read: {_first_line(broken)}") from broken
    needed = [name for name in COLUMNS[tree] if columns is None or name in columns]
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise DamagedFile(f"{path} lacks the column {missing[0]!r}.")
    instants = [table.schema.field(name) for name in needed if name.endswith("_at")]
    if any(not pa.types.is_timestamp(field.type) for field in instants):
        raise DamagedFile(f"{path} has times of a wrong type.")
    if odd := [field.name for field in table.schema if not _is_plain(field.type)]:
        raise DamagedFile(f"{path} has no plain values in the column {odd[0]!r}.")
    return table


def _is_plain(kind: pa.DataType) -> bool:
    """Whether values of this type can meet those of another file: as what they are, or as text."""
    import pyarrow as pa

    return not pa.types.is_nested(kind) and not pa.types.is_binary(kind)


def read_parquet(
    path: Path, columns: list[str] | None = None, ranges: Sequence[ColumnRange] = ()
) -> pa.Table:
    """A Parquet file's table, of the columns that it has, under their present names."""
    import pyarrow.parquet as pq

    with path.open("rb") as source:
        file = pq.ParquetFile(source)
        schema = file.schema_arrow
        present = {name: present_name(name, schema.metadata) for name in schema.names}
        chosen = [name for name in schema.names if columns is None or present[name] in columns]
        # Arrow reads `out.score` too where `out` is asked for.
        groups = parts_within(file.metadata, present, ranges)
        table = file.read_row_groups(groups, chosen).select(chosen).replace_schema_metadata(None)
    return table.rename_columns([present[name] for name in chosen])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def parquet_files(
    folder: Path, start: datetime | None = None, end: datetime | None = None
) -> list[Path]:
    """The files of the dates between two instants, oldest first; other names are ignored."""
    first = start.date() if start else date.min
    last = end.date() if end else date.max
    days = sorted(folder.glob(f"{DAY}*"))
    chosen = [d for d in days if (day := day_of(d)) is not None and first <= day <= last]
    chosen.append(folder / SCATTERED)
    return [path for day in chosen for path in sorted(day.glob("*.parquet")) if _is_file(path)]


def day_of(folder: Path) -> date | None:
    """The date in the name of a folder of the log; None without one."""
    try:
        return date.fromisoformat(folder.name.removeprefix(DAY)) if folder.is_dir() else None
    except ValueError:
        return None


def _is_file(path: Path) -> bool:
    return path.is_symlink() or not path.is_dir()


def _between(table: pa.Table, column: str, start: datetime | None, end: datetime | None) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = table.schema.field(column).type
    if start is not None:
        table = table.filter(pc.greater_equal(table[column], pa.scalar(start, kind)))
    if end is not None:
        table = table.filter(pc.less(table[column], pa.scalar(end, kind)))
    return table


def _empty(columns: Iterable[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(columns=list(columns))
    for name in frame.columns:
        if name.endswith("_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
