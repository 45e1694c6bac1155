"""What a target writes: files by their paths, and what it says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOTES = "NOTES.md"


@dataclass(frozen=True)
class TarGz:
    """A tar archive within an archive: the same bytes for the same files."""

    files: Mapping[str, bytes | Path]


@dataclass(frozen=True)
class Zip:
    """A zip archive within an archive, in the same way."""

    files: Mapping[str, bytes | Path]


Content = bytes | Path | TarGz | Zip
Files = Mapping[str, Content]


@dataclass(frozen=True)
class ExportPlan:
    """The files of an export; what is carried over, and what cannot be and why, as sentences.

    `steps` is how it is started, as Markdown. `notes` are what to know before that.
    """

    files: Files
    carried: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    steps: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of its files, sorted."""
        return tuple(sorted(self.files))


def text(value: str) -> bytes:
    """A text file, which ends with a line."""
    return (value.rstrip("\n") + "\n").encode()


def json_file(value: Any) -> bytes:
    """A JSON file for people to read."""
    return text(json.dumps(value, indent=2, ensure_ascii=False))


def yaml_file(value: Any) -> bytes:
    """A YAML file, as `yaml_text`."""
    return text(yaml_text(value))


def yaml_text(value: Any) -> str:
    """A value as YAML in the order given, without anchors."""
    import yaml

    class PlainDumper(yaml.SafeDumper):
        """Repeats what occurs twice, and indents lists."""

        def ignore_aliases(self, data: Any) -> bool:
            """Anchors are hard to read."""
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            """With the dash of a list below its key, not beside it."""
            super().increase_indent(flow, False)

    return yaml.dump(value, Dumper=PlainDumper, sort_keys=False, width=4096, allow_unicode=True)
