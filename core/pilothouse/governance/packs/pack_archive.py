"""The archive of a pack: files are written one after the other, and each is hashed on the way."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pilothouse.kit.spreadsheets import escape

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class PackFile:
    """A file of a pack: its path, its size, its SHA-256, and what it holds."""

    path: str
    bytes: int
    sha256: str
    about: str


class PackArchive:
    """A zip file that is written once, from its first file to its manifest.

    Nothing but the file that is being written is held in memory, and of long ones a part.
    """

    def __init__(self, path: Path, made_at: datetime) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        self._date = (made_at.year, made_at.month, made_at.day, made_at.hour, made_at.minute, 0)
        self.files: list[PackFile] = []

    def add(self, path: str, data: bytes, about: str) -> None:
        """Write a file whole."""
        self.stream(path, [data], about)

    def add_json(self, path: str, value: Any, about: str) -> None:
        """Write a value as JSON for people and programs."""
        self.add(path, to_json(value), about)

    def add_csv(
        self, path: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], about: str
    ) -> int:
        """Write rows as CSV, whose texts no spreadsheet takes for formulas; how many there are."""
        count = 0

        def lines() -> Iterable[bytes]:
            nonlocal count
            yield _csv_line(columns)
            for row in rows:
                count += 1
                yield _csv_line([escape(_cell(row.get(name))) for name in columns])

        self.stream(path, lines(), about)
        return count

    def stream(self, path: str, parts: Iterable[bytes], about: str) -> None:
        """Write a file part by part."""
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(path, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED
        with self._zip.open(info, "w", force_zip64=True) as file:
            for part in parts:
                digest.update(part)
                size += len(part)
                file.write(part)
        self.files.append(PackFile(path, size, digest.hexdigest(), about))

    def close(self, head: Mapping[str, Any]) -> str:
        """Write the manifest of every file, close the archive, and return the manifest's digest."""
        data = to_json({**head, "files": [vars(file) for file in self.files]})
        self.add(MANIFEST, data, "every file of this pack with its SHA-256")
        self._zip.close()
        return self.files[-1].sha256

    def abandon(self) -> None:
        """Close what is written so far, for a pack that failed."""
        self._zip.close()


def to_json(value: Any) -> bytes:
    """A value as JSON in UTF-8: instants in ISO 8601, null for what is no number."""
    text = json.dumps(_plain(value), ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def canonical(value: Any) -> bytes:
    """JSON as digests of evidence are of it: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)
    return value


def _csv_line(cells: Sequence[Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue().encode("utf-8", "backslashreplace")
