"""From a path or an address to the source that reads it: the one module that knows every reader."""

from __future__ import annotations

from pathlib import Path

from pilothouse.interop.importing.mlflow import folder
from pilothouse.interop.importing.mlflow.database import DatabaseSource
from pilothouse.interop.importing.mlflow.folder import FolderSource
from pilothouse.interop.importing.mlflow.http_client import HttpClient, checked_address
from pilothouse.interop.importing.mlflow.rest import RemoteSource
from pilothouse.interop.importing.mlflow.sqlite import is_sqlite
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Sandbox, local_path
from pilothouse.kit.errors import Invalid, NotFound, Unavailable

SQLITE = "sqlite:"
HINT = "Give an mlruns folder, an mlflow.db, or the http address of an MLflow server."
DATABASE, RUNS = "mlflow.db", "mlruns"


def normalised(source: str) -> str:
    """A path or an address in a form that means the same in every process.

    Raises Invalid when it is none of the kinds, NotFound when there is no such path.
    """
    text = source.strip()
    if not text:
        raise Invalid("an import needs a source.", hint=HINT, fields={"source": "needed"})
    if text.lower().startswith(("http:", "https:")):
        return checked_address(text)
    path = Path(_path(text)).expanduser()
    if not path.exists():
        raise NotFound(f"there is nothing at {path}.", hint=HINT)
    return str(path.resolve())


def _path(text: str) -> str:
    """The path in a text; SQLAlchemy's URLs have three slashes before a path, four before `/`."""
    if text.lower().startswith(SQLITE):
        return text[len(SQLITE) :].removeprefix("///").split("?")[0]
    if text.lower().startswith("file:"):
        return local_path(text)
    if "://" in text:
        raise Invalid(f"{text.split(':')[0]!r} is nothing that can be read.", hint=HINT)
    return text


def open_source(source: str, report: ReportBuilder, artifacts: str = "") -> ImportSource:
    """Open a source for reading. Raises NotFound, Invalid or Unavailable, saying what to do."""
    location = normalised(source)
    if location.startswith(("http:", "https:")):
        return RemoteSource(HttpClient(location), report)
    path = Path(location)
    beside = Path(artifacts).expanduser() if artifacts else None
    if beside is not None and not beside.is_dir():
        raise NotFound(f"there is no folder at {beside}.")
    try:
        return _open_path(path, report, beside)
    except OSError as broken:
        raise Unavailable(f"{path} cannot be read: {broken.strerror}.") from broken


def _open_path(path: Path, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
    if path.is_file():
        if not is_sqlite(path):
            raise Invalid(f"{path.name} is no SQLite database.", hint=HINT)
        return DatabaseSource(path, report, artifacts)
    if folder.is_store(Sandbox(path)):
        return FolderSource(path, report)
    inside = [candidate for candidate in (path / DATABASE, path / RUNS) if _is_source(candidate)]
    if len(inside) > 1:
        # Beside a database, `mlruns` holds its files; a store in it would have experiments.
        names = " and ".join(candidate.name for candidate in inside)
        raise Invalid(f"{path} holds both {names}.", hint="Name the one that you mean.")
    if not inside:
        raise Invalid(f"{path} holds no experiment of MLflow.", hint=HINT)
    return _open_path(inside[0], report, artifacts)


def _is_source(path: Path) -> bool:
    if path.is_symlink():
        return False
    if path.is_dir():
        return folder.is_store(Sandbox(path))
    return path.is_file() and is_sqlite(path)
