"""What DBOS asks of SQLite and an older one lacks."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

KNOWS_SUBSEC = (3, 42)


class Connection(sqlite3.Connection):
    """A connection that knows `unixepoch('subsec')`: the seconds since the epoch, with a fraction.

    DBOS uses it on Python 3.12 and newer, though Python may run on a system's older SQLite, such as
    Debian 12's; there it gives NULL, and DBOS cannot start.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.create_function("unixepoch", 1, lambda _subsec: time.time())


def engine_options(url: str) -> dict[str, Any]:
    """What SQLAlchemy's `create_engine` needs for a database of DBOS at this URL."""
    if not url.startswith("sqlite") or sqlite3.sqlite_version_info >= KNOWS_SUBSEC:
        return {}
    return {"connect_args": {"factory": Connection}}
