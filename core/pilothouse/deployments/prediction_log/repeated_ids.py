"""Which prediction ids were sent more than once, from the index of a deployment's ids.

Without it, whether an id was received before could only be told by reading the ids of all files.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path

logger = logging.getLogger("pilothouse.index")
# An index of version 1 did not know which ids it was given more than once.
VERSION = 2
PREDICTED = "CREATE TABLE IF NOT EXISTS predicted (id INTEGER PRIMARY KEY) WITHOUT ROWID"
REPEATED = "CREATE TABLE IF NOT EXISTS repeated (id INTEGER PRIMARY KEY) WITHOUT ROWID"
ADDED = "CREATE TEMP TABLE added (id INTEGER)"
NOTE_REPEATED = """
INSERT OR IGNORE INTO repeated
SELECT id FROM added WHERE id IN (SELECT id FROM predicted)
UNION SELECT id FROM added GROUP BY id HAVING count(*) > 1
"""
IDS_PER_QUERY = 500


def index_file(workspace: Path, deployment: str) -> Path:
    """The index file of a deployment."""
    return workspace / "index" / f"{deployment}.db"


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """An index to write to; it is made when there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(PREDICTED)
        connection.execute(REPEATED)
        if is_new:
            connection.execute(f"PRAGMA user_version={VERSION}")
        yield connection


def add_ids(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Add ids of predictions, and note those that are there already, in one transaction."""
    with connection:
        connection.execute("DROP TABLE IF EXISTS temp.added")
        connection.execute(ADDED)
        connection.executemany("INSERT INTO added VALUES (?)", ((key_of(word),) for word in ids))
        connection.execute(NOTE_REPEATED)
        connection.execute("INSERT OR IGNORE INTO predicted SELECT id FROM added")


def is_complete(path: Path) -> bool:
    """Whether an index knows which ids were sent more than once."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            return version >= VERSION
    except sqlite3.DatabaseError:
        return False


def maybe_repeated(
    workspace: Path, deployment: str, ids: Sequence[str], live: set[str]
) -> set[str] | None:
    """Those of some ids that may have been sent more than once; None without a complete index.

    `live` are ids in the journal, which the index may not have yet: those that it has were sent
    more than once, or are just being compacted. Read the journal before.
    """
    path = index_file(workspace, deployment)
    if not path.exists() or not is_complete(path):
        return None
    try:
        again = _of_table(path, "repeated", ids)
        return again | _of_table(path, "predicted", [word for word in ids if word in live])
    except sqlite3.DatabaseError as broken:
        logger.warning("the index %s cannot be read: %s", path, broken)
        return None


def _of_table(path: Path, table: str, ids: Sequence[str]) -> set[str]:
    keys = {key_of(word): word for word in ids}
    present: set[str] = set()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        if table == "repeated" and not connection.execute("SELECT 1 FROM repeated").fetchone():
            return present
        every = list(keys)
        for first in range(0, len(every), IDS_PER_QUERY):
            part = every[first : first + IDS_PER_QUERY]
            marks = ",".join("?" * len(part))
            query = f"SELECT id FROM {table} WHERE id IN ({marks})"
            present.update(keys[row[0]] for row in connection.execute(query, part))
    return present


def key_of(word: str) -> int:
    """The 64-bit hash that stands for an id in the index."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big", signed=True)
