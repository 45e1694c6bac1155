"""Neptune: what its exporter saved before the service ended."""

from __future__ import annotations

from pathlib import Path

from pilothouse.interop.importing.neptune.exports import NeptuneSource, holds_export
from pilothouse.interop.importing.readers import MAX_LOOKED_AT, readers
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Sandbox
from pilothouse.kit.errors import Invalid


@readers.register("neptune")
class NeptuneReader:
    """Exported runs, by their Parquet files."""

    title = "Neptune"
    description = "Exports of neptune-exporter: parameters, full history, forks, texts and files."
    accepts = "a folder with Neptune's exported Parquet files"

    @staticmethod
    def recognises(location: str) -> bool:
        """A folder with a part of an exported run in it or below."""
        path = Path(location)
        return path.is_dir() and holds_export(Sandbox(path), MAX_LOOKED_AT)

    @staticmethod
    def open(location: str, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
        """Open an export; `artifacts` is its folder of files, when that is not beside."""
        path = Path(location)
        if not path.is_dir() or not holds_export(Sandbox(path), MAX_LOOKED_AT):
            hint = "Give the folder with `…_part_0.parquet` files, or the one above."
            raise Invalid(f"{path} holds no export of Neptune.", hint=hint)
        return NeptuneSource(path, report, artifacts)
