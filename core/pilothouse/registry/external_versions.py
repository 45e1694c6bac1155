"""Versions that another program logged: their source, files, tags and MLmodel file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.models.mlmodel import MlModel
from pilothouse.models.model_folder import ModelFolder, read_model_folder
from pilothouse.registry.tables import ModelVersionOrigin, VersionTag
from pilothouse.registry.versions import Origin, VersionSource, require
from pilothouse.storage import Store

MODEL_FILE = "MLmodel"
MAX_READ_BYTES = 4 << 20  # of a file that describes the model; the model itself is not read


@dataclass(frozen=True)
class LoggedFile:
    """A file of a version, by its path under the model's folder."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class ExternalVersion:
    """A version that another program logged. `model` is None when no MLmodel file can be read.

    `problems` say why it cannot be loaded, or what its files leave open.
    """

    source: str
    logged_model: str
    files: tuple[LoggedFile, ...]
    tags: Mapping[str, str]
    model: MlModel | None
    problems: tuple[str, ...] = ()


def find(session: Session, store: Store, model: str, version: int) -> ExternalVersion | None:
    """An external version, or None when a training here made it. Raises NotFound."""
    model_version = require(session, model, version)
    origin = session.get(ModelVersionOrigin, (model, version))
    if not model_version.import_source:
        return None

    files = _files(store, model_version.digest) if origin is not None else ()
    folder = read_files(store, [_as_listed(file) for file in files])
    tags = select(VersionTag.key, VersionTag.value).where(
        VersionTag.model == model, VersionTag.version == version
    )
    return ExternalVersion(
        source=origin.source if origin else model_version.import_source,
        logged_model=origin.logged_model if origin else "",
        files=files,
        tags=dict(session.exec(tags.order_by(col(VersionTag.key))).all()),
        model=folder.mlmodel,
        problems=folder.problems,
    )


def _as_listed(file: LoggedFile) -> dict[str, Any]:
    return {"path": file.path, "sha256": file.digest, "bytes": file.size}


def write_manifest(
    store: Store, source: str, location: str, files: Sequence[Mapping[str, Any]]
) -> str:
    """Store the list of a version's files and return its digest, which stands for all of them.

    Each file has a `path`, a `sha256` and a number of `bytes`.
    """
    manifest = {"source": source, "location": location, "files": list(files)}
    return store.artifacts.put_bytes(json.dumps(manifest, sort_keys=True, indent=1).encode())


def read_files(store: Store, files: Sequence[Mapping[str, Any]]) -> ModelFolder:
    """What the stored files of a model say; each has a `path` and a `sha256`. Never raises.

    What cannot be read is a problem of the answer: such a version is registered all the same.
    """
    digests = {str(item.get("path", "")): str(item.get("sha256", "")) for item in files}
    if not digests:
        return ModelFolder(None, problems=("its files are not stored here",))

    def read_file(path: str) -> bytes:
        if store.artifacts.size(digests[path]) > MAX_READ_BYTES:
            raise Invalid(f"{path} is larger than {MAX_READ_BYTES >> 20} MB.")
        return store.artifacts.read(digests[path])

    return read_model_folder(digests, read_file)


def version_source(
    store: Store,
    files: Sequence[Mapping[str, Any]],
    origin: Origin,
    imported: str,
    metrics: Mapping[str, float],
    *,
    run: str | None = None,
    depends_on: tuple[tuple[str, str | None], ...] = (),
    folder: ModelFolder | None = None,
) -> VersionSource:
    """The content of a version that is made of stored files, each as `write_manifest` lists it.

    `folder` is what `read_files` answered of them, where they were read already.
    """
    folder = read_files(store, files) if folder is None else folder
    return VersionSource(
        digest=write_manifest(store, origin.source, origin.location, files),
        signature=folder.signature,
        input_example=[dict(row) for row in folder.example],
        package=folder.package,
        metrics=metrics,
        run=run,
        imported=imported,
        depends_on=depends_on,
        origin=origin,
    )


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
