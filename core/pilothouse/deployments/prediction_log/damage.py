"""Damaged parts of journals and of the prediction log, set aside where nobody reads them.

    <workspace>/damaged/journal/<deployment>/<segment>.lines   the damaged lines, unchanged
    <workspace>/damaged/journal/<deployment>/<segment>.json    their numbers and what is wrong
    <workspace>/damaged/<tree>/<deployment>/date=…/<file>      files that cannot be read

Nothing is deleted. `pilothouse doctor` lists the folder until somebody moves its files.
"""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from pilothouse.deployments.prediction_log.journal import Segment
from pilothouse.deployments.prediction_log.segment_rows import DamagedLine

FOLDER = "damaged"
JOURNAL = "journal"
LINES, NOTES = ".lines", ".json"
log = logging.getLogger("pilothouse.damage")


@dataclass(frozen=True)
class SetAside:
    """One file in the folder of damaged parts: its deployment, how many lines, and the reason.

    `lines` is 0 for a whole file.
    """

    path: str
    deployment: str
    lines: int
    reason: str


def set_lines_aside(workspace: Path, segment: Segment, damaged: tuple[DamagedLine, ...]) -> None:
    """Store the damaged lines of a segment. Idempotent, as it is repeated after a kill."""
    folder = workspace / FOLDER / JOURNAL / segment.path.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    raw = b"".join(segment.lines[item.number - 1] + b"\n" for item in damaged)
    notes = orjson.dumps([asdict(item) for item in damaged])
    _write(folder / f"{segment.id}{LINES}", raw)
    _write(folder / f"{segment.id}{NOTES}", notes)
    log.warning(
        "%d damaged lines of the journal %s were set aside: line %d, %s",
        len(damaged),
        segment.path.name,
        damaged[0].number,
        damaged[0].reason,
    )


def set_file_aside(workspace: Path, path: Path, reason: str) -> None:
    """Move a file of the prediction log that cannot be read out of the way."""
    target = workspace / FOLDER / path.relative_to(workspace)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    log.warning("%s was set aside: %s", path.name, reason)


def listing(workspace: Path, deployment: str | None = None) -> list[SetAside]:
    """Every file in the folder of damaged parts, of one deployment or of all."""
    root = workspace / FOLDER
    if not root.is_dir():
        return []
    result = []
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        is_note = parts[0] == JOURNAL and path.suffix == NOTES
        if path.is_dir() or len(parts) < 3 or is_note:
            continue
        if deployment is None or parts[1] == deployment:
            result.append(_about(path, parts))
    return result


def _about(path: Path, parts: tuple[str, ...]) -> SetAside:
    name = "/".join(parts)
    if parts[0] != JOURNAL or path.suffix != LINES:
        return SetAside(name, parts[1], 0, "the file cannot be read")
    notes = _notes(path.with_suffix(NOTES))
    lines = len(notes) or path.read_bytes().count(b"\n")
    return SetAside(name, parts[1], lines, notes[0].reason if notes else "")


def _notes(path: Path) -> list[DamagedLine]:
    try:
        return [DamagedLine(**item) for item in orjson.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.part")
    with partial.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)
