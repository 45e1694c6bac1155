"""Whether a model's folder holds the files that were registered, and nothing else."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pilothouse.kit.errors import Refused, Unavailable
from pilothouse.models.package import check_path

CHUNK = 1 << 20


def verify_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Raises Refused for links and files that nobody registered, Unavailable for damaged ones."""
    for path in files:
        check_path(path)
    actual = set(_files(folder))
    unknown = sorted(actual - set(files))
    if unknown:
        raise Refused(f"The model's folder holds {unknown[0]!r}, which is not part of the version.")
    missing = sorted(set(files) - actual)
    if missing:
        raise Unavailable(f"The model's folder has no {missing[0]!r}.")
    for path, digest in files.items():
        if _digest(folder / path) != digest:
            raise Unavailable(f"The model's file {path!r} is not the one that was registered.")


def _files(folder: Path) -> list[str]:
    """Relative paths of the regular files. Raises Refused for anything but files and folders."""
    result = []
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root) / name
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise Refused(f"The model's folder holds {name!r}, which is a link or no file.")
        result += [str((Path(root) / name).relative_to(folder)) for name in names]
    return result


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
