"""Artifact paths of the protocol, and whose files they mean: a run's, a logged model's, nobody's.

Clients are told `mlflow-artifacts:/1/<run>/artifacts`, so everything is read and written through
this server and kept by content; a path is a name in a table and never a path of this machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from pilothouse.experiments import late_writes
from pilothouse.experiments.tables import File, LoggedModel, Run, RunArtifact
from pilothouse.interop.mlflow import logged_models, run_serialisation
from pilothouse.interop.mlflow.errors import absent, invalid
from pilothouse.interop.mlflow.sources import climbs
from pilothouse.storage import Store

OF_RUN = re.compile(r"(?:[^/]+/)*?([0-9a-f]{32})/artifacts(?:/(.*))?", re.DOTALL)
OF_MODEL = re.compile(r"(?:[^/]+/)*?models/(m-[0-9a-f]{32})/artifacts(?:/(.*))?", re.DOTALL)
DRIVE = re.compile(r"[A-Za-z]:")
MAX_PATH_LENGTH = 1000
RUN, MODEL, NOBODY = "run", "model", "nobody"
Json = dict[str, Any]


@dataclass(frozen=True)
class ArtifactLocation:
    """Whose folder, and the path inside it ("" is the folder itself)."""

    kind: str
    owner: str
    inside: str
    given: str = ""


@dataclass(frozen=True)
class Kept:
    """A kept file."""

    path: str
    digest: str
    size: int


def clean(path: str) -> str:
    """The path without slashes around it. Raises when it is absolute or climbs, however quoted."""
    trimmed = path.rstrip("/")
    # A drive's letter would be a place of its own on the machine of whoever downloads.
    drives = DRIVE.match(path) or any(DRIVE.fullmatch(part) for part in path.split("/"))
    bad = climbs(path) or path.startswith(("/", "\\")) or "\\" in path or drives
    if bad or len(path) > MAX_PATH_LENGTH or "//" in trimmed or "#" in path or "\0" in path:
        raise invalid("Invalid path")
    return "/".join(part for part in trimmed.split("/") if part != ".")


def locate(session: Session, path: str) -> ArtifactLocation:
    """Whose a path below the server's artifact root is."""
    whole = clean(path)
    if found := OF_MODEL.fullmatch(whole):
        model = session.get(LoggedModel, found[1])
        if model and _is_below(whole, logged_models.root_of(session, model)):
            return ArtifactLocation(MODEL, model.id, found[2] or "", whole)
    if found := OF_RUN.fullmatch(whole):
        run = session.get(Run, found[1])
        if run and _is_below(whole, run_serialisation.root_of(session, run)):
            return ArtifactLocation(RUN, run.id, found[2] or "", whole)
    return ArtifactLocation(NOBODY, "", whole, whole)


def _is_below(path: str, root: str) -> bool:
    place = root.removeprefix("mlflow-artifacts:").partition("?")[0].lstrip("/")
    return path == place or path.startswith(f"{place}/")


def find(session: Session, place: ArtifactLocation) -> Kept:
    """The file at a place. Raises when there is none, or a folder."""
    key = (place.owner, place.inside)
    table: Any = RunArtifact if place.kind == RUN else File
    row = session.get(table, key) if place.inside else None
    if row is not None:
        return Kept(row.path, row.digest, row.size)
    if below(session, place):
        raise invalid(f"Artifact path refers to a directory, not a file: '{place.given}'")
    raise absent(f"No such artifact: '{place.given}'")


def below(session: Session, place: ArtifactLocation) -> list[Kept]:
    """Every file in the folder at a place."""
    table, owner = _table(place)
    query = select(table).where(owner == place.owner).order_by(col(table.path))
    if place.inside:
        query = query.where(col(table.path).startswith(f"{place.inside}/", autoescape=True))
    rows = session.scalars(query).all()
    return [
        Kept(row.path, row.digest, row.size)
        for row in rows
        if not place.inside or row.path.startswith(f"{place.inside}/")
    ]


def _table(place: ArtifactLocation) -> tuple[Any, Any]:
    if place.kind == RUN:
        return RunArtifact, col(RunArtifact.run_id)
    return File, col(File.root)


def keep(session: Session, store: Store, place: ArtifactLocation, digest: str, size: int) -> None:
    """Name kept bytes as the file at a place; the same place again is the newer file."""
    if not place.inside:
        raise invalid("Invalid path")
    if place.kind == RUN:
        late_writes.log_artifact(session, store, place.owner, place.inside, digest, size)
    elif place.kind == MODEL:
        model = session.get_one(LoggedModel, place.owner)
        late_writes.keep_model_file(session, store, model, place.inside, digest, size)
    else:
        session.merge(File(root=place.owner, path=place.inside, digest=digest, size=size))
    session.flush()


def remove(session: Session, store: Store, place: ArtifactLocation) -> None:
    """Take away the file at a place, or every file in the folder; the bytes stay kept."""
    paths = [kept.path for kept in below(session, place)] + [place.inside]
    if place.kind == RUN:
        late_writes.remove_artifacts(session, store, place.owner, paths)
    elif place.kind == MODEL:
        model = session.get_one(LoggedModel, place.owner)
        late_writes.remove_model_files(session, store, model, paths)
    else:
        for part in run_serialisation.chunks(paths):
            session.execute(
                delete(File).where(col(File.root) == place.owner, col(File.path).in_(part))
            )


def listing(found: Iterable[Kept], inside: str, *, relative: bool) -> list[Json]:
    """What lies directly in a folder: files with their size, and folders, by name.

    Paths are told from the owner's folder on, or (`relative`) from the listed one on.
    """
    start = len(inside) + 1 if inside else 0
    told: dict[str, Json] = {}
    for kept in found:
        name, slash, _ = kept.path[start:].partition("/")
        path = name if relative else kept.path[:start] + name
        told[name] = {"path": path, "is_dir": bool(slash)}
        if not slash:
            told[name]["file_size"] = kept.size
    return [told[name] for name in sorted(told)]
