"""Folders that are watched: what a training adds to one is imported while it still runs.

A look costs a `stat` of each file. An import is submitted as a job when something has changed, and
once more when nothing was written for a while, which gives runs without an end theirs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.activity.actors import SCHEDULE
from pilothouse.interop.importing.readers import readers
from pilothouse.interop.importing.sandbox import Sandbox
from pilothouse.interop.importing.sources import normalised
from pilothouse.interop.importing.still_written import QUIET_SECONDS
from pilothouse.interop.tables import WatchedFolder
from pilothouse.jobs import submit
from pilothouse.jobs.tables import ENDED, Job
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.storage import Store

KIND = "import_history"
EVERY_SECONDS, LEAST_SECONDS, MOST_SECONDS = 30, 5, 24 * 3600
MARGIN_SECONDS = 5.0  # a file is written a moment after the record in it was made
MAX_FILES = 100_000


@dataclass(frozen=True)
class WatchInfo:
    """A watched folder; `job` is its last import, `problem` why nothing is imported now."""

    folder: str
    tracker: str
    prefix: str
    every_seconds: int
    paused: bool
    problem: str
    job: str
    imported_at: datetime | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class WatchSpec:
    """What is imported from a watched folder, and how often it is looked at."""

    folder: str
    experiments: Sequence[str] = ()
    prefix: str = ""
    tracker: str = ""
    every_seconds: int = EVERY_SECONDS


def add(session: Session, store: Store, spec: WatchSpec) -> WatchInfo:
    """Watch a folder. Raises NotFound, Invalid for what is no folder, Conflict for one twice."""
    folder = normalised(spec.folder)
    if not Path(folder).is_dir():
        raise Invalid(
            f"{folder} is no folder, and only folders are watched.",
            hint="Give the folder that a training writes into.",
            fields={"source": "is no folder"},
        )
    if not LEAST_SECONDS <= spec.every_seconds <= MOST_SECONDS:
        limits = f"between {LEAST_SECONDS} and {MOST_SECONDS}"
        raise Invalid(f"every_seconds must be {limits}.", fields={"every_seconds": limits})
    if spec.tracker:
        readers.get(spec.tracker)
    if session.get(WatchedFolder, folder) is not None:
        raise Conflict(f"{folder} is watched already.")
    args = {"experiments": list(spec.experiments), "into": spec.prefix, "tracker": spec.tracker}
    row = WatchedFolder(
        folder=folder,
        args=args,
        every_seconds=spec.every_seconds,
        created_at=store.now(),
        created_by=store.actor,
    )
    session.add(row)
    session.flush()
    record(session, store, "watched", "folder", folder, after=args)
    return _info(row)


def listed(session: Session) -> list[WatchInfo]:
    """The watched folders, by path."""
    query = select(WatchedFolder).order_by(col(WatchedFolder.folder))
    return [_info(row) for row in session.exec(query)]


def switch(session: Session, store: Store, folder: str, *, enabled: bool, reason: str = "") -> None:
    """Pause or resume a watch. Raises NotFound."""
    row = _require(session, folder)
    if row.enabled == enabled:
        return
    row.enabled = enabled
    session.add(row)
    verb = "resumed watching" if enabled else "paused watching"
    record(session, store, verb, "folder", row.folder, reason=reason)


def remove(session: Session, store: Store, folder: str, reason: str = "") -> None:
    """Watch a folder no more; what was imported stays. Raises NotFound."""
    row = _require(session, folder)
    session.delete(row)
    record(session, store, "stopped watching", "folder", row.folder, reason=reason)


class FolderWatcher:
    """The part of the worker that looks at folders, each at its own pace."""

    def __init__(self, store: Store) -> None:
        self._store = store.acting_as(SCHEDULE)
        self._looked: dict[str, float] = {}

    def tick(self) -> list[str]:
        """Look at every folder that is due; the ids of the imports that were submitted."""
        with self._store.read() as session:
            query = select(WatchedFolder).where(col(WatchedFolder.enabled))
            rows = [(row.folder, row.every_seconds) for row in session.exec(query)]
        now, jobs = time.monotonic(), []
        for folder, every_seconds in rows:
            if now - self._looked.get(folder, float("-inf")) >= every_seconds:
                self._looked[folder] = now
                jobs += self.look(folder)
        return jobs

    def look(self, folder: str) -> list[str]:
        """Look at one folder; the import that was submitted, if anything in it has changed."""
        state, problem = _look(Path(folder))
        with self._store.read() as session:
            row = session.get(WatchedFolder, folder)
            if row is None or (row.state, row.problem) == (state, problem):
                return []
            tracker = str(row.args.get("tracker") or "")
        if not problem and not _is_recognised(folder, tracker):
            problem = "nothing of another tracker is in it yet"
        with self._store.write() as session:
            row = session.get(WatchedFolder, folder)
            if row is None or (row.state, row.problem) == (state, problem):
                return []
            if problem:
                row.problem = problem
                session.add(row)
                return []
            if is_under_way(session, folder):
                return []
            args = {"source": folder, "artifacts": "", **row.args}
            title = f"Import {'/'.join(Path(folder).parts[-2:])}"
            row.job = submit(session, self._store, KIND, args, title=title)
            row.state, row.problem, row.imported_at = state, "", self._store.now()
            session.add(row)
            return [row.job]


def is_under_way(session: Session, location: str) -> bool:
    """Whether an import of a source has not ended yet."""
    query = select(Job.args).where(Job.kind == KIND, col(Job.status).not_in(ENDED))
    return any(str(args.get("source", "")) == location for args in session.exec(query))


def _look(folder: Path) -> tuple[str, str]:
    """A digest of what lies in a folder and whether it is still written; or what is wrong."""
    digest, newest_s, files = hashlib.sha256(), 0.0, 0
    if not folder.is_dir():
        return "", "there is no such folder now"
    try:
        for entry in Sandbox(folder).files("", lambda _path, _why: None):
            line = f"{entry.path}\0{entry.size}\0{entry.modified_s}\n"
            digest.update(line.encode("utf-8", "surrogatepass"))
            newest_s, files = max(newest_s, entry.modified_s), files + 1
            if files > MAX_FILES:
                return "", f"it holds more than {MAX_FILES:,} files"
    except OSError as broken:
        return "", f"it cannot be read: {broken.strerror}"
    quiet = time.time() - newest_s > QUIET_SECONDS + MARGIN_SECONDS
    return f"{digest.hexdigest()[:32]} {'quiet' if quiet else 'written'}", ""


def _is_recognised(folder: str, tracker: str) -> bool:
    """Whether there is something to import; looking at names is enough for most trackers."""
    chosen = [readers.get(tracker)] if tracker else [reader for _, reader in readers.items()]
    try:
        return any(reader.recognises(folder) for reader in chosen)
    except OSError:
        return False


def _require(session: Session, folder: str) -> WatchedFolder:
    row = session.get(WatchedFolder, folder)
    if row is None:
        row = session.get(WatchedFolder, str(Path(folder).expanduser().resolve()))
    if row is None:
        raise NotFound(
            f"{folder} is not watched.", hint="`pilothouse import watches` lists those that are."
        )
    return row


def _info(row: WatchedFolder) -> WatchInfo:
    return WatchInfo(
        folder=row.folder,
        tracker=str(row.args.get("tracker") or ""),
        prefix=str(row.args.get("into") or ""),
        every_seconds=row.every_seconds,
        paused=not row.enabled,
        problem=row.problem,
        job=row.job,
        imported_at=row.imported_at,
        created_by=row.created_by,
        created_at=row.created_at,
    )
