"""Exports of runs as screens, commands and notebooks use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pilothouse.interop.run_exports import export_runs as exporting
from pilothouse.interop.run_exports.export_job import KIND, written_export
from pilothouse.interop.run_exports.export_runs import RunExport, RunExportPreview
from pilothouse.interop.run_exports.formats import run_formats
from pilothouse.jobs import submit
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.storage.service import Service


@dataclass(frozen=True)
class RunFormatInfo:
    """A format that runs are exported to."""

    title: str
    description: str


class RunExports(Service):
    """Exports of runs to other trackers and to tables."""

    def formats(self) -> dict[str, RunFormatInfo]:
        """The formats that runs are exported to, by the name that a plugin gave them."""
        return {
            name: RunFormatInfo(kind.title, kind.description) for name, kind in run_formats.items()
        }

    def preview(
        self, format: str, *, runs: Sequence[str] = (), experiments: Sequence[str] = ()
    ) -> RunExportPreview:
        """What an export of runs would hold, and what its format has no place for.

        `experiments` adds all of their runs that are not archived. Raises NotFound for what is not
        there, Invalid when no run is chosen.
        """
        return exporting.preview(self._store, format, runs, experiments)

    def write(
        self,
        format: str,
        path: str | Path,
        *,
        runs: Sequence[str] = (),
        experiments: Sequence[str] = (),
        on_progress: Callable[[float, str], None] = lambda _share, _message: None,
    ) -> RunExport:
        """Write runs, and those of whole experiments, as a zip archive in a format.

        Its NOTES.md says how it is opened and what is not in it. The same runs give the same
        bytes. Raises what `preview` raises, and Unavailable without room.
        """
        return exporting.export_runs(
            self._store, format, Path(path), runs, experiments, on_progress
        )

    def start(
        self, format: str, *, runs: Sequence[str] = (), experiments: Sequence[str] = ()
    ) -> str:
        """Submit a job that writes the archive, which stays for a week; the job's id.

        Raises what `preview` raises.
        """
        preview = self.preview(format, runs=runs, experiments=experiments)
        args = {"format": format, "runs": list(runs), "experiments": list(experiments)}
        title = f"Export of runs to {preview.title}"
        with self._store.write() as session:
            return submit(session, self._store, KIND, args, title=title)

    def written(self, job: str) -> RunExport:
        """What a job has written.

        Raises NotFound for another job or a file that is gone, Conflict until it has ended.
        """
        with self._store.read() as session:
            row = session.get(Job, job)
        if row is None or row.kind != KIND:
            raise NotFound(f"no export of runs is the job {job!r}.")
        if row.result is None:
            raise Conflict(f"the export is {row.status}: there is no file of it.")
        written = written_export(self._store, job, row.result)
        if not written.path.exists():
            raise NotFound(
                "the file of this export is gone: it stays for a week.",
                hint="Export the runs again.",
            )
        return written
