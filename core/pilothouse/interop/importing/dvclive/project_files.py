"""The files of a project, in a folder or in a commit, read the same way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from pilothouse.interop.importing.dvclive.git_repository import GitFile, GitRepository
from pilothouse.interop.importing.json_lines import parsed_json
from pilothouse.interop.importing.sandbox import MAX_YAML, Entry, Sandbox, yaml_mapping
from pilothouse.kit.errors import Invalid

MAX_DEPTH = 16


class ProjectFiles(Protocol):
    """The files of a project by their path below it."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Each file with its size."""
        ...

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file. Raises Unavailable."""
        ...

    def digest(self, path: str) -> str:
        """What Git calls a file with these bytes. Raises Unavailable."""
        ...


@dataclass(frozen=True)
class FolderFiles:
    """A folder of this machine."""

    root: Sandbox
    path: str
    entries: Mapping[str, Entry]

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Each file with its size."""
        return {path: entry.size for path, entry in self.entries.items()}

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file. Raises Unavailable."""
        return self.root.chunks(f"{self.path}/{path}" if self.path else path)

    def digest(self, path: str) -> str:
        """What Git calls a file with these bytes. Raises Unavailable."""
        digest = hashlib.sha1(b"blob %d\0" % self.entries[path].size, usedforsecurity=False)
        for piece in self.chunks(path):
            digest.update(piece)
        return digest.hexdigest()


@dataclass(frozen=True)
class CommitFiles:
    """A commit of a repository."""

    repository: GitRepository
    files: Mapping[str, GitFile]

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Each file with its size."""
        return {path: file.size for path, file in self.files.items()}

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file. Raises Unavailable."""
        return self.repository.chunks(self.files[path])

    def digest(self, path: str) -> str:
        """What Git calls a file with these bytes."""
        return self.files[path].object


def mapping_in(files: ProjectFiles, path: str) -> dict[str, Any]:
    """What a file of YAML or JSON says. Raises Unavailable or Invalid, saying why."""
    if files.sizes[path] > MAX_YAML:
        raise Invalid(f"it is larger than {MAX_YAML:,} bytes.")
    content = b"".join(files.chunks(path))
    if not path.endswith(".json"):
        return yaml_mapping(content)
    value = parsed_json(content)
    if not isinstance(value, dict):
        raise Invalid("it is no mapping in JSON.")
    return value


def flat(values: Mapping[str, Any], separator: str, above: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings with their paths."""
    for key, value in values.items():
        path = f"{above}{separator}{key}" if above else str(key)
        if isinstance(value, dict) and path.count(separator) < MAX_DEPTH:
            yield from flat(value, separator, path)
        else:
            yield path, value
