"""Versions that another program logged: their source, files, tags and MLmodel file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.kit.errors import PilothouseError
from pilothouse.models.mlmodel import MlModel, read
from pilothouse.registry.tables import ModelVersionOrigin, VersionTag
from pilothouse.registry.versions import require
from pilothouse.storage import Store

MODEL_FILE = "MLmodel"


@dataclass(frozen=True)
class LoggedFile:
    """A file of a version, by its path under the model's folder."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class ExternalVersion:
    """A version that another program logged. `model` is None when no MLmodel file can be read."""

    source: str
    logged_model: str
    files: tuple[LoggedFile, ...]
    tags: Mapping[str, str]
    model: MlModel | None


def find(session: Session, store: Store, model: str, version: int) -> ExternalVersion | None:
    """An external version, or None when a training here made it. Raises NotFound."""
    model_version = require(session, model, version)
    origin = session.get(ModelVersionOrigin, (model, version))
    if not model_version.import_source:
        return None

    files = _files(store, model_version.digest) if origin is not None else ()
    tags = select(VersionTag.key, VersionTag.value).where(
        VersionTag.model == model, VersionTag.version == version
    )
    return ExternalVersion(
        source=origin.source if origin else model_version.import_source,
        logged_model=origin.logged_model if origin else "",
        files=files,
        tags=dict(session.exec(tags.order_by(col(VersionTag.key))).all()),
        model=_model(store, files),
    )


def write_manifest(
    store: Store, source: str, location: str, files: Sequence[Mapping[str, Any]]
) -> str:
    """Store the list of a version's files and return its digest, which stands for all of them.

    Each file has a `path`, a `sha256` and a number of `bytes`.
    """
    manifest = {"source": source, "location": location, "files": list(files)}
    return store.artifacts.put_bytes(json.dumps(manifest, sort_keys=True, indent=1).encode())


def _files(store: Store, digest: str) -> tuple[LoggedFile, ...]:
    """The files that the version's artifact lists."""
    try:
        manifest = json.loads(store.artifacts.read(digest))
    except (PilothouseError, ValueError):
        return ()
    listed = manifest.get("files") if isinstance(manifest, dict) else None
    return tuple(_file(item) for item in listed or () if isinstance(item, dict))


def _file(item: Mapping[str, Any]) -> LoggedFile:
    size = item.get("bytes")
    return LoggedFile(
        str(item.get("path", "")),
        size if isinstance(size, int) else 0,
        str(item.get("sha256", "")),
    )


def _model(store: Store, files: tuple[LoggedFile, ...]) -> MlModel | None:
    """The MLmodel file nearest to the top of the folder."""
    candidates = [file for file in files if file.path.rpartition("/")[2] == MODEL_FILE]
    for file in sorted(candidates, key=lambda file: file.path.count("/")):
        try:
            text = store.artifacts.read(file.digest).decode()
            return read(text, file.path)
        except (PilothouseError, UnicodeDecodeError):
            continue
    return None
