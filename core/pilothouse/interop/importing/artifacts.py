"""Keeping files of a source: by content, within a limit, one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from pilothouse.experiments.recording import artifact_path
from pilothouse.interop.importing.records import File, LoggedModel, Run, Source
from pilothouse.interop.importing.report import Notes
from pilothouse.interop.mlflow.artifact_paths import LONGEST, Kept
from pilothouse.kit.errors import Invalid, PilothouseError, Unavailable
from pilothouse.storage import Store

IN_MEMORY = 1 << 20


@dataclass(frozen=True)
class Files:
    """The files of a run or a logged model that are kept, and whether those are all."""

    kept: tuple[Kept, ...]
    whole: bool


def keep_files(
    store: Store,
    source: Source,
    notes: Notes,
    owner: Run | LoggedModel,
    go_on: Callable[[str], None],
) -> Files:
    """Keep the bytes of every file; what cannot be read or is too large becomes a line."""
    kept, whole = list[Kept](), True
    for file in source.files(owner):
        go_on(file.path)
        name = f"{owner.id}/{file.path}"
        try:
            kept.append(_keep(store, source, file))
        except TooLarge as large:
            notes.skipped("file", name, large.message)
            whole = False
        except Invalid as unfit:
            notes.broken("file", name, unfit.message)
        except PilothouseError as broken:
            notes.broken("file", name, broken.message)
            whole = False
    return Files(tuple(kept), whole)


class TooLarge(Invalid):
    """A file that is larger than the settings allow."""


def _keep(store: Store, source: Source, file: File) -> Kept:
    path = artifact_path(file.path)
    if len(path) > LONGEST:
        raise Invalid(f"its path has more than {LONGEST} characters")
    limit = store.settings.max_artifact_mb << 20
    if file.size is not None and file.size > limit:
        raise _too_large(store)
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        size = _copy(source, file, body, limit, store)
        if file.size is not None and size < file.size:
            raise Unavailable(f"only {size:,} of its {file.size:,} bytes came")
        body.seek(0)
        digest = store.artifacts.put_stream(body)  # type: ignore[arg-type]  # seeks and reads
    return Kept(path, digest, size)


def _copy(source: Source, file: File, body: IO[bytes], limit: int, store: Store) -> int:
    size = 0
    for piece in source.read(file):
        size += len(piece)
        if size > limit:
            raise _too_large(store)
        body.write(piece)
    return size


def _too_large(store: Store) -> TooLarge:
    most = store.settings.max_artifact_mb
    return TooLarge(f"larger than {most:,} MB (PILOTHOUSE_MAX_ARTIFACT_MB)")
