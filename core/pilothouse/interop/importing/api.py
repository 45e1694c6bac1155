"""Imports as screens, commands and notebooks use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from pilothouse.interop.importing import importer as bring
from pilothouse.interop.importing import preview
from pilothouse.interop.importing.preview import ImportPreview
from pilothouse.interop.importing.readers import readers
from pilothouse.interop.importing.report import ImportReport
from pilothouse.interop.importing.sources import normalised
from pilothouse.jobs import submit
from pilothouse.jobs.tables import ENDED, Job
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.storage.service import Service

KIND = "import_history"


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
            if _is_under_way(session, location):
                raise Conflict(f"{location} is being imported already.")
            return submit(session, self._store, KIND, args, title=f"Import {_short(location)}")

    def report(self, job: str) -> ImportReport:
        """The report of an import. Raises NotFound for another job, Conflict until it has ended."""
        with self._store.read() as session:
            row = session.get(Job, job)
        if row is None or row.kind != KIND:
            raise NotFound(f"no import is the job {job!r}.")
        if row.result is None:
            raise Conflict(f"the import is {row.status}: there is no report of it.")
        return ImportReport.from_json(row.result)


def _is_under_way(session: Session, location: str) -> bool:
    query = select(Job.args).where(Job.kind == KIND, col(Job.status).not_in(ENDED))
    return any(_source(args) == location for args in session.exec(query))


def _source(args: Mapping[str, Any]) -> str:
    return str(args.get("source", ""))


def _short(location: str) -> str:
    """The end of a path, or the host of an address, for a job's title."""
    if location.startswith(("http:", "https:")):
        return urlsplit(location).netloc
    return "/".join(Path(location).parts[-2:])
