"""Files in a folder of this machine, found wherever the folder was moved to."""

from __future__ import annotations

from collections.abc import Iterator

from pilothouse.interop.importing.records import FileRecord, LoggedModelRecord, RunRecord
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import ProblemCallback, Sandbox

MAX_COUNTED = 200_000


class LocalFiles:
    """The files of a source whose artifacts lie in a folder."""

    def __init__(self, root: Sandbox, report: ReportBuilder) -> None:
        self.root = root
        self.report = report

    def problem_callback(self, kind: str) -> ProblemCallback:
        """A callback that reports what cannot be read."""
        return lambda path, why: self.report.broken(kind, path, why)

    def folder_of(self, owner: RunRecord | LoggedModelRecord) -> str | None:
        """The folder with the files of a run or a logged model, or None."""
        return self.root.relocate(owner.artifact_uri, owner.id)

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """Every file of a run or a logged model."""
        folder = self.folder_of(owner)
        if folder is None:
            self._report_location(owner)
            return
        for entry in self.root.files(folder, self.problem_callback("file")):
            yield FileRecord(entry.path.removeprefix(f"{folder}/"), entry.size, entry.path)

    def _report_location(self, owner: RunRecord | LoggedModelRecord) -> None:
        if self.root.is_elsewhere(owner.artifact_uri):
            message = f"they are at {owner.artifact_uri}, which is not opened"
            self.report.skipped("files", owner.id, message)

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of a file."""
        return self.root.chunks(file.location)

    def size(self) -> int | None:
        """The bytes of all files in the folder; None when there are too many to count."""
        total, count = 0, 0
        for entry in self.root.files("", lambda _path, _why: None):
            total, count = total + entry.size, count + 1
            if count > MAX_COUNTED:
                return None
        return total

    def close(self) -> None:
        """Nothing is held open."""
