"""Reading inside one folder only: no link is followed, and nothing is read without a limit.

Every file is opened from the folder down, part by part, with O_NOFOLLOW, and each part must be a
real folder: a link is never followed, not even one that is put there while this reads.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from pilothouse.kit.errors import Invalid, Unavailable

CHUNK_SIZE = 1 << 20
MAX_YAML = 4 << 20
MAX_YAML_DEPTH, MAX_DEPTH = 16, 64
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Without O_NONBLOCK, opening a pipe or a device would block.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(.*)", re.DOTALL)
ProblemCallback = Callable[[str, str], None]


@dataclass(frozen=True)
class Entry:
    """A file or a folder inside a folder."""

    name: str
    path: str
    is_folder: bool
    is_file: bool
    size: int
    modified_s: float


class Sandbox:
    """An untrusted folder; paths inside it are texts such as `a/b/c`."""

    def __init__(
        self, folder: Path, *, schemes: Sequence[str] = (), prefixes: Sequence[str] = ("",)
    ) -> None:
        """Paths with one of the `schemes` are taken for paths of files, as `file:` is.

        `prefixes` are the folders inside, with a slash at the end, in which `relocate` looks.
        """
        self.folder = folder.resolve()
        self._schemes = tuple(schemes)
        self._prefixes = tuple(prefixes)

    @contextmanager
    def _open(self, path: str, flags: int) -> Iterator[int]:
        parts = path.split("/") if path else []
        if "\0" in path or any(part in ("", ".", "..") for part in parts):
            raise OSError(errno.EINVAL, "it is no path inside the folder")
        here = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for depth, part in enumerate(parts, 1):
                there = os.open(part, flags if depth == len(parts) else FOLDER, dir_fd=here)
                os.close(here)
                here = there
            yield here
        finally:
            os.close(here)

    def entries(
        self, path: str = "", tell: ProblemCallback = lambda _path, _why: None
    ) -> list[Entry]:
        """What is in a folder, by name; links and unprintable names are reported, not listed."""
        entries = []
        with self._open(path, FOLDER) as folder, os.scandir(folder) as scanner:
            for item in scanner:
                where = f"{path}/{item.name}" if path else item.name
                if item.is_symlink():
                    tell(where, "it is a link, and links are not followed")
                elif not _is_text(item.name):
                    tell(where, "its name is no text")
                else:
                    facts = item.stat(follow_symlinks=False)
                    is_folder, is_file = stat.S_ISDIR(facts.st_mode), stat.S_ISREG(facts.st_mode)
                    if is_folder or is_file:
                        size, modified_s = facts.st_size, facts.st_mtime
                        entry = Entry(item.name, where, is_folder, is_file, size, modified_s)
                        entries.append(entry)
                    else:
                        tell(where, "it is neither a file nor a folder")
        return sorted(entries, key=lambda entry: entry.name)

    def folders(
        self, path: str = "", tell: ProblemCallback = lambda _path, _why: None
    ) -> list[Entry]:
        """The folders in a folder; none when there is no such folder."""
        if not self.is_folder(path):
            return []
        return [entry for entry in self.entries(path, tell) if entry.is_folder]

    def is_folder(self, path: str) -> bool:
        """Whether there is a real folder."""
        try:
            with self._open(path, FOLDER):
                return True
        except (OSError, ValueError):
            return False

    def files(
        self, path: str, tell: ProblemCallback, without: Container[str] = ()
    ) -> Iterator[Entry]:
        """Every file below a folder but in folders named `without`, without following a link."""
        waiting = [path] if self.is_folder(path) else []
        while waiting:
            here = waiting.pop()
            try:
                entries = self.entries(here, tell)
            except OSError as broken:
                tell(here, reason(broken))
                continue
            for entry in entries:
                if entry.is_file:
                    yield entry
                elif entry.path.count("/") - path.count("/") > MAX_DEPTH:
                    tell(entry.path, "it lies too deep")
                elif entry.name not in without:
                    waiting.append(entry.path)

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file. Raises Unavailable when it cannot be read."""
        return self.part(path, 0, sys.maxsize)

    def part(self, path: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a part of a file. Raises Unavailable when it cannot be read."""
        with self.file(path) as file:
            file.seek(start)
            while start < end and (piece := file.read(min(CHUNK_SIZE, end - start))):
                start += len(piece)
                yield piece

    @contextmanager
    def file(self, path: str) -> Iterator[IO[bytes]]:
        """A file that can be read anywhere. Raises Unavailable when it cannot be read."""
        try:
            with self._open(path, FILE) as number:
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    raise Unavailable("it is no file.")
                with open(number, "rb", buffering=0, closefd=False) as file:
                    yield file
        except OSError as broken:
            raise Unavailable(f"it cannot be read: {reason(broken)}.") from broken

    def read_limited(self, path: str, most: int) -> bytes:
        """A whole small file. Raises Unavailable when unreadable, Invalid when it is larger."""
        content = bytearray()
        for piece in self.chunks(path):
            content += piece
            if len(content) > most:
                raise Invalid(f"it is larger than {most:,} bytes.")
        return bytes(content)

    def head(self, path: str, most: int) -> tuple[bytes, bool]:
        """The first bytes of a file, and whether there are more."""
        content = bytearray()
        for piece in self.chunks(path):
            content += piece
            if len(content) > most:
                return bytes(content[:most]), True
        return bytes(content), False

    def yaml(self, path: str) -> dict[str, Any]:
        """A YAML file that holds a mapping. Raises Unavailable or Invalid, saying why."""
        return yaml_mapping(self.read_limited(path, MAX_YAML))

    def relocate(self, uri: str, owner: str) -> str | None:
        """Where a path of the machine that wrote it is in this folder, or None.

        The owner's id must be part of it, so that nobody can choose the path that is read.
        """
        parts = [
            part
            for part in re.split(r"[/\\]+", local_path(uri, *self._schemes))
            if part not in ("", ".")
        ]
        if owner not in parts or ".." in parts:
            return None
        for start in range(parts.index(owner) + 1):
            for above in self._prefixes:
                path = above + "/".join(parts[start:])
                if self.is_folder(path):
                    return path
        return None

    def is_elsewhere(self, uri: str) -> bool:
        """Whether a URI names a location that is no folder, such as a bucket."""
        match = SCHEME.fullmatch(uri)
        return match is not None and match[1].lower() not in ("file", *self._schemes)


def local_path(uri: str, *schemes: str) -> str:
    """The path that a URI of a file means, or one of these schemes; of any other, nothing."""
    match = SCHEME.fullmatch(uri)
    if match is None:
        return uri
    is_local = match[1].lower() in ("file", *schemes)
    return unquote(match[2].split("?")[0]) if is_local else ""


def yaml_mapping(data: bytes) -> dict[str, Any]:
    """Parse YAML that is a mapping of plain values. Raises Invalid, saying what is wrong.

    It is scanned as a stream of events first: libyaml's loader crashes on deep nesting, and aliases
    can make a file of a kilobyte expand without end ("billion laughs").
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(data, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                raise Invalid("its YAML refers to itself.")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_YAML_DEPTH:
                raise Invalid("its YAML is nested too deep.")
        value = yaml.load(data, Loader=loader)
    except (yaml.YAMLError, ValueError, OverflowError) as broken:
        raise Invalid(f"it is no YAML that can be read ({type(broken).__name__}).") from broken
    if not isinstance(value, dict):
        raise Invalid("it is empty or no YAML mapping.")
    return value


def reason(broken: Exception) -> str:
    """Why something could not be read, without the path of this machine."""
    if isinstance(broken, OSError):
        if broken.errno in (errno.ELOOP, errno.ENOTDIR):
            return "it is a link or no folder"
        return (broken.strerror or type(broken).__name__).lower()
    return str(broken).rstrip(".")


def _is_text(name: str) -> bool:
    return name.isprintable() and not any("\ud800" <= c <= "\udfff" for c in name)
