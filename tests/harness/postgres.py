"""A PostgreSQL that tests start under an ordinary user, and that lasts no longer than they do."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ORDINARY = ("postgres", "nobody")
OPTIONS = "-c listen_addresses='' -c fsync=off -k {folder}"


def why_not() -> str:
    """What is missing here to start one; empty when nothing is."""
    if _program("initdb") is None or _program("pg_ctl") is None:
        return "PostgreSQL's initdb and pg_ctl are missing"
    if os.geteuid() == 0 and _ordinary_user() is None:
        return "there is no ordinary user to run PostgreSQL"
    return ""


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a database, for as long as the block lasts; ask `why_not` first."""
    initdb, pg_ctl = str(_program("initdb")), str(_program("pg_ctl"))
    user = _ordinary_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path may not be long
    if user is not None:
        shutil.chown(folder, user)

    def run(*command: str) -> None:
        subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    data = str(folder / "data")
    run(initdb, "-D", data, "-U", "pilothouse", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = OPTIONS.format(folder=folder)
    run(pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://pilothouse@/postgres?host={folder}"
    finally:
        run(pg_ctl, "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _program(name: str) -> str | None:
    """A program of PostgreSQL, from the path or from where Debian keeps it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(debian[-1]) if debian else None)


def _ordinary_user() -> str | None:
    """Whom to become, since PostgreSQL refuses to run as root."""
    users = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ORDINARY if name in users), None)
