"""A file of JSON lines in the workspace's own folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pilothouse.interop.events.messages import IncomingMessage
from pilothouse.interop.events.positions import StoredPositions
from pilothouse.interop.events.systems import Permissions, TopicReader, TopicWriter, systems
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.folders import PRIVATE_FILE, PRIVATE_FOLDER
from pilothouse.kit.names import NameRule
from pilothouse.kit.parameters import Parameter, Params

FILE = NameRule("file", field="params.name")


@systems.register("file")
class JsonLines:
    """Lines are appended to `events/NAME.jsonl`; whoever reads it moves it away."""

    title = "File"
    description = "A file of JSON lines below the folder of the workspace."
    needs = extra = ""
    reads = False
    at_once = 1_000
    parameters = (
        Parameter(
            "name", "text", required=True, title="Name of the file", help="events/NAME.jsonl."
        ),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for what is no name of a file."""
        FILE.check(settings.text("name"))

    @staticmethod
    def place(settings: Params) -> str:
        """The file below the workspace."""
        return f"events/{settings.text('name')}.jsonl"

    @staticmethod
    def reader(settings: Params, positions: StoredPositions) -> TopicReader:
        """Nothing can be read there."""
        raise Invalid("a file is only written to.")

    @staticmethod
    def writer(settings: Params, permissions: Permissions, target: str = "") -> TopicWriter:
        """Make the folder, which only its owner reads."""
        FILE.check(settings.text("name"))
        return LineWriter(permissions.folder / f"{settings.text('name')}.jsonl")

    @staticmethod
    def newest(settings: Params, most: int) -> Sequence[IncomingMessage]:
        """Nothing can be read there."""
        return ()


class LineWriter:
    """Appends lines, with one write for all that was handed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[bytes] = []
        try:
            path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        except OSError as refused:
            raise _unwritable(path, refused) from refused

    def write(self, key: str, value: bytes) -> None:
        """Keep a line until the next flush."""
        self._lines.append(value + b"\n")

    def flush(self) -> None:
        """Append the lines and wait for the disk. Raises Unavailable when it refuses."""
        lines, self._lines = self._lines, []
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            with open(os.open(self._path, flags, PRIVATE_FILE), "ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as refused:
            raise _unwritable(self._path, refused) from refused

    def close(self) -> None:
        """Nothing is open between flushes."""


def _unwritable(path: Path, refused: OSError) -> Unavailable:
    return Unavailable(f"{path.name} cannot be written: {refused.strerror}.")
