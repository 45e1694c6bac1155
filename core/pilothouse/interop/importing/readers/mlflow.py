"""MLflow: an `mlruns` folder, a SQLite database, or a tracking server."""

from __future__ import annotations

from pathlib import Path

from pilothouse.interop.importing.mlflow import folder
from pilothouse.interop.importing.mlflow.database import DatabaseSource
from pilothouse.interop.importing.mlflow.folder import FolderSource
from pilothouse.interop.importing.mlflow.http_client import HttpClient
from pilothouse.interop.importing.mlflow.rest import RemoteSource
from pilothouse.interop.importing.mlflow.sqlite import is_sqlite
from pilothouse.interop.importing.readers import readers
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Sandbox
from pilothouse.kit.errors import Invalid

DATABASE, RUNS = "mlflow.db", "mlruns"
ACCEPTS = "an mlruns folder, an mlflow.db, or the http address of an MLflow server"


@readers.register("mlflow")
class MlflowReader:
    """Everything that MLflow's own stores hold and that has an equivalent here."""

    title = "MLflow"
    description = "Runs with histories and files, logged models and the model registry."
    accepts = ACCEPTS

    @staticmethod
    def recognises(location: str) -> bool:
        """An address is always a server of MLflow; a folder may hold the store."""
        if location.startswith(("http:", "https:")):
            return True
        path = Path(location)
        return _is_source(path) or (path.is_dir() and bool(_inside(path)))

    @staticmethod
    def open(location: str, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
        """Open a folder, a database or a server."""
        if location.startswith(("http:", "https:")):
            return RemoteSource(HttpClient(location), report)
        return _open_path(Path(location), report, artifacts)


def _open_path(path: Path, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
    if path.is_file():
        if not is_sqlite(path):
            raise Invalid(f"{path.name} is no SQLite database.", hint=f"Give {ACCEPTS}.")
        return DatabaseSource(path, report, artifacts)
    if folder.is_store(Sandbox(path)):
        return FolderSource(path, report)
    inside = _inside(path)
    if len(inside) > 1:
        # Beside a database, `mlruns` holds its files; a store in it would have experiments.
        names = " and ".join(candidate.name for candidate in inside)
        raise Invalid(f"{path} holds both {names}.", hint="Name the one that you mean.")
    if not inside:
        raise Invalid(f"{path} holds no experiment of MLflow.", hint=f"Give {ACCEPTS}.")
    return _open_path(inside[0], report, artifacts)


def _inside(path: Path) -> list[Path]:
    return [
        candidate
        for candidate in (path / DATABASE, path / RUNS)
        if not candidate.is_symlink() and _is_source(candidate)
    ]


def _is_source(path: Path) -> bool:
    if path.is_dir():
        return folder.is_store(Sandbox(path))
    return path.is_file() and is_sqlite(path)
