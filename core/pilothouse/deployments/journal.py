"""The journal: what was answered, written down before the answer is sent.

One line of JSON per request, appended by one write(), so that a killed server loses nothing that it
acknowledged. A segment is sealed by its size or age; the segments of a server that is gone count as
sealed. Compaction turns sealed segments into Parquet and removes them.

    <workspace>/journal/<deployment>/<uuid7>.<pid>.<create ms>.open
    <workspace>/journal/<deployment>/<uuid7>.sealed

Lines: `{"q":…}` a request and, in it, its predictions; `{"l":…}` labels; `{"t":…}` the types of a
version's columns, before its first predictions in the segment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from pilothouse.experiments.signature import Signature
from pilothouse.kit.errors import Unavailable
from pilothouse.kit.ids import uuid7
from pilothouse.kit.processes import is_running

SEAL_BYTES = 4 * 1024 * 1024  # readers parse what is not sealed
SEAL_SECONDS = 60.0
OPEN, SEALED = ".open", ".sealed"


@dataclass(frozen=True)
class Segment:
    """One file of a journal, read whole: its name never changes what it says."""

    id: str
    path: Path
    lines: tuple[bytes, ...]


class Journal:
    """The journal of one deployment in one server process."""

    def __init__(
        self, folder: Path, *, seal_bytes: int = SEAL_BYTES, seal_seconds: float = SEAL_SECONDS
    ) -> None:
        self._folder = folder
        self._seal_bytes = seal_bytes
        self._seal_seconds = seal_seconds
        self._file = -1
        self._path = folder
        self._size = 0
        self._opened_at = 0.0
        self._typed: set[int] = set()
        self._last_us = 0

    def stamp(self) -> int:
        """The present instant in microseconds, later than every stamp before it."""
        self._last_us = max(time.time_ns() // 1_000, self._last_us + 1)
        return self._last_us

    def predictions(self, number: int, signature: Signature, line: dict[str, Any]) -> None:
        """Write down an answered request. Raises Unavailable when the disk refuses."""
        self._seal_if_due()
        data = orjson.dumps({"q": line}) + b"\n"
        if number not in self._typed:
            types = {field.name: field.type for field in signature.inputs}
            data = orjson.dumps({"t": {"version": number, "types": types}}) + b"\n" + data
        self._append(data)
        self._typed.add(number)

    def refused(self, line: dict[str, Any]) -> None:
        """Write down a request that got an error."""
        self._seal_if_due()
        self._append(orjson.dumps({"q": line}) + b"\n")

    def labels(self, line: dict[str, Any]) -> None:
        """Write down labels. Raises Unavailable when the disk refuses."""
        self._seal_if_due()
        self._append(orjson.dumps({"l": line}) + b"\n")

    def _append(self, data: bytes) -> None:
        try:
            if self._file < 0:
                self._open()
            written = os.write(self._file, data)
        except OSError as refused:
            raise _unwritable(str(refused.strerror)) from refused
        if written != len(data):  # a full disk takes a part; a torn line must not swallow the next
            os.ftruncate(self._file, self._size)
            raise _unwritable("no space left")
        self._size += written

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path = self._folder / f"{uuid7()}.{os.getpid()}.{_born_ms()}{OPEN}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o644)
        self._size, self._opened_at = 0, time.monotonic()
        self._typed.clear()

    def _seal_if_due(self) -> None:
        if self._size >= self._seal_bytes:
            self.seal()

    def seal_if_old(self) -> None:
        """Seal the segment when it has been open long enough: called by the server's clock."""
        if self._file >= 0 and time.monotonic() - self._opened_at >= self._seal_seconds:
            self.seal()

    def seal(self) -> None:
        """Close the segment, so that it can be compacted."""
        if self._file < 0:
            return
        os.close(self._file)
        self._file, self._size = -1, 0
        with suppress(FileNotFoundError):  # the folder was taken away: nothing is left to seal
            self._path.rename(_sealed_name(self._path))


def segments(folder: Path) -> list[Segment]:
    """Every segment of a journal folder, oldest first, complete lines only.

    A segment that is sealed or compacted while this looks makes it look again, so that a reader
    that goes on to Parquet sees every line at least once.
    """
    while True:
        try:
            return [_read(path) for path in sorted(_paths(folder))]
        except FileNotFoundError:
            continue


def sealed(folder: Path) -> list[Path]:
    """The segments that nobody writes to any more, oldest first."""
    return sorted(p for p in _paths(folder) if p.suffix == SEALED or not _has_writer(p))


def read(path: Path) -> Segment:
    """One segment. Raises FileNotFoundError when it is gone."""
    return _read(path)


def lines(segment: Segment, kind: str) -> Iterator[dict[str, Any]]:
    """The segment's lines of one kind, without parsing the others."""
    start = b'{"' + kind.encode() + b'":'
    for line in segment.lines:
        if line.startswith(start):
            value: dict[str, Any] = orjson.loads(line)[kind]
            yield value


def _paths(folder: Path) -> list[Path]:
    if not folder.exists():
        return []
    return [p for p in folder.iterdir() if p.suffix in (OPEN, SEALED)]


def _read(path: Path) -> Segment:
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    return Segment(path.name.split(".", 1)[0], path, tuple(whole.splitlines()))


def _born_ms() -> int:
    return int(psutil.Process().create_time() * 1_000)


def _sealed_name(path: Path) -> Path:
    return path.with_name(path.name.split(".", 1)[0] + SEALED)


def _has_writer(path: Path) -> bool:
    _, pid, birth, _ = path.name.split(".")
    return is_running(int(pid), int(birth) / 1_000)


def _unwritable(words: str) -> Unavailable:
    return Unavailable(
        f"the prediction log cannot be written: {words}.",
        hint="Free some space in the workspace's folder; nothing was answered that is not logged.",
    )
