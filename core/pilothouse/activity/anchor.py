"""The anchor: the log's head and length, in a small file beside the database.

    <workspace>/activity.anchor      one line a commit: <entries> <hash of the newest>

A log that was emptied, cut off or rewritten has a valid chain; it no longer fits this file. A
line is appended after each commit that wrote to the log, so a program killed in between leaves an
anchor that is behind, never one that is ahead. Lines are appended whole, so several programs may
write at once. Only the newest lines are kept.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = "activity.anchor"
MAX_BYTES = 256 * 1024
KEEP_LINES = 100
LINE = re.compile(r"(?P<entries>\d{1,18}) (?P<hash>[0-9a-f]{64})")
log = logging.getLogger("pilothouse.activity")


@dataclass(frozen=True)
class Anchor:
    """How long the log was at some commit, and the hash of its newest entry then."""

    entries: int
    hash: str


def append(folder: Path, anchor: Anchor) -> None:
    """Append the head of the log. A failure is only logged: the entries are committed already."""
    path = folder / FILE
    line = f"{anchor.entries} {anchor.hash}\n".encode()

    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line)
            size = os.fstat(file).st_size
        finally:
            os.close(file)

        if size > MAX_BYTES:
            _truncate(path)
    except OSError as refused:
        log.warning("the anchor of the activity log is not written: %s", refused)


def read(folder: Path) -> list[Anchor] | None:
    """Every anchor that is kept, oldest first; None when there is no file.

    Raises ValueError for a malformed line; an incomplete last line is ignored.
    """
    try:
        text = (folder / FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ValueError("its anchor cannot be read") from None

    anchors = []
    for number, line in enumerate(text.split("\n")[:-1], 1):
        parts = LINE.fullmatch(line)
        if parts is None:
            raise ValueError(f"line {number} of its anchor cannot be read")
        anchors.append(Anchor(int(parts["entries"]), parts["hash"]))
    return anchors


def remove(folder: Path) -> None:
    """Delete the anchor: for a workspace that is emptied on purpose."""
    (folder / FILE).unlink(missing_ok=True)


def mismatch(anchors: Sequence[Anchor], hashes: Sequence[str]) -> str:
    """How a log with these hashes differs from its anchors; empty when it does not."""
    for anchor in anchors:
        if anchor.entries > len(hashes):
            lost = max(item.entries for item in anchors) - len(hashes)
            return (
                f"the newest {lost} entries are missing: the anchor beside the database was at "
                f"{len(hashes) + lost} entries, the log has {len(hashes)}"
            )
        if anchor.entries and hashes[anchor.entries - 1] != anchor.hash:
            return f"entry {anchor.entries} is not the one that the anchor beside the database says"
    return ""


def _truncate(path: Path) -> None:
    """Keep the newest lines. A line that another program appends meanwhile may be lost."""
    lines = path.read_bytes().splitlines(keepends=True)[-KEEP_LINES:]
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_bytes(b"".join(lines))
    partial.chmod(0o600)
    partial.replace(path)
