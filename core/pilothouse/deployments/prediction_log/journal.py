"""The journal: predictions and labels, written before their response is sent.

One line of JSON per request, appended by one write(), so that a killed server loses nothing that it
acknowledged: the kernel has the data. There is no fsync, so a power cut may lose the last seconds.
A segment is sealed by size or age; the segments of a server that no longer runs count as sealed.
Compaction turns sealed segments into Parquet and removes them. While the disk is full, lines of
predictions wait in memory up to a bound, so that callers are answered; a killed server loses these.

    <workspace>/journal/<deployment>/<uuid7>.<pid>.<create ms>.open
    <workspace>/journal/<deployment>/<uuid7>.sealed

Lines: `{"q":…}` a request and, in it, its predictions: inputs as `columns`, a list each, or as the
values of one `row`; outputs as `out`;
`{"l":…}` labels; `{"t":…}` the types of a version's inputs and the kinds of its outputs, and which
inputs whoever reads the segment hashes, before its first predictions in the segment. Older lines
have `score` in the place of `out`.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from pilothouse.kit.errors import Unavailable
from pilothouse.kit.ids import uuid7
from pilothouse.kit.processes import is_running
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of

log = logging.getLogger("pilothouse.journal")
SEAL_BYTES = 4 * 1024 * 1024  # readers parse what is not sealed
SEAL_SECONDS = 60.0
MAX_WAITING_BYTES = 64 * 1024 * 1024  # of one deployment, while the disk is full
RETRY_SECONDS = 0.5
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OPEN, SEALED = ".open", ".sealed"
KINDS = ("q", "l", "t")
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NAME = re.compile(rf"{ID}(?:\.(?P<pid>\d{{1,9}})\.(?P<birth>\d{{1,15}})\.open|\.sealed)")
AT = re.compile(rb'\{"[ql]":\{"at":(\d{1,16}),')
MAX_STAMP = 4_102_444_800_000_000  # the year 2100: a damaged line must not stop the clock for ever
MAX_TRIES = 100  # to read segments while they are being sealed and compacted


class DiskFull(Unavailable):
    """The disk has no room for a line."""


@dataclass(frozen=True)
class Segment:
    """One file of a journal, read whole; the id stays the same when the file is sealed."""

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
        self._typed_versions: set[int] = set()
        self._hashed: tuple[str, ...] = ()
        self._last_us = -1
        self._waiting: deque[bytes] = deque()
        self._retry_at = 0.0
        self.waiting_bytes = 0

    def stamp(self) -> int:
        """The current time in microseconds, but later than every earlier stamp of this journal.

        Of labels for one id the last stamp counts, so stamps must increase even when the clock was
        set back, also across processes.
        """
        if self._last_us < 0:
            self._last_us = _last_stamp(self._folder)
        self._last_us = max(time.time_ns() // 1_000, self._last_us + 1)
        return self._last_us

    def predictions(
        self,
        version: int,
        signature: Signature,
        line: dict[str, Any],
        hashed: tuple[str, ...] = (),
    ) -> None:
        """Append the predictions of a request. Raises Unavailable when the disk refuses.

        While the disk is full they wait in memory, until there is no room there either. Readers
        hash the `hashed` inputs, and so does compaction: that costs no request anything.
        """
        self._seal_if_due()
        if hashed != self._hashed:
            self._typed_versions.clear()  # the segment says it; then it holds for all of its rows
            self._hashed = hashed
        data = _line({"q": line})
        if version not in self._typed_versions:
            data = _line({"t": _types(version, signature, hashed)}) + data
        self._append_or_keep(data)
        self._typed_versions.add(version)

    def request(self, line: dict[str, Any]) -> None:
        """Append a request without predictions: it failed, or they are not logged.

        Raises Unavailable when the disk refuses.
        """
        self._seal_if_due()
        self._append_or_keep(_line({"q": line}))

    def labels(self, line: dict[str, Any]) -> None:
        """Append labels. Raises Unavailable when the disk refuses."""
        self._seal_if_due()
        self._append(_line({"l": line}))

    def _append_or_keep(self, data: bytes) -> None:
        """Append a line after those that wait; keep it in memory while the disk is full."""
        if self._write_waiting():
            try:
                self._append(data)
            except DiskFull as full:
                log.error("%s Lines wait in memory until there is room.", full.message)
            else:
                return
        if self.waiting_bytes + len(data) > MAX_WAITING_BYTES:
            raise _disk_full()
        self._waiting.append(data)
        self.waiting_bytes += len(data)

    def _write_waiting(self) -> bool:
        """Append what waits, in its order; whether nothing is left. The disk is tried seldom."""
        if not self._waiting:
            return True
        if time.monotonic() < self._retry_at:
            return False
        count, size = len(self._waiting), self.waiting_bytes
        try:
            while self._waiting:
                self._append(self._waiting[0])
                self.waiting_bytes -= len(self._waiting.popleft())
        except Unavailable:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return False
        log.warning("%d lines (%d bytes) that waited for the disk are written", count, size)
        return True

    def _append(self, data: bytes) -> None:
        try:
            if self._file < 0:
                self._open()
            written = os.write(self._file, data)
        except OSError as refused:
            if refused.errno in FULL:
                raise _disk_full() from refused
            raise _unwritable(str(refused.strerror)) from refused
        if written != len(data):  # a full disk takes a part: cut it off, or the next line joins it
            os.ftruncate(self._file, self._size)
            raise _disk_full()
        self._size += written

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = self._folder / f"{uuid7()}.{os.getpid()}.{_born_ms()}{OPEN}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._size, self._opened_at = 0, time.monotonic()
        self._typed_versions.clear()

    def _seal_if_due(self) -> None:
        if self._size >= self._seal_bytes and not self._waiting:
            self.seal()

    def seal_if_old(self) -> None:
        """Seal the segment when it has been open long enough; called regularly by the server.

        What waits for the disk is tried again, also when no request comes.
        """
        if not self._write_waiting():
            return
        if self._file >= 0 and time.monotonic() - self._opened_at >= self._seal_seconds:
            self.seal()

    def seal(self, *, durable: bool = False) -> None:
        """Close the segment, so that it can be compacted; `durable` waits for the disk."""
        self._retry_at = 0.0
        if not self._write_waiting():
            log.error("%d lines are lost: the disk is full", len(self._waiting))
            self._waiting.clear()
            self.waiting_bytes = 0
        if self._file < 0:
            return
        if durable:
            os.fsync(self._file)
        os.close(self._file)
        self._file, self._size = -1, 0
        self._typed_versions.clear()
        with suppress(OSError):  # the sealed segment still has its stamps
            _store_stamp(self._folder, self._last_us)
        with suppress(FileNotFoundError):  # the folder was removed: nothing is left to seal
            self._path.rename(_sealed_name(self._path))


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _types(version: int, signature: Signature, hashed: tuple[str, ...]) -> dict[str, Any]:
    types: dict[str, Any] = {
        "version": version,
        "types": {field.name: field.type for field in signature.inputs},
        "outputs": {c.name: c.kind for c in task_of(signature).columns(signature)},
    }
    return types | {"hashed": hashed} if hashed else types


def _store_stamp(folder: Path, stamp: int) -> None:
    """Store the newest stamp: compaction will remove the segments that have it."""
    path = folder.parent / f".{folder.name}.stamp"
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(str(max(stamp, _stored_stamp(folder))), encoding="ascii")
    partial.replace(path)


def _stored_stamp(folder: Path) -> int:
    try:
        text = (folder.parent / f".{folder.name}.stamp").read_text(encoding="ascii")
        return min(int(text), MAX_STAMP)
    except (OSError, ValueError):
        return 0


def _last_stamp(folder: Path) -> int:
    """The newest stamp of a journal, from its stored stamp and its segments."""
    stamps = [
        int(match[1]) for s in segments(folder) for line in s.lines if (match := AT.match(line))
    ]
    return max([_stored_stamp(folder), *(at for at in stamps if at <= MAX_STAMP)])


def segments(folder: Path) -> list[Segment]:
    """Every segment of a journal folder that can be read, oldest first, complete lines only.

    When a segment is sealed or compacted meanwhile, all are read again, so that a reader that
    continues with Parquet sees every line at least once. Raises Unavailable after `MAX_TRIES`.
    """
    for _ in range(MAX_TRIES):
        try:
            return [
                s for path in sorted(_paths(folder)) if (s := _read_if_possible(path)) is not None
            ]
        except FileNotFoundError:
            continue
    raise Unavailable(
        f"the journal {folder.name!r} changes faster than it can be read.",
        hint="Try again in a moment.",
    )


def paths(folder: Path) -> list[Path]:
    """The files of a journal's segments, oldest first."""
    return sorted(_paths(folder))


def unrecognised_files(folder: Path) -> list[Path]:
    """Files in a journal folder that are not segments: nobody reads them."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not _is_segment(path))


def sealed(folder: Path) -> list[Path]:
    """The segments that no process writes to any more, oldest first."""
    return sorted(p for p in _paths(folder) if p.suffix == SEALED or not _has_writer(p))


def read(path: Path) -> Segment:
    """One segment. Raises FileNotFoundError when it is gone."""
    return _read(path)


def kind_of(line: bytes) -> str:
    """The kind of a line by its first characters; empty for anything else.

    PERF: without parsing, as most readers need one kind only.
    """
    start = line[:5]
    return chr(start[2]) if start in _STARTS else ""


_STARTS = {b'{"' + kind.encode() + b'":' for kind in KINDS}


def _paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if _is_segment(path)]


def _is_segment(path: Path) -> bool:
    """Whether it is a file with the name of a segment."""
    return NAME.fullmatch(path.name) is not None and not path.is_symlink() and not path.is_dir()


def _read_if_possible(path: Path) -> Segment | None:
    """The segment, or None when it cannot be read: the others still count."""
    try:
        return _read(path)
    except FileNotFoundError:
        raise
    except OSError as refused:
        log.warning("the journal %s cannot be read: %s", path, refused.strerror)
        return None


def _read(path: Path) -> Segment:
    data = path.read_bytes()
    *whole, _torn = data.split(b"\n")
    return Segment(path.name.split(".", 1)[0], path, tuple(whole))


def _born_ms() -> int:
    return int(psutil.Process().create_time() * 1_000)


def _sealed_name(path: Path) -> Path:
    return path.with_name(path.name.split(".", 1)[0] + SEALED)


def _has_writer(path: Path) -> bool:
    name = NAME.fullmatch(path.name)
    if name is None:
        return False
    return is_running(int(name["pid"]), int(name["birth"]) / 1_000)


def _disk_full() -> DiskFull:
    return DiskFull(
        "the prediction log cannot be written: no space left.",
        hint="Free some space in the workspace's folder; nothing is answered that cannot be kept.",
    )


def _unwritable(reason: str) -> Unavailable:
    return Unavailable(
        f"the prediction log cannot be written: {reason}.",
        hint="Free some space in the workspace's folder; nothing is answered that is not logged.",
    )
