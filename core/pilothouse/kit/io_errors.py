"""Errors of the disk and the database as messages for people: full, read-only, damaged, missing.

Every edge (a command, a request, a screen, a job) asks here before it reports an unexpected error.
Errors are recognised by their numbers, so that no database driver is imported for it.
"""

from __future__ import annotations

import errno
import sqlite3

from pilothouse.kit.errors import Unavailable

DOCTOR = "`pilothouse doctor` says what is wrong with the workspace."
FULL = (
    "the disk is full.",
    "Free space on the disk of the workspace; until then nothing can be stored.",
)
READ_ONLY = (
    "the workspace cannot be written: its disk or its files are read-only.",
    "Mount the disk for writing, or give this user the right to write the workspace's folder.",
)
DAMAGED = ("the database is damaged.", f"Restore it from a backup. {DOCTOR}")
BROKEN = ("the disk failed to read or write.", f"Look at the disk itself. {DOCTOR}")
BUSY = ("another program holds the database.", "Try again; find the program if it stays so.")
GONE = ("the database cannot be opened.", f"Look whether the folder is still there. {DOCTOR}")
MANY = ("too many files are open.", "Raise the limit of open files (ulimit -n) and start again.")
DATABASE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_IOERR: BROKEN,
    sqlite3.SQLITE_CANTOPEN: GONE,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
}
DISK = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EIO: BROKEN,
    errno.EMFILE: MANY,
    errno.ENFILE: MANY,
}
PRIMARY = 0xFF  # SQLite's number without the details
MAX_DEPTH = 8


def to_unavailable(error: BaseException) -> Unavailable | None:
    """The state that an error of disk or database means; None for any other error."""
    cause: BaseException | None = error
    for _ in range(MAX_DEPTH):
        if cause is None:
            return None
        description = _describe(cause)
        if description is not None:
            message, hint = description
            return Unavailable(message, hint=hint)
        cause = getattr(cause, "orig", None) or cause.__cause__
    return None


def is_busy(error: BaseException) -> bool:
    """Whether a database refused only because another program holds it."""
    cause = getattr(error, "orig", None) or error
    number = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & PRIMARY
    return number in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _describe(error: BaseException) -> tuple[str, str] | None:
    if isinstance(error, sqlite3.Error):
        return DATABASE.get(getattr(error, "sqlite_errorcode", 0) & PRIMARY)
    if isinstance(error, OSError):
        return DISK.get(error.errno or 0)
    return None
