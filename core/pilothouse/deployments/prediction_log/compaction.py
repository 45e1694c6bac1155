"""Compaction: sealed journal segments become Parquet, small files of a date become one.

    python -m pilothouse.deployments.prediction_log.compaction <workspace>

It may be killed at any point and run again: files are named after their segment and renamed into
place whole, and a segment is removed only when all its files are on the disk. Segments and dates
are independent: damaged parts are set aside, those that the disk refuses wait for the next run.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pilothouse.deployments.prediction_log import damage, id_index, journal, log, segment_rows
from pilothouse.deployments.prediction_log.stored_columns import MARK

if TYPE_CHECKING:
    import pyarrow as pa

MERGE_FROM = 24
ROWS_PER_GROUP = 65_536  # readers of an hour leave out parts of a day's file
MAX_DATES = 31  # of one segment; more become one file together
MAX_FOLDERS = 4_000  # of dates, of one deployment's tree: eleven years
logger = logging.getLogger("pilothouse.compaction")
KEYS = {
    log.PREDICTIONS: ["prediction_id"],
    log.LABELS: ["prediction_id", "received_at"],
    log.REQUESTS: ["segment", "seq"],
}


@dataclass(frozen=True)
class CompactionResult:
    """The result of one run."""

    segments: int
    rows: int
    merged_files: int


def pending(workspace: Path) -> list[Path]:
    """The sealed segments that wait for compaction, in every deployment's journal."""
    return [p for folder in _journals(workspace) for p in journal.sealed(folder)]


def lock_file(workspace: Path) -> Path:
    """The lock that whoever writes files of the log holds."""
    lock = workspace / "run" / "compaction.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    return lock


def compact(workspace: Path) -> CompactionResult:
    """Compact every sealed segment and merge dates of many files.

    A lock allows one compactor per workspace; a second one returns at once.
    """
    try:
        with FileLock(lock_file(workspace), timeout=0):
            return compact_locked(workspace)
    except Timeout:
        return CompactionResult(0, 0, 0)


def compact_locked(workspace: Path) -> CompactionResult:
    """The same for a caller that holds the lock."""
    paths = pending(workspace)
    for folder in _journals(workspace):
        _try_index(workspace, folder.name)
    rows = [_try_segment(workspace, path) for path in paths]
    done = [count for count in rows if count is not None]
    return CompactionResult(len(done), sum(done), _merge_crowded(workspace))


def _try_index(workspace: Path, deployment: str) -> None:
    try:
        id_index.rebuild_missing(workspace, deployment)
    except OSError as refused:
        logger.warning(
            "the index of %s could not be built, trying again later: %s", deployment, refused
        )


def _journals(workspace: Path) -> list[Path]:
    root = workspace / "journal"
    return (
        sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
        if root.exists()
        else []
    )


def _try_segment(workspace: Path, path: Path) -> int | None:
    """The number of rows compacted; None after an error of the disk, with the segment in place."""
    try:
        return _compact_segment(workspace, path)
    except OSError as refused:
        logger.warning(
            "the journal segment %s could not be compacted, trying again later: %s", path, refused
        )
        return None


def _compact_segment(workspace: Path, path: Path) -> int:
    segment = journal.read(path)
    checked = segment_rows.check_lines(segment)
    if checked.damaged:
        damage.set_lines_aside(workspace, segment, checked.damaged)

    rows = 0
    for tree in log.TREES:
        parts = checked.tables[tree]
        if parts:
            table = log.joined(parts)
            rows += table.num_rows if tree == log.PREDICTIONS else 0
            folder = log.tree_folder(workspace, tree, path.parent.name)
            if tree == log.PREDICTIONS:
                ids = table["prediction_id"].to_pylist()
                id_index.add(workspace, path.parent.name, ids)
            for name, part in _partitions(table, log.DATED_BY[tree], folder):
                write_table(part, folder / name / f"{segment.id}.parquet")

    path.unlink()  # last: until here a kill loses nothing, and readers see the rows at least once
    return rows


def _partitions(table: pa.Table, column: str, folder: Path) -> Iterator[tuple[str, pa.Table]]:
    """A segment's rows by date, or all in one part when that would make too many files."""
    by_date = _by_date(table, column)
    dates = [day for day, _ in by_date]
    existing = {path.name for path in folder.glob(f"{log.DAY}*")}
    new = {f"{log.DAY}{day}" for day in dates} - existing
    if len(dates) > MAX_DATES or (new and len(existing) + len(new) > MAX_FOLDERS):
        return iter([(log.SCATTERED, table)])
    return ((f"{log.DAY}{day}", part) for day, part in by_date)


def _by_date(table: pa.Table, column: str) -> list[tuple[str, pa.Table]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    days = pc.cast(table[column], pa.timestamp("ms", "UTC"), safe=False).cast(pa.date32())
    return [
        (day.isoformat(), table.filter(pc.equal(days, pa.scalar(day, pa.date32()))))
        for day in sorted(pc.unique(days).to_pylist())[: MAX_DATES + 1]
    ]


def write_table(table: pa.Table, path: Path) -> None:
    """Write a file of the log and rename it into place, so that a kill leaves a whole one."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    with partial.open("wb") as out:
        pq.write_table(
            table.replace_schema_metadata(MARK),
            out,
            compression="zstd",
            row_group_size=ROWS_PER_GROUP,
        )
        out.flush()
        os.fsync(out.fileno())  # before the rename, or a crash may leave an empty file of that name
    partial.replace(path)


def _merge_crowded(workspace: Path) -> int:
    merged = 0
    for tree in log.TREES:
        for day in _partition_folders(workspace / tree):
            files = [path for path in sorted(day.glob("*.parquet")) if path.is_file()]
            if len(files) >= MERGE_FROM:
                merged += _try_merge(workspace, tree, files)
    return merged


def _partition_folders(tree: Path) -> Iterator[Path]:
    for day in tree.glob(f"*/{log.DAY}*"):
        if log.day_of(day) is not None:
            yield day
    yield from tree.glob(f"*/{log.SCATTERED}")


def _try_merge(workspace: Path, tree: str, files: list[Path]) -> int:
    """How many files of a date were merged; 0 after an error of the disk."""
    try:
        sound = [path for path in files if _is_sound(workspace, tree, path)]
        _merge(sound, KEYS[tree])
        return len(sound)
    except OSError as refused:
        logger.warning(
            "the files of %s could not be merged, trying again later: %s", files[0].parent, refused
        )
        return 0


def _is_sound(workspace: Path, tree: str, path: Path) -> bool:
    """Whether a file can be read; one that cannot is set aside."""
    try:
        log.checked_parquet(path, tree)
    except log.DamagedFile as damaged:
        damage.set_file_aside(workspace, path, str(damaged))
        return False
    return True


def _merge(files: list[Path], keys: list[str]) -> None:
    """Merge files into one.

    After a kill before the last file is removed, rows exist twice; readers and the next merge
    remove the duplicates by their keys.
    """
    import pyarrow as pa

    if len(files) < 2:
        return
    merged = log.joined([log.read_parquet(path) for path in files])
    repeated = merged.select(keys).to_pandas().duplicated(keep="first").to_numpy()
    first, last = files[0].stem.split(log.MERGED)[0], files[-1].stem.split(log.MERGED)[-1]
    target = files[0].with_name(f"{first}{log.MERGED}{last}.parquet")
    write_table(merged.filter(pa.array(~repeated)), target)
    for path in files:
        if path != target:
            path.unlink()


if __name__ == "__main__":
    compact(Path(sys.argv[1]))
