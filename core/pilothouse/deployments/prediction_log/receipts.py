"""When predictions and labels were received, for finding what is new in a long log.

Files never change, and their footers say until when they were received: those without news are not
read. One file is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.prediction_log import journal, log
from pilothouse.deployments.prediction_log.parquet_statistics import file_extents, rows_within
from pilothouse.deployments.prediction_log.segment_rows import LABELS, PREDICTIONS, tables

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Extent = tuple[Any, Any]
TIMES = ["event_at", "received_at"]


@dataclass(frozen=True)
class FileTimes:
    """The first and the last event time, and time of receipt, of a file; None where unknown."""

    events: Extent | None
    received: Extent | None


def prediction_times(
    workspace: Path,
    deployment: str,
    is_needed: Callable[[FileTimes], bool],
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[pa.Table]:
    """Event times and times of receipt of predictions, of the files that are needed.

    Those of the journal, which is small, come always. A prediction that was sent twice comes twice.
    Raises FileNotFoundError when files were merged meanwhile: begin again.
    """
    query = log.LogQuery(start, end, TIMES)
    yield from _live(workspace, deployment, PREDICTIONS, query)
    for path in log.parquet_files(log.tree_folder(workspace, PREDICTIONS, deployment), start, end):
        if is_needed(file_times(path)):
            yield from log.readable_tables([path], PREDICTIONS, query)


def predictions_at_most(
    workspace: Path, deployment: str, start: datetime | None, end: datetime | None
) -> int:
    """How many predictions happened between two instants at most, without reading their files.

    Raises FileNotFoundError when files were merged meanwhile: begin again.
    """
    query = log.LogQuery(start, end, TIMES)
    count: int = sum(table.num_rows for table in _live(workspace, deployment, PREDICTIONS, query))
    for path in log.parquet_files(log.tree_folder(workspace, PREDICTIONS, deployment), start, end):
        count += rows_within(path, query.ranges(PREDICTIONS))
    return count


def labels_since(workspace: Path, deployment: str, since: datetime | None) -> Iterator[pa.Table]:
    """The ids of labels and when they were received, of those received after an instant.

    Raises FileNotFoundError when files were merged meanwhile: begin again.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    query = log.LogQuery(columns=["prediction_id", "received_at"])
    for table in _with_news(workspace, deployment, since, query):
        if since is not None and table.num_rows:
            column = table["received_at"]
            table = table.filter(pc.greater(column, pa.scalar(since, column.type)))
        if table.num_rows:
            yield table


def _with_news(
    workspace: Path, deployment: str, since: datetime | None, query: log.LogQuery
) -> Iterator[pa.Table]:
    yield from _live(workspace, deployment, LABELS, query)
    for path in log.parquet_files(log.tree_folder(workspace, LABELS, deployment)):
        received = file_times(path).received
        if since is None or received is None or received[1] > since:
            yield from log.readable_tables([path], LABELS, query)


def event_times(workspace: Path, deployment: str, ids: pd.Series[str]) -> pd.Series[Any]:
    """The event times of some predictions by id.

    The files of the newest events are read first, and no more than are needed: of an id that was
    sent with several event times, it may be any of them.
    """
    import pandas as pd

    query = log.LogQuery(columns=["prediction_id", *TIMES], ids=ids)
    files = log.parquet_files(log.tree_folder(workspace, PREDICTIONS, deployment))
    parts = [query.of_ids(table) for table in _live(workspace, deployment, PREDICTIONS, query)]
    missing = set(ids) - _ids_of(parts)
    for path in reversed(files):
        if not missing:
            break
        matching = log.readable_tables([path], PREDICTIONS, query)
        parts += matching
        missing -= _ids_of(matching)
    parts = [part for part in parts if part.num_rows]
    if not parts:
        return pd.Series([], index=pd.Index([], name="prediction_id"), dtype="datetime64[ms, UTC]")
    frame: pd.DataFrame = log.joined(parts).to_pandas().sort_values("received_at", kind="stable")
    return frame.drop_duplicates("prediction_id").set_index("prediction_id")["event_at"]


def _ids_of(parts: list[pa.Table]) -> set[str]:
    return {word for part in parts for word in part["prediction_id"].to_pylist()}


def file_times(path: Path) -> FileTimes:
    """What the footer of a file says. Raises FileNotFoundError when it was merged meanwhile."""
    extents = file_extents(path)
    return FileTimes(extents.get("event_at"), extents.get("received_at"))


def _live(workspace: Path, deployment: str, tree: str, query: log.LogQuery) -> Iterator[pa.Table]:
    for segment in journal.segments(log.journal_folder(workspace, deployment)):
        for table in tables(segment, tree):
            yield table.select([c for c in query.columns or () if c in table.column_names])
