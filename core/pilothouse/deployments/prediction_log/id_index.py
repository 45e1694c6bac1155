"""An index of a deployment's prediction ids, for the server to test ids of labels quickly.

    <workspace>/index/<deployment>.db

It holds a 64-bit hash of each id in the Parquet files, and of those that were sent more than once
(see `repeated_ids`); ids in journals are read from there. It is
derived data: compaction adds to it, and rebuilds it from the Parquet files when it is missing.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import orjson

from pilothouse.deployments.prediction_log import journal, log
from pilothouse.deployments.prediction_log.repeated_ids import (
    IDS_PER_QUERY,
    add_ids,
    index_file,
    is_complete,
    key_of,
    opened,
)

logger = logging.getLogger("pilothouse.index")
IDS, IDS_END = b',"ids":[', b"],"


def add(workspace: Path, deployment: str, ids: Iterable[str]) -> None:
    """Add the ids of a compacted segment."""
    path = index_file(workspace, deployment)
    try:
        with opened(path) as connection:
            add_ids(connection, ids)
    except sqlite3.DatabaseError as broken:
        logger.warning("the index %s is damaged and will be rebuilt: %s", path, broken)
        path.unlink(missing_ok=True)


def remove(workspace: Path, deployment: str, ids: Iterable[str]) -> None:
    """Remove the ids of rows that are erased; one that is sent again is logged again."""
    path = index_file(workspace, deployment)
    if not path.exists():
        return
    keys = [(key_of(word),) for word in ids]
    try:
        with opened(path) as connection, connection:
            for table in ("predicted", "repeated"):
                connection.executemany(f"DELETE FROM {table} WHERE id = ?", keys)
    except sqlite3.DatabaseError as broken:
        logger.warning("the index %s is damaged and will be rebuilt: %s", path, broken)
        path.unlink(missing_ok=True)


def rebuild_missing(workspace: Path, deployment: str) -> None:
    """Build the index from the Parquet files, unless it exists and is of the present version."""
    path = index_file(workspace, deployment)
    if path.exists() and is_complete(path):
        return

    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)

    folder = log.tree_folder(workspace, log.PREDICTIONS, deployment)
    with opened(partial) as connection:
        for file in log.parquet_files(folder):
            try:
                table = log.checked_parquet(file, log.PREDICTIONS, ["prediction_id"])
            except (log.DamagedFile, FileNotFoundError):
                continue
            add_ids(connection, table["prediction_id"].to_pylist())

    partial.replace(path)


def count_unknown(workspace: Path, deployment: str, ids: Sequence[str]) -> int | None:
    """How many of some ids have no prediction; None while the index is being built."""
    unknown = unknown_ids(workspace, deployment, ids)
    return None if unknown is None else len(unknown)


def unknown_ids(workspace: Path, deployment: str, ids: Sequence[str]) -> set[str] | None:
    """Those of some ids that have no prediction; None while the index is being built.

    The index is read before and after the journals: compaction moves ids from journals to the
    index, and an id must not be missed in between.
    """
    missing = _not_indexed(workspace, deployment, set(ids))
    if missing:
        missing -= _in_journal(workspace, deployment, missing)
    if missing:  # compacted meanwhile?
        missing = _not_indexed(workspace, deployment, missing)
    complete = index_file(workspace, deployment).exists() or not any(
        log.tree_folder(workspace, log.PREDICTIONS, deployment).glob("*/*.parquet")
    )
    return missing if complete or not missing else None


def _not_indexed(workspace: Path, deployment: str, ids: set[str]) -> set[str]:
    path = index_file(workspace, deployment)
    if not path.exists():
        return set(ids)

    keys = {key_of(word): word for word in ids}
    indexed: set[int] = set()
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            for part in _parts(list(keys)):
                marks = ",".join("?" * len(part))
                query = f"SELECT id FROM predicted WHERE id IN ({marks})"
                indexed.update(row[0] for row in connection.execute(query, part))
    except sqlite3.DatabaseError as broken:
        logger.warning("the index %s cannot be read: %s", path, broken)

    return {word for key, word in keys.items() if key not in indexed}


def _in_journal(workspace: Path, deployment: str, ids: set[str]) -> set[str]:
    """Those of some ids that the journal holds. Only the list of ids of each line is parsed."""
    present: set[str] = set()
    for segment in journal.segments(log.journal_folder(workspace, deployment)):
        for line in segment.lines:
            if journal.kind_of(line) == "q":
                present.update(ids.intersection(_ids_of(line)))
    return present


def _ids_of(line: bytes) -> list[str]:
    start = line.find(IDS)
    end = line.find(IDS_END, start)
    if start < 0 or end < 0:
        return []
    try:
        ids: list[str] = orjson.loads(line[start + len(IDS) - 1 : end + 1])
    except orjson.JSONDecodeError:  # an id has a bracket in it, or the line is damaged
        try:
            ids = orjson.loads(line)["q"]["ids"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return []
    return [word for word in ids if isinstance(word, str)]


def _parts(keys: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(keys), IDS_PER_QUERY):
        yield keys[start : start + IDS_PER_QUERY]
