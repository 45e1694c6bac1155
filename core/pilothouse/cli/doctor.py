"""`pilothouse doctor`: is this workspace sound?"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse import __version__
from pilothouse.cli.options import (
    json_option,
    require_workspace,
    settings_of,
    to_json,
    workspace_option,
)
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.processes import find

if TYPE_CHECKING:
    from pilothouse.storage import Store

PACKAGES = (
    "streamlit",
    "plotly",
    "pandas",
    "scikit-learn",
    "sqlmodel",
    "evidently",
    "joblib",
    "dbos",
)


@click.command()
@workspace_option
@json_option
def doctor(workspace: Path | None, as_json: bool) -> None:
    """Check database, schema, activity chain, artifacts and processes; exit 1 when one is wrong."""
    report = examine(workspace)
    if as_json:
        click.echo(to_json(report))
    else:
        for name, check in report["checks"].items():
            click.echo(f"{'ok  ' if check['ok'] else 'BAD '} {name}: {check['words']}")
    sys.exit(0 if report["ok"] else 1)


def examine(workspace: Path | None) -> dict[str, Any]:
    """Every check's verdict and words, and the versions in use; nothing is changed."""
    from pilothouse.storage import open_store

    settings = settings_of(workspace)
    checks: dict[str, Any] = {}
    try:
        require_workspace(settings)
        store = open_store(settings)
    except PilothouseError as broken:
        checks["database"] = _verdict(False, str(broken))
    else:
        checks = _checked(store)
        store.engine.dispose()
    return {
        "ok": all(check["ok"] for check in checks.values()),
        "workspace": str(settings.folder),
        "checks": checks,
        "versions": _versions(),
    }


def _checked(store: Store) -> dict[str, Any]:
    """Each check's verdict; the rest cannot be asked of a database that is broken or unknown."""
    checks: dict[str, Any] = {}
    for name, check in CHECKS.items():
        checks[name] = _guarded(check, store)
        if not checks[name]["ok"] and name in ("database", "schema"):
            break
    return checks


def _guarded(check: Any, store: Store) -> dict[str, Any]:
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        found: dict[str, Any] = check(store)
    except DBAPIError as broken:
        return _verdict(False, f"{broken.orig}")
    except (PilothouseError, SQLAlchemyError, sqlite3.Error, OSError) as broken:
        return _verdict(False, str(broken))
    return found


def _database(store: Store) -> dict[str, Any]:
    from sqlalchemy import text

    if not store.is_sqlite:
        with store.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return _verdict(True, store.engine.dialect.name)
    with store.engine.connect() as connection:
        words = str(connection.execute(text("PRAGMA quick_check")).scalar())
        mode = str(connection.execute(text("PRAGMA journal_mode")).scalar())
    return _verdict(words == "ok", f"quick_check {words}, journal {mode}")


def _workflows(store: Store) -> dict[str, Any]:
    """The database in which the engine of durable work keeps its own books."""
    file = store.folder / "workflows.db"
    if store.settings.database_url or not file.exists():
        return _verdict(True, "kept with the rest" if store.settings.database_url else "none yet")
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as books:
        words = str(books.execute("PRAGMA quick_check").fetchone()[0])
    return _verdict(words == "ok", f"quick_check {words}")


def _schema(store: Store) -> dict[str, Any]:
    from pilothouse.storage.migrate import schema_state

    state = schema_state(store)
    words = f"revision {state.revision}, this program speaks {state.head}"
    return _verdict(state.current, words)


def _activity(store: Store) -> dict[str, Any]:
    from pilothouse.activity import verify

    with store.read() as session:
        chain = verify(session)
    return _verdict(chain.intact, chain.words)


def _artifacts(store: Store) -> dict[str, Any]:
    """Every artifact that is kept hashes to its name, and every one that is named is kept."""
    bad, count = [], 0
    for digest in store.artifacts.digests():
        count += 1
        try:
            store.artifacts.local_path(digest)
        except PilothouseError:
            bad.append(digest)
    missing = sorted(_named(store) - set(store.artifacts.digests()))
    words = f"{count} artifacts, {len(bad)} damaged, {len(missing)} missing"
    return _verdict(not bad and not missing, words, damaged=bad, missing=missing)


def _named(store: Store) -> set[str]:
    """Every digest that a row of any table names."""
    from sqlalchemy import select

    import pilothouse.workspace.tables  # noqa: F401  # every room's tables
    from pilothouse.storage import Table

    found: set[str] = set()
    with store.read() as session:
        for table in Table.metadata.sorted_tables:
            for column in table.columns:
                if column.name == "digest" or column.name.endswith("_digest"):
                    query = select(column).where(column.is_not(None), column != "").distinct()
                    found |= {row[0] for row in session.execute(query)}
    return found


def _processes(store: Store) -> dict[str, Any]:
    running = {name: find(store.run_folder, name) for name in ("app", "server", "worker")}
    words = ", ".join(f"{n} {'runs' if a else 'does not run'}" for n, a in running.items())
    pids = {name: address.pid if address else None for name, address in running.items()}
    return _verdict(True, words, pids=pids)


def _verdict(ok: bool, words: str, **more: Any) -> dict[str, Any]:
    return {"ok": ok, "words": words, **more}


def _versions() -> dict[str, str]:
    found = {"pilothouse": __version__, "python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


CHECKS = {
    "database": _database,
    "schema": _schema,
    "workflows": _workflows,
    "activity": _activity,
    "artifacts": _artifacts,
    "processes": _processes,
}
