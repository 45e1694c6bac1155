"""Removes rows from the files of a prediction log: which ones, and then them.

A file is removed whole, or written anew without the rows and renamed into place: a kill leaves the
old file or the new one. Whoever removes rows holds the compaction lock, so that nothing else writes
files; readers that lose a file begin again. Times in a file only become fewer, so that what was
remembered of its footer still holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pilothouse.deployments.prediction_log import compaction, feedback_log, log
from pilothouse.deployments.prediction_log.parquet_statistics import ColumnRange, may_hold
from pilothouse.kit.errors import Unavailable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

LOCK_SECONDS = 300.0


@dataclass(frozen=True)
class LogCut:
    """Rows of events before `events` that were received before `received`."""

    events: datetime
    received: datetime


@dataclass(frozen=True)
class FileRemoval:
    """The rows to remove of a file: `keep` are the others, None when none is left."""

    path: Path
    tree: str
    removed: int
    keep: pa.Array | None


@dataclass(frozen=True)
class RemovedRows:
    """How many rows of each kind are removed, and of how many files."""

    predictions: int = 0
    labels: int = 0
    requests: int = 0
    files: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.predictions + self.labels + self.requests


@contextmanager
def exclusive(workspace: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Keep compaction, and others that remove rows, away. Raises Unavailable after `seconds`."""
    lock = compaction.lock_file(workspace)
    try:
        with FileLock(lock, timeout=seconds):
            yield
    except Timeout as busy:
        raise Unavailable(
            "the prediction log is being rewritten.", hint="Try again in a minute."
        ) from busy


def older_rows(workspace: Path, deployment: str, cut: LogCut) -> list[FileRemoval]:
    """What is older than a cut: predictions, requests, and labels whose prediction goes or is gone.

    Damaged files are left as they are.
    """
    return [removal for tree in log.TREES for removal in _older(workspace, deployment, tree, cut)]


def totals(removals: Iterable[FileRemoval]) -> RemovedRows:
    """How many rows of each kind some removals take away."""
    rows = dict.fromkeys(log.TREES, 0)
    files = 0
    for removal in removals:
        rows[removal.tree] += removal.removed
        files += 1
    return RemovedRows(**rows, files=files)


def remove(removals: Iterable[FileRemoval]) -> None:
    """Remove rows, file by file. Under the lock under which they were looked for."""
    for removal in removals:
        if removal.keep is None:
            removal.path.unlink(missing_ok=True)
            with suppress(OSError):  # other files are in it
                removal.path.parent.rmdir()
        else:
            table = log.checked_parquet(removal.path, removal.tree)
            compaction.write_table(table.filter(removal.keep), removal.path)


def remove_rewards(workspace: Path, deployment: str, before: date) -> None:
    """Remove the rewards that were received before a day."""
    folder = feedback_log.feedback_folder(workspace, deployment)
    for path in folder.glob(f"*{feedback_log.SUFFIX}"):
        if path.stem < before.isoformat():
            path.unlink(missing_ok=True)


def file_removal(path: Path, tree: str, is_removed: pa.ChunkedArray) -> FileRemoval | None:
    """The removal of the marked rows of a file; None when none is marked."""
    import pyarrow.compute as pc

    count = int(pc.sum(is_removed).as_py() or 0)
    if not count:
        return None
    keep = None if count == len(is_removed) else pc.invert(is_removed)
    return FileRemoval(path, tree, count, keep)


def _older(workspace: Path, deployment: str, tree: str, cut: LogCut) -> Iterator[FileRemoval]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for path, table in _candidates(workspace, deployment, tree, cut):
        old = _is_old(table, tree, cut)
        if tree == log.LABELS and pc.any(old).as_py():
            ids = table.filter(old)["prediction_id"].to_pandas()
            staying = pa.array(_with_prediction(workspace, deployment, ids, cut), pa.string())
            has_prediction = pc.is_in(table["prediction_id"].cast(pa.string()), staying)
            old = pc.and_(old, pc.invert(has_prediction))
        removal = file_removal(path, tree, old)
        if removal is not None:
            yield removal


def _candidates(
    workspace: Path, deployment: str, tree: str, cut: LogCut
) -> Iterator[tuple[Path, pa.Table]]:
    """The files that may have rows older than a cut, with their ids and times."""
    dated = log.DATED_BY[tree]
    ranges = [ColumnRange("received_at", None, cut.received)]
    if dated != "received_at":
        ranges.append(ColumnRange(dated, None, cut.events))
    columns = ["received_at", dated, *([] if tree == log.REQUESTS else ["prediction_id"])]
    folder = log.tree_folder(workspace, tree, deployment)
    for path in log.parquet_files(folder, end=max(cut.events, cut.received)):
        try:
            if may_hold(path, ranges):
                yield path, log.checked_parquet(path, tree, columns)
        except (log.DamagedFile, FileNotFoundError):
            continue


def _is_old(table: pa.Table, tree: str, cut: LogCut) -> Any:
    """Whether each row is older than the cut, by its event and by its receipt."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def is_before(column: str, at: datetime) -> Any:
        values = table[column].cast(pa.timestamp("us", "UTC"))
        limit = pa.scalar(at.astimezone(UTC), pa.timestamp("us", "UTC"))
        return pc.fill_null(pc.less(values, limit), fill_value=False)

    earliest = min(cut.events, cut.received)
    if tree == log.REQUESTS:
        return is_before("received_at", earliest)
    return pc.and_(
        is_before(log.DATED_BY[tree], cut.events), is_before("received_at", cut.received)
    )


def _with_prediction(
    workspace: Path, deployment: str, ids: pd.Series[str], cut: LogCut
) -> list[str]:
    """Those of some ids that have a prediction which stays."""
    import pyarrow.compute as pc

    columns = ["prediction_id", "event_at", "received_at"]
    query = log.LogQuery(columns=columns, ids=ids)
    table = log.union(workspace, deployment, log.PREDICTIONS, query)
    if table is None:
        return []
    staying = table.filter(pc.invert(_is_old(table, log.PREDICTIONS, cut)))
    result: list[str] = staying["prediction_id"].to_pylist()
    return result
