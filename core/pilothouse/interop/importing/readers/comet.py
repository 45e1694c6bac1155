"""Comet: the archives that its client writes offline."""

from __future__ import annotations

from pathlib import Path

from pilothouse.interop.importing.comet.archives import CometSource, holds_archive
from pilothouse.interop.importing.readers import MAX_LOOKED_AT, readers
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Sandbox
from pilothouse.kit.errors import Invalid


@readers.register("comet")
class CometReader:
    """Offline archives, by the description and the messages in them."""

    title = "Comet"
    description = "Offline archives: parameters, full history, machine load, console and files."
    accepts = "an offline archive of Comet, or a folder of them"

    @staticmethod
    def recognises(location: str) -> bool:
        """A zip archive with messages of Comet, or a folder with one in it or below."""
        path = Path(location)
        return path.exists() and _holds_archive(path)

    @staticmethod
    def open(location: str, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
        """Open an archive or a folder of archives."""
        path = Path(location)
        if not path.exists() or not _holds_archive(path):
            hint = "Give a `….zip` that Comet's client wrote, or the folder with them."
            raise Invalid(f"{path} holds no offline archive of Comet.", hint=hint)
        return CometSource(path, report)


def _holds_archive(path: Path) -> bool:
    if path.is_dir():
        return holds_archive(Sandbox(path), "", MAX_LOOKED_AT)
    return holds_archive(Sandbox(path.parent), path.name, 1)
