"""Snapshot files of Evidently in a folder, a zip, or by themselves, read within limits.

Nothing is unpacked to the disk and no name in an archive is used as a path.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pilothouse.kit.errors import Invalid, NotFound, TooLarge

MAX_UPLOAD_BYTES = 200 << 20
MAX_FILE_BYTES = 20 << 20
MAX_TOTAL_BYTES = 1 << 30
MAX_FILES = 2_000
MAX_MEMBERS = 20_000
PROJECT_FILE, SNAPSHOTS = "metadata.json", "snapshots"
SKIPPED_NAMES = ("dashboard.json",)
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


@dataclass(frozen=True)
class SnapshotFile:
    """A file that may be a snapshot: its name as people know it, its project's, its content."""

    name: str
    project: str
    content: bytes


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read, and why."""

    name: str
    reason: str


def files_at(path: Path) -> Iterator[SnapshotFile | Unreadable]:
    """The snapshot files of a workspace's folder, a zip of it, or one JSON file.

    Raises NotFound for a path that cannot be read, Invalid for another kind of file, TooLarge.
    """
    if path.is_dir():
        yield from _of_folder(path)
        return
    try:
        size = path.stat().st_size
        if size > MAX_UPLOAD_BYTES:
            raise _too_large()
        content = path.read_bytes()
    except OSError as unreadable:
        raise NotFound(f"{path} cannot be read: {unreadable.strerror}.") from unreadable
    yield from files_in(path.name, content)


def files_in(filename: str, content: bytes) -> Iterator[SnapshotFile | Unreadable]:
    """The snapshot files in a zip, or the one JSON file. Raises Invalid, TooLarge."""
    if len(content) > MAX_UPLOAD_BYTES:
        raise _too_large()
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix == ".json":
        if len(content) > MAX_FILE_BYTES:
            raise _too_large()
        yield SnapshotFile(filename, "", content)
    elif suffix == ".zip":
        yield from _of_zip(filename, content)
    else:
        raise Invalid(
            f"{filename!r} holds no snapshots of Evidently.",
            hint="Give a workspace's folder, a zip of it, or a snapshot's JSON file.",
            fields={"file": ".zip or .json"},
        )


def _of_folder(folder: Path) -> Iterator[SnapshotFile | Unreadable]:
    files = sorted(
        file for file in folder.rglob("*.json") if file.is_file() and not file.is_symlink()
    )
    names = [file.relative_to(folder).as_posix() for file in files]
    sizes = {name: file.stat().st_size for name, file in zip(names, files, strict=True)}
    read = {name: file.read_bytes for name, file in zip(names, files, strict=True)}
    projects = {
        str(PurePosixPath(name).parent): _project_name(read[name]())
        for name in names
        if PurePosixPath(name).name == PROJECT_FILE and sizes[name] <= MAX_FILE_BYTES
    }
    total = 0
    for name in _candidates(names):
        if sizes[name] > MAX_FILE_BYTES:
            yield Unreadable(name, f"it is larger than {MAX_FILE_BYTES >> 20} MB")
            continue
        total += sizes[name]
        if total > MAX_TOTAL_BYTES:
            raise _too_large()
        yield SnapshotFile(name, _project_of(name, projects), read[name]())


def _of_zip(filename: str, content: bytes) -> Iterator[SnapshotFile | Unreadable]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except DAMAGED as damaged:
        raise Invalid(
            f"{filename!r} is not a readable zip: {damaged}.",
            hint="Make it again from the workspace's folder.",
            fields={"file": "damaged"},
        ) from damaged
    with archive:
        members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        if len(members) > MAX_MEMBERS:
            raise TooLarge(
                f"{filename!r} has more than {MAX_MEMBERS:,} files.", hint="Split it by project."
            )
        projects = {}
        for name, info in members.items():
            if PurePosixPath(name).name == PROJECT_FILE:
                text = _bounded(archive, info)
                projects[str(PurePosixPath(name).parent)] = (
                    "" if isinstance(text, str) else _project_name(text)
                )
        total = 0
        for name in _candidates(list(members)):
            read = _bounded(archive, members[name])
            if isinstance(read, str):
                yield Unreadable(name, read)
                continue
            total += len(read)
            if total > MAX_TOTAL_BYTES:
                raise _too_large()
            yield SnapshotFile(name, _project_of(name, projects), read)


def _bounded(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | str:
    """A member's content, or why it has none: its declared size is not believed."""
    try:
        with archive.open(info) as source:
            content = source.read(MAX_FILE_BYTES + 1)
    except DAMAGED as damaged:
        return f"it cannot be unpacked: {damaged}"
    if len(content) > MAX_FILE_BYTES:
        return f"it is larger than {MAX_FILE_BYTES >> 20} MB"
    return content


def _candidates(names: list[str]) -> list[str]:
    """The names that may be snapshots: those in `snapshots/`, else every JSON file."""
    files = [
        name
        for name in sorted(names)
        if PurePosixPath(name).suffix.lower() == ".json"
        and PurePosixPath(name).name not in (PROJECT_FILE, *SKIPPED_NAMES)
        and not PurePosixPath(name).name.startswith(".")
        and "__MACOSX" not in name
    ]
    in_projects = [name for name in files if PurePosixPath(name).parent.name == SNAPSHOTS]
    chosen = in_projects or files
    if not chosen:
        raise Invalid(
            "there is no snapshot of Evidently.",
            hint="A workspace has a folder for each project, and in it `snapshots/`.",
            fields={"file": "no snapshots"},
        )
    if len(chosen) > MAX_FILES:
        raise TooLarge(
            f"there are {len(chosen):,} snapshots, and at most {MAX_FILES:,} are read at once.",
            hint="Import a part of them at a time.",
        )
    return chosen


def _project_of(name: str, projects: dict[str, str]) -> str:
    return projects.get(str(PurePosixPath(name).parent.parent), "")


def _project_name(content: bytes) -> str:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    name = value.get("name") if isinstance(value, dict) else None
    return name[:200] if isinstance(name, str) else ""


def _too_large() -> TooLarge:
    return TooLarge(
        f"at most {MAX_UPLOAD_BYTES >> 20} MB are read, {MAX_FILE_BYTES >> 20} MB of one snapshot.",
        hint="Import a part of the snapshots at a time.",
    )
