"""Files that lie in a folder of this machine: found again wherever the folder is now."""

from __future__ import annotations

from collections.abc import Iterator

from pilothouse.interop.importing.records import FileRecord, LoggedModelRecord, RunRecord
from pilothouse.interop.importing.report import Notes
from pilothouse.interop.importing.sandbox import Root, Tell, is_elsewhere

MAX_COUNTED = 200_000


class LocalFiles:
    """The files of a source whose artifacts lie in a folder."""

    def __init__(self, root: Root, notes: Notes) -> None:
        self.root = root
        self.notes = notes

    def tell(self, kind: str) -> Tell:
        """Where what cannot be read is told: a line of the report."""
        return lambda path, why: self.notes.broken(kind, path, why)

    def place_of(self, owner: RunRecord | LoggedModelRecord) -> str | None:
        """The folder of a run's or a logged model's files, None when it is not there."""
        return self.root.rerooted(owner.files_at, owner.id)

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """Every file of a run or a logged model."""
        folder = self.place_of(owner)
        if folder is None:
            self._tell_where(owner)
            return
        for entry in self.root.files(folder, self.tell("file")):
            yield FileRecord(entry.path.removeprefix(f"{folder}/"), entry.size, entry.path)

    def _tell_where(self, owner: RunRecord | LoggedModelRecord) -> None:
        if is_elsewhere(owner.files_at):
            message = f"they are at {owner.files_at}, which is not opened"
            self.notes.skipped("files", owner.id, message)

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of a file."""
        return self.root.pieces(file.location)

    def size(self) -> int | None:
        """The bytes of all files in the folder; None when they are too many to be counted."""
        total, count = 0, 0
        for entry in self.root.files("", lambda _path, _why: None):
            total, count = total + entry.size, count + 1
            if count > MAX_COUNTED:
                return None
        return total

    def close(self) -> None:
        """Nothing is held open."""
