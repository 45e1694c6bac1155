"""The schema moves by Alembic, inside the package, under a lock, when a workspace is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from sqlalchemy import inspect, text
from sqlmodel import Session

from pilothouse.kit.errors import Refused, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection

    from pilothouse.storage.store import Store

HEAD = "0086"
SCRIPTS = Path(__file__).parent / "migrations"
LOCK_SECONDS = 60


@dataclass(frozen=True)
class SchemaState:
    """The revision a database has and the one this program speaks."""

    revision: str | None
    head: str

    @property
    def current(self) -> bool:
        """Whether nothing is to be done."""
        return self.revision == self.head


def schema_state(store: Store) -> SchemaState:
    """The revision of the workspace's database beside this program's."""
    with store.engine.connect() as connection:
        return SchemaState(_revision(connection), HEAD)


AfterUpgrade = Callable[[Session], None]


def migrate(store: Store, after_upgrade: AfterUpgrade = lambda _: None) -> None:
    """Bring the schema to this program's revision.

    `after_upgrade` is called in the same transaction when a schema that had rows was changed.

    Raises Refused when the schema is newer, Unavailable when another program holds the lock.
    """
    if schema_state(store).current:
        return
    try:
        with FileLock(store.run_folder / "migrate.lock", timeout=LOCK_SECONDS):
            _upgrade(store, after_upgrade)
    except Timeout as held:
        raise Unavailable(
            "another program has been migrating this workspace for over a minute.",
            hint="Wait for it, or end it and try again.",
        ) from held


def _upgrade(store: Store, after_upgrade: AfterUpgrade) -> None:
    state = schema_state(store)
    if state.current:
        return
    if state.revision is not None and state.revision not in _known_revisions():
        raise Refused(
            f"this workspace has schema {state.revision}; this program knows up to {HEAD}.",
            hint="Open it with the newer Pilothouse that wrote it.",
        )
    with store.write(durable=True) as session:
        upgrade_to(session, "head")
        if state.revision is not None:
            after_upgrade(session)


def upgrade_to(session: Session, revision: str) -> None:
    """Bring the schema to a revision in the caller's transaction; that of a new database from none.

    Raises Refused for a revision that this program does not know.
    """
    if revision not in ("head", *_known_revisions()):
        raise Refused(
            f"schema {revision} is not known; this program knows up to {HEAD}.",
            hint="Use the newer Pilothouse that wrote it.",
        )
    from alembic import command

    config = _config()
    config.attributes["connection"] = session.connection()
    command.upgrade(config, revision)


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
