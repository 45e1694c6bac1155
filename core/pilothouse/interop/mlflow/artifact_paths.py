"""Artifact paths of the protocol, and their owner: a run, a logged model, or nobody.

Clients get `mlflow-artifacts:/1/<run>/artifacts`, so everything is read and written through this
server and stored by content; a path is a key in a table and never a path of this machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import late_writes
from pilothouse.experiments.files import writes
from pilothouse.experiments.files.writes import StoredFile
from pilothouse.experiments.tables import File, LoggedModel, Run, RunArtifact
from pilothouse.interop.limits import MAX_PATH_LENGTH
from pilothouse.interop.mlflow import logged_models, run_serialisation
from pilothouse.interop.mlflow.errors import absent, invalid
from pilothouse.interop.mlflow.sources import escapes_root
from pilothouse.storage import Store

OF_RUN = re.compile(r"(?:[^/]+/)*?([0-9a-f]{32})/artifacts(?:/(.*))?", re.DOTALL)
OF_MODEL = re.compile(r"(?:[^/]+/)*?models/(m-[0-9a-f]{32})/artifacts(?:/(.*))?", re.DOTALL)
DRIVE = re.compile(r"[A-Za-z]:")
RUN, MODEL, NOBODY = "run", "model", "nobody"
Json = dict[str, Any]


@dataclass(frozen=True)
class ArtifactLocation:
    """The owner, and the path inside its folder ("" is the folder itself)."""

    kind: str
    owner: str
    inside: str
    full_path: str = ""


def clean(path: str) -> str:
    """The path without slashes around it. Raises when it is absolute or escapes, however quoted."""
    trimmed = path.rstrip("/")
    # A drive letter would be an absolute path on the machine that downloads.
    drives = DRIVE.match(path) or any(DRIVE.fullmatch(part) for part in path.split("/"))
    bad = escapes_root(path) or path.startswith(("/", "\\")) or "\\" in path or drives
    if bad or len(path) > MAX_PATH_LENGTH or "//" in trimmed or "#" in path or "\0" in path:
        raise invalid("Invalid path")
    return "/".join(part for part in trimmed.split("/") if part != ".")


def locate(session: Session, path: str) -> ArtifactLocation:
    """The owner of a path below the server's artifact root."""
    whole = clean(path)
    if match := OF_MODEL.fullmatch(whole):
        model = session.get(LoggedModel, match[1])
        if model and _is_below(whole, logged_models.root_of(session, model)):
            return ArtifactLocation(MODEL, model.id, match[2] or "", whole)
    if match := OF_RUN.fullmatch(whole):
        run = session.get(Run, match[1])
        if run and _is_below(whole, run_serialisation.root_of(session, run)):
            return ArtifactLocation(RUN, run.id, match[2] or "", whole)
    return ArtifactLocation(NOBODY, "", whole, whole)


def _is_below(path: str, root: str) -> bool:
    root_path = root.removeprefix("mlflow-artifacts:").partition("?")[0].lstrip("/")
    return path == root_path or path.startswith(f"{root_path}/")


def find(session: Session, location: ArtifactLocation) -> StoredFile:
    """The file at a location. Raises when there is none, or a folder."""
    key = (location.owner, location.inside)
    table: Any = RunArtifact if location.kind == RUN else File
    row = session.get(table, key) if location.inside else None
    if row is not None:
        return StoredFile(row.path, row.digest, row.size)
    if below(session, location):
        raise invalid(f"Artifact path refers to a directory, not a file: '{location.full_path}'")
    raise absent(f"No such artifact: '{location.full_path}'")


def below(session: Session, location: ArtifactLocation) -> list[StoredFile]:
    """Every file in the folder at a location."""
    table, owner = _table(location)
    query = select(table).where(owner == location.owner).order_by(col(table.path))
    if location.inside:
        query = query.where(col(table.path).startswith(f"{location.inside}/", autoescape=True))
    rows = session.scalars(query).all()
    return [
        StoredFile(row.path, row.digest, row.size)
        for row in rows
        if not location.inside or row.path.startswith(f"{location.inside}/")
    ]


def _table(location: ArtifactLocation) -> tuple[Any, Any]:
    if location.kind == RUN:
        return RunArtifact, col(RunArtifact.run_id)
    return File, col(File.root)


def store_file(
    session: Session, store: Store, location: ArtifactLocation, digest: str, size: int
) -> None:
    """Record stored bytes as the file at a location, in place of an older one."""
    if not location.inside:
        raise invalid("Invalid path")
    if location.kind == RUN:
        late_writes.log_artifact(session, store, location.owner, location.inside, digest, size)
    elif location.kind == MODEL:
        model = session.get_one(LoggedModel, location.owner)
        late_writes.log_model_file(session, store, model, location.inside, digest, size)
    else:
        writes.write_file(session, location.owner, location.inside, digest, size)
    session.flush()


def remove(session: Session, store: Store, location: ArtifactLocation) -> None:
    """Delete the file at a location, or every file in the folder; the bytes stay stored."""
    paths = [file.path for file in below(session, location)] + [location.inside]
    if location.kind == RUN:
        late_writes.remove_artifacts(session, store, location.owner, paths)
    elif location.kind == MODEL:
        model = session.get_one(LoggedModel, location.owner)
        late_writes.remove_model_files(session, store, model, paths)
    else:
        writes.remove_files(session, location.owner, paths)


def listing(files: Iterable[StoredFile], inside: str, *, relative: bool) -> list[Json]:
    """What is directly in a folder: files with their size, and folders, by name.

    Paths are relative to the owner's folder or, with `relative`, to the listed one.
    """
    start = len(inside) + 1 if inside else 0
    entries: dict[str, Json] = {}
    for file in files:
        name, slash, _ = file.path[start:].partition("/")
        path = name if relative else file.path[:start] + name
        entries[name] = {"path": path, "is_dir": bool(slash)}
        if not slash:
            entries[name]["file_size"] = file.size
    return [entries[name] for name in sorted(entries)]
