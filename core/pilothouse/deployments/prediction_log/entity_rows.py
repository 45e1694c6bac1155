"""The rows of one entity in a deployment's log: where they are, and their removal.

An entity is known by keyed hashes only (see `column_hashes`), so that neither a job nor a
certificate holds what was to be forgotten. Rewards are blanked where they are, as the server
appends to their file meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pilothouse.deployments.prediction_log import damage, feedback_log, journal, log
from pilothouse.deployments.prediction_log.column_hashes import value_hash
from pilothouse.deployments.prediction_log.row_removal import FileRemoval, file_removal
from pilothouse.deployments.prediction_log.segment_rows import tables
from pilothouse.deployments.prediction_log.stored_columns import feature_column, hashed_column

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class EntitySelection:
    """Rows whose input `column` has one of some values, by their hashes; without one, by id."""

    column: str
    hashes: frozenset[str]
    key: bytes

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return value_hash(self.key, value) in self.hashes


@dataclass(frozen=True)
class RewardLine:
    """Where the line of a reward is in its file."""

    path: Path
    start: int
    length: int


@dataclass(frozen=True)
class EntityRows:
    """The rows of an entity: what to remove of files, its rewards, and files nobody could search.

    `ids` are those of its predictions. `waiting` is how many predictions are in the journal yet,
    and not in files.
    """

    removals: tuple[FileRemoval, ...]
    rewards: tuple[RewardLine, ...]
    unsearched: tuple[str, ...]
    ids: frozenset[str]
    waiting: int


def find_rows(workspace: Path, deployment: str, selection: EntitySelection) -> EntityRows:
    """The rows of an entity in files and in the journal.

    Raises FileNotFoundError when files were merged meanwhile: begin again, or hold the lock.
    """
    ids: set[str] = set()
    unsearched = [part.path for part in damage.listing(workspace, deployment)]
    columns = ["prediction_id"]
    if selection.column:
        columns += [feature_column(selection.column), hashed_column(selection.column)]
    for _, table in _files(workspace, deployment, log.PREDICTIONS, columns, unsearched):
        ids |= _ids(table, selection)
    waiting = _waiting(workspace, deployment, selection)
    removals = [
        *_removals(workspace, deployment, log.PREDICTIONS, selection, ids),
        *_removals(workspace, deployment, log.LABELS, selection, ids | waiting),
    ]
    rewards = tuple(_rewards(workspace, deployment, selection, ids | waiting))
    return EntityRows(
        tuple(removals), rewards, tuple(sorted(unsearched)), frozenset(ids), len(waiting - ids)
    )


def blank_rewards(lines: Iterable[RewardLine]) -> None:
    """Write spaces over the lines of rewards."""
    for line in lines:
        descriptor = os.open(line.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, b" " * line.length, line.start)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_segments(workspace: Path, deployment: str) -> set[str]:
    """The ids of the segments that a server still writes to."""
    folder = log.journal_folder(workspace, deployment)
    sealed = set(journal.sealed(folder))
    return {path.name.split(".", 1)[0] for path in journal.paths(folder) if path not in sealed}


def digest_of(path: Path) -> str | None:
    """The SHA-256 of a file; None when it is gone."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _files(
    workspace: Path,
    deployment: str,
    tree: str,
    columns: list[str],
    unsearched: list[str],
) -> Iterator[tuple[Path, pa.Table]]:
    for path in log.parquet_files(log.tree_folder(workspace, tree, deployment)):
        try:
            yield path, log.checked_parquet(path, tree, columns)
        except log.DamagedFile:
            unsearched.append(str(path.relative_to(workspace)))


def _ids(table: pa.Table, selection: EntitySelection) -> set[str]:
    """The ids of the entity's predictions in a table."""
    ids = table["prediction_id"].to_pylist()
    if not selection.column:
        return {word for word in ids if selection.holds(word)}
    matching: set[str] = set()
    column = feature_column(selection.column)
    if column in table.column_names:
        values = table[column].to_pylist()
        own = {value for value in set(values) if selection.holds(value)}
        matching |= {word for word, value in zip(ids, values, strict=True) if value in own}
    column = hashed_column(selection.column)
    if column in table.column_names:
        hashes = table[column].to_pylist()
        matching |= {w for w, value in zip(ids, hashes, strict=True) if value in selection.hashes}
    return matching


def _waiting(workspace: Path, deployment: str, selection: EntitySelection) -> set[str]:
    ids: set[str] = set()
    for segment in journal.segments(log.journal_folder(workspace, deployment)):
        for table in tables(segment, log.PREDICTIONS):
            ids |= _ids(table, selection)
    return ids


def _removals(
    workspace: Path, deployment: str, tree: str, selection: EntitySelection, ids: set[str]
) -> Iterator[FileRemoval]:
    import pyarrow as pa
    import pyarrow.compute as pc

    of_entity = pa.array(sorted(ids), pa.string())
    for path, table in _files(workspace, deployment, tree, ["prediction_id"], []):
        column = table["prediction_id"].cast(pa.string())
        is_removed = pc.is_in(column, of_entity)
        if not selection.column and tree == log.LABELS:  # also of ids that nobody predicted
            others = [word for word in column.to_pylist() if selection.holds(word)]
            is_removed = pc.or_(is_removed, pc.is_in(column, pa.array(others, pa.string())))
        removal = file_removal(path, tree, is_removed)
        if removal is not None:
            yield removal


def _rewards(
    workspace: Path, deployment: str, selection: EntitySelection, ids: set[str]
) -> Iterator[RewardLine]:
    folder = feedback_log.feedback_folder(workspace, deployment)
    for path in sorted(folder.glob(f"*{feedback_log.SUFFIX}")):
        start = 0
        for line in path.read_bytes().split(b"\n"):
            if line and _is_of(line, selection, ids):
                yield RewardLine(path, start, len(line))
            start += len(line) + 1


def _is_of(line: bytes, selection: EntitySelection, ids: set[str]) -> bool:
    try:
        reward = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if "id" in reward:
        is_named = not selection.column and selection.holds(reward["id"])
        return is_named or reward["id"] in ids
    return bool(selection.column) and selection.holds(reward.get("entity"))
