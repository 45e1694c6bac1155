"""Imports as screens, commands and notebooks use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pilothouse.data.uploads import FOLDER as UPLOADS
from pilothouse.interop.importing import importer as bring
from pilothouse.interop.importing import preview, uploaded_folders, watches
from pilothouse.interop.importing.preview import ImportPreview
from pilothouse.interop.importing.readers import readers
from pilothouse.interop.importing.report import ImportReport
from pilothouse.interop.importing.sources import normalised
from pilothouse.interop.importing.watches import KIND, WatchInfo
from pilothouse.jobs import submit
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.storage.service import Service


@dataclass(frozen=True)
class TrackerInfo:
    """A tracker that can be imported from; `accepts` says what to give."""

    title: str
    description: str
    accepts: str


class Imports(Service):
    """Importing experiments, runs and models from another tracker."""

    def preview(self, source: str, *, artifacts: str = "", tracker: str = "") -> ImportPreview:
        """What a folder, a database file or a server contains; nothing is written.

        `tracker` is one of `trackers`; without it, the source is recognised by what it contains.
        Raises NotFound, Invalid or Unavailable when it cannot be read.
        """
        return preview.preview(self._store, source, artifacts, tracker)

    def trackers(self) -> dict[str, TrackerInfo]:
        """The trackers whose histories can be imported, by the name that a plugin gave them."""
        return {
            name: TrackerInfo(reader.title, reader.description, reader.accepts)
            for name, reader in readers.items()
        }

    def upload(self, files: Mapping[str, bytes]) -> str:
        """Keep the files of a folder, by their paths in it, or one archive of a folder; its path.

        A zip or tar archive is unpacked within limits. It is kept for a week. Raises Invalid.
        """
        return uploaded_folders.keep(self._store, files)

    def run(
        self,
        source: str,
        *,
        experiments: Sequence[str] = (),
        prefix: str = "",
        artifacts: str = "",
        tracker: str = "",
        on_progress: Callable[[float, str], None] = lambda _share, _message: None,
    ) -> ImportReport:
        """Import now, in this process; `on_progress` gets the share done and what comes next.

        `tracker` is one of `trackers`; without it, the source is recognised by what it contains.
        Raises NotFound, Invalid or Unavailable when the source cannot be read.
        """
        return bring.run_import(
            self._store,
            source,
            experiments=experiments,
            prefix=prefix,
            artifacts=artifacts,
            tracker=tracker,
            on_progress=on_progress,
        )

    def start(
        self,
        source: str,
        *,
        experiments: Sequence[str] = (),
        prefix: str = "",
        artifacts: str = "",
        tracker: str = "",
    ) -> str:
        """Submit the import as a job and return the job's id.

        Raises NotFound or Invalid when this is not a source, Conflict while it is being imported.
        """
        if tracker:
            readers.get(tracker)
        location = normalised(source)
        args = {
            "source": location,
            "experiments": list(experiments),
            "into": prefix,
            "tracker": tracker,
            "artifacts": str(Path(artifacts).expanduser().resolve()) if artifacts else "",
        }
        with self._store.write() as session:
            if watches.is_under_way(session, location):
                raise Conflict(f"{location} is being imported already.")
            return submit(session, self._store, KIND, args, title=f"Import {_short(location)}")

    def watch(
        self,
        folder: str,
        *,
        experiments: Sequence[str] = (),
        prefix: str = "",
        tracker: str = "",
        every_seconds: int = watches.EVERY_SECONDS,
    ) -> WatchInfo:
        """Watch a folder: the worker imports what is new in it, also of runs that go on.

        Raises NotFound, Invalid for what is no folder, Conflict when it is watched already.
        """
        spec = watches.WatchSpec(folder, experiments, prefix, tracker, every_seconds)
        with self._store.write() as session:
            return watches.add(session, self._store, spec)

    def watches(self) -> list[WatchInfo]:
        """The watched folders, by path."""
        with self._store.read() as session:
            return watches.listed(session)

    def pause_watch(self, folder: str, reason: str = "") -> None:
        """Look at a watched folder no more until it is resumed. Raises NotFound."""
        with self._store.write() as session:
            watches.switch(session, self._store, folder, enabled=False, reason=reason)

    def resume_watch(self, folder: str, reason: str = "") -> None:
        """Look at a paused folder again; what was added meanwhile is imported. Raises NotFound."""
        with self._store.write() as session:
            watches.switch(session, self._store, folder, enabled=True, reason=reason)

    def remove_watch(self, folder: str, reason: str = "") -> None:
        """Watch a folder no more; what was imported stays. Raises NotFound."""
        with self._store.write() as session:
            watches.remove(session, self._store, folder, reason)

    def report(self, job: str) -> ImportReport:
        """The report of an import. Raises NotFound for another job, Conflict until it has ended."""
        with self._store.read() as session:
            row = session.get(Job, job)
        if row is None or row.kind != KIND:
            raise NotFound(f"no import is the job {job!r}.")
        if row.result is None:
            raise Conflict(f"the import is {row.status}: there is no report of it.")
        return ImportReport.from_json(row.result)


def _short(location: str) -> str:
    """The end of a path, or the host of an address, for a job's title."""
    if location.startswith(("http:", "https:")):
        return urlsplit(location).netloc
    parts = Path(location).parts
    if UPLOADS in parts[-3:]:
        return "/".join(parts[parts.index(UPLOADS) + 2 :]) or "an upload"
    return "/".join(parts[-2:])
