"""The place that an archive is imported to: a new folder, or an empty workspace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from sqlalchemy import MetaData, inspect, text
from sqlmodel import Session

from pilothouse.interop.archives.archive_contents import ARTIFACTS, FOLDERS
from pilothouse.interop.archives.inserting import VERSION_TABLE
from pilothouse.kit.clock import Clock
from pilothouse.kit.errors import Conflict, Unavailable
from pilothouse.kit.folders import DATABASE_NAME, PRIVATE_FOLDER
from pilothouse.kit.processes import find
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, Table, open_store

PROCESSES = ("app", "server", "worker")
UNFINISHED = "import.unfinished"  # lies in a folder that is filled before its rows are committed
HINT = "Give a folder that does not exist yet with --workspace."


class ImportTarget:
    """A workspace that is to be made of an archive; it appears when it is whole."""

    def __init__(self, settings: Settings, clock: Clock | None) -> None:
        self._settings, self._clock = settings, clock
        self.folder = settings.folder.resolve()

    @property
    def parent(self) -> Path:
        """A folder on the disk that the workspace is to be on; it exists."""
        return next(path for path in self.folder.parents if path.is_dir())

    def require_empty(self) -> None:
        """Raise Conflict when something is there that an import would have to overwrite."""
        running = [name for name in PROCESSES if find(self.folder / "run", name) is not None]
        if running:
            raise Conflict(
                f"the {running[0]} of {self.folder} is running.", hint="End it, or give another."
            )
        if self.folder.exists() and not (self.folder / UNFINISHED).exists():
            self._require_empty_folder()
        if self._settings.database_url:
            store = open_store(self._settings, self._clock)
            try:
                self._require_no_rows(store)
            finally:
                store.engine.dispose()

    @contextmanager
    def staged(self) -> Iterator[Store]:
        """The store to fill. When the block ends the workspace is there, or nothing of it is."""
        if self._settings.database_url:
            with self._in_place() as store:
                yield store
            return
        self._remove_abandoned()
        folder = self._staging(os.getpid())
        store = open_store(self._settings.model_copy(update={"workspace": folder}), self._clock)
        try:
            yield store
            store.engine.dispose()
            shutil.rmtree(folder / "run")
            self._show(folder)
        finally:
            store.engine.dispose()
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _in_place(self) -> Iterator[Store]:
        """The folder itself; until the rows are committed, a file in it says what it is."""
        if (self.folder / UNFINISHED).exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        (self.folder / UNFINISHED).touch()
        store = open_store(self._settings, self._clock)
        try:
            with FileLock(store.run_folder / "migrate.lock", timeout=0):
                self._drop_empty_tables(store)
                yield store
            (self.folder / UNFINISHED).unlink()
        except Timeout as held:
            raise Unavailable("another program has opened this workspace.", hint=HINT) from held
        finally:
            store.engine.dispose()

    def _require_empty_folder(self) -> None:
        if not self.folder.is_dir():
            raise Conflict(f"{self.folder} is a file.", hint=HINT)
        if not any(self.folder.iterdir()):
            return
        is_workspace = (self.folder / DATABASE_NAME).exists()
        if not is_workspace and not self._settings.database_url:
            raise Conflict(f"{self.folder} is not empty, and no workspace.", hint=HINT)
        for part in (ARTIFACTS, *FOLDERS[:-1]):
            if any((self.folder / part).glob("**/*")):
                raise Conflict(f"the workspace {self.folder} is not empty.", hint=HINT)
        if not self._settings.database_url:
            store = open_store(self._settings, self._clock)
            try:
                self._require_no_rows(store)
            finally:
                store.engine.dispose()

    def _require_no_rows(self, store: Store) -> None:
        with store.read() as session:
            if not inspect(session.connection()).has_table("activity_entry"):
                return
            if session.scalar(text("SELECT count(*) FROM activity_entry")):
                raise Conflict(
                    f"the workspace {self.folder} is not empty: its audit log has entries.",
                    hint=HINT,
                )

    def _drop_empty_tables(self, store: Store) -> None:
        """Remove the tables of an empty workspace: an archive may be of an older schema."""
        with store.write() as session:
            _drop_tables(session)

    def _show(self, staged: Path) -> None:
        """Give the staged folder its name, in one step when there is none of that name yet."""
        aside = None
        if self.folder.exists() and any(self.folder.iterdir()):
            self.require_empty()
            aside = self.folder.with_name(f"{self.folder.name}.empty-{os.getpid()}")
            os.rename(self.folder, aside)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        os.rename(staged, self.folder)
        if aside is not None:
            shutil.rmtree(aside)

    def _staging(self, pid: int) -> Path:
        return self.parent / f".{self.folder.name}.importing-{pid}"

    def _remove_abandoned(self) -> None:
        """Remove what imports have left that were killed."""
        start = self._staging(0).name.removesuffix("0")
        for path in self.parent.iterdir():
            pid = path.name.removeprefix(start)
            if path.name.startswith(start) and pid.isdigit() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(path)


def _drop_tables(session: Session) -> None:
    connection = session.connection()
    present = MetaData()
    names = {VERSION_TABLE, *Table.metadata.tables}
    present.reflect(connection, only=lambda name, _metadata: name in names)
    present.drop_all(connection)
