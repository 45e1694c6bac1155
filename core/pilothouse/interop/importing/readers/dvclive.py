"""DVCLive: folders of results, and experiments of DVC in the Git repository of a project."""

from __future__ import annotations

from pathlib import Path

from pilothouse.interop.importing.dvclive.projects import DvcliveSource, holds_results
from pilothouse.interop.importing.readers import MAX_LOOKED_AT, readers
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Sandbox
from pilothouse.kit.errors import Invalid


@readers.register("dvclive")
class DvcliveReader:
    """Folders of DVCLive and commits of DVC, a run each."""

    title = "DVCLive and DVC"
    description = "Folders of DVCLive and experiments in Git: parameters, full history and files."
    accepts = "a project with DVCLive's folder or with DVC's experiments in Git"

    @staticmethod
    def recognises(location: str) -> bool:
        """A folder of DVCLive, a folder above one, or a repository with experiments."""
        path = Path(location)
        return path.is_dir() and holds_results(Sandbox(path), MAX_LOOKED_AT)

    @staticmethod
    def open(location: str, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
        """Open a folder."""
        path = Path(location)
        if not path.is_dir() or not holds_results(Sandbox(path), MAX_LOOKED_AT):
            hint = "Give the folder that holds `dvclive`, or a repository in which DVC ran."
            raise Invalid(f"{path} holds no results of DVCLive or DVC.", hint=hint)
        return DvcliveSource(path, report)
