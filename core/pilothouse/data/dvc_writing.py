"""Content written so that DVC tracks it: an object in its cache and a `.dvc` file that names it."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from pilothouse.data.reading.dvc_pointers import (
    OBJECTS,
    cache_of,
    md5_of,
    read_output,
    root_of,
)
from pilothouse.kit.errors import Conflict, Invalid, NotFound, PilothouseError, Unavailable

READ_ONLY = 0o444  # as DVC keeps its objects


def write_pointer(content: Path, target: Path, ref: str, allowed: Callable[[Path], None]) -> Path:
    """Put a file into the cache of the repository that `target` lies in, and name it there.

    `dvc checkout` then makes `target`, which itself is not written. The pointer, which says which
    version it is, replaces only one of the same output. `allowed` raises Refused for a path that
    may not be written. Raises NotFound outside of a repository, Conflict, Unavailable.
    """
    root = root_of(target)
    if root is None or not target.parent.is_dir():
        raise NotFound(
            f"{target.parent} is no folder in a repository of DVC.",
            hint="Run `dvc init` in the repository, or give a path inside of one.",
        )
    if target.suffix == ".dvc" or target.is_dir():
        raise Invalid(
            f"{target} is not where a file can be.",
            hint="Give the path of the data, such as data/sales.parquet.",
            fields={"path": "is no path of a file"},
        )
    pointer = target.with_name(f"{target.name}.dvc")
    _check_free(pointer, target.name)
    cache = cache_of(root)
    for path in (pointer, cache):
        allowed(path)
    md5 = md5_of(content)
    try:
        _put_object(content, cache, md5)
        _replace(pointer, _text(target.name, md5, content.stat().st_size, ref))
        _ignore(root, target)
    except OSError as refused:
        raise Unavailable(f"{refused.filename} cannot be written: {refused.strerror}.") from refused
    return pointer


def _check_free(pointer: Path, name: str) -> None:
    """Raise Conflict when a pointer of other outputs is there."""
    if not pointer.exists():
        return
    try:
        same = read_output(pointer, "").path == name
    except PilothouseError:
        same = False
    if not same:
        raise Conflict(
            f"{pointer} is there and is not a pointer of {name}.", hint="Choose another path."
        )


def _put_object(content: Path, cache: Path, md5: str) -> None:
    folder = cache.joinpath(*OBJECTS, md5[:2])
    path = folder / md5[2:]
    if path.is_file() and md5_of(path) == md5:
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{uuid.uuid4().hex}"
    try:
        shutil.copyfile(content, partial)
        partial.chmod(READ_ONLY)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _text(name: str, md5: str, size: int, ref: str) -> str:
    """The pointer; texts in quotes, for an MD5 may look like a number."""
    return (
        f'outs:\n- md5: "{md5}"\n  size: {size}\n  hash: md5\n'
        f"  path: {json.dumps(name, ensure_ascii=False)}\n"
        f"meta:\n  pilothouse: {json.dumps(ref)}\n"
    )


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _ignore(root: Path, target: Path) -> None:
    """Have Git ignore the data, as `dvc add` does; nothing outside of a Git repository."""
    if not (root / ".git").exists():
        return
    file, line = target.parent / ".gitignore", f"/{target.name}"
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if line not in before.splitlines():
        end = "" if not before or before.endswith("\n") else "\n"
        _replace(file, f"{before}{end}{line}\n")
