"""Storing the files of a source: by content, within the size limit, one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from pilothouse.experiments.files.writes import StoredFile
from pilothouse.experiments.recording import artifact_path
from pilothouse.interop.importing.records import (
    FileRecord,
    ImportSource,
    LoggedModelRecord,
    RunRecord,
)
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.limits import MAX_PATH_LENGTH
from pilothouse.kit.errors import Invalid, PilothouseError, Unavailable
from pilothouse.storage import Store

IN_MEMORY = 1 << 20


@dataclass(frozen=True)
class ImportedFiles:
    """The files of a run or a logged model that were stored, and whether those are all."""

    stored: tuple[StoredFile, ...]
    complete: bool


def store_files(
    store: Store,
    source: ImportSource,
    report: ReportBuilder,
    owner: RunRecord | LoggedModelRecord,
    on_file: Callable[[str], None],
) -> ImportedFiles:
    """Store every file; what cannot be read or is too large becomes a line of the report."""
    stored, complete = list[StoredFile](), True
    for file in source.files(owner):
        on_file(file.path)
        name = f"{owner.id}/{file.path}"
        try:
            stored.append(_store_file(store, source, file))
        except ArtifactTooLarge as large:
            report.skipped("file", name, large.message)
            complete = False
        except Invalid as unfit:
            report.broken("file", name, unfit.message)
        except PilothouseError as broken:
            report.broken("file", name, broken.message)
            complete = False
    return ImportedFiles(tuple(stored), complete)


class ArtifactTooLarge(Invalid):
    """A file that is larger than the settings allow."""


def _store_file(store: Store, source: ImportSource, file: FileRecord) -> StoredFile:
    path = artifact_path(file.path)
    if len(path) > MAX_PATH_LENGTH:
        raise Invalid(f"its path has more than {MAX_PATH_LENGTH} characters")
    limit = store.settings.max_artifact_mb << 20
    if file.size is not None and file.size > limit:
        raise _too_large(store)
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        size = _copy(source, file, body, limit, store)
        if file.size is not None and size < file.size:
            raise Unavailable(f"only {size:,} of its {file.size:,} bytes came")
        body.seek(0)
        digest = store.artifacts.put_stream(body)  # type: ignore[arg-type]  # seeks and reads
    return StoredFile(path, digest, size)


def _copy(source: ImportSource, file: FileRecord, body: IO[bytes], limit: int, store: Store) -> int:
    size = 0
    for piece in source.read(file):
        size += len(piece)
        if size > limit:
            raise _too_large(store)
        body.write(piece)
    return size


def _too_large(store: Store) -> ArtifactTooLarge:
    most = store.settings.max_artifact_mb
    return ArtifactTooLarge(f"larger than {most:,} MB (PILOTHOUSE_MAX_ARTIFACT_MB)")
