"""A YAML file as plain values with the line of each, read with suspicion.

A file from a stranger must not exhaust memory: its size, its depth and its number of values are
bounded before anything is made of it, and anchors with their aliases, by which a small file becomes
a huge value, are refused. Of YAML 1.1 only `true` and `false` are truth values, so that the country
NO stays a text, and dates stay texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from pilothouse.kit.errors import Invalid

MAX_BYTES = 200_000
MAX_DEPTH = 20
MAX_VALUES = 20_000
MAX_REPORTED = 20
Path = tuple[str | int, ...]
BOOLEAN, TIMESTAMP = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"


@dataclass
class Document:
    """The values of a file and the line, from 1, on which each begins."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of a value, or of the nearest one around it; None when there are no lines."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(text: str) -> Document:
    """The one document of a text. Raises Invalid that names the line."""
    if len(text.encode()) > MAX_BYTES:
        raise Invalid(
            f"the file has more than {MAX_BYTES // 1000} kB.",
            hint="Such a file names data and code; it does not hold them.",
        )
    try:
        _check_events(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as broken:
        raise _invalid(broken) from None
    document = Document({})
    if root is not None:
        document.value = _value(root, (), document)
    return document


def field_of(path: Path) -> str:
    """A path as a field: `policies[0].gates[1].params.margin`; `file` for the whole."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "file"


def file_error(faults: Mapping[str, str]) -> Invalid:
    """The error of a file that has these faults by field; the first ones are in its message."""
    lines = [f"{field}: {message}" for field, message in faults.items()]
    rest = len(lines) - MAX_REPORTED
    reported = lines[:MAX_REPORTED] + ([f"and {rest} more"] if rest > 0 else [])
    count = "one fault" if len(lines) == 1 else f"{len(lines)} faults"
    return Invalid(f"the file has {count}: {'; '.join(reported)}.", fields=dict(faults))


class FaultReader:
    """Reads the values of a document and collects its faults by field, each with its line."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: dict[str, str] = {}

    def text(self, value: Mapping[str, Any], path: Path, name: str) -> str:
        """A text that an object must have; "" and a fault without one."""
        text = value.get(name)
        if not isinstance(text, str) or not text:
            self.fault((*path, name), "needed, as a text")
            return ""
        return text

    def refuse_unknown(self, value: Mapping[str, Any], path: Path, fields: Sequence[str]) -> None:
        """Note every field of an object that is none of these."""
        for name in value:
            if name not in fields:
                self.fault((*path, name), f"unknown; there are {', '.join(fields)}")

    def fault(self, path: Path, message: str) -> None:
        """Note what is wrong with a value."""
        line = self.document.line(path)
        self.faults[field_of(path)] = message if line is None else f"line {line}: {message}"


def _check_events(text: str) -> None:
    """Look at the file as a stream, in which nothing is nested or repeated yet."""
    depth, count = 0, 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Invalid(
                f"line {line}: anchors and aliases (& and *) are not read.",
                hint="Write the value out where it is used.",
            )
        count += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise Invalid(f"line {line}: values are nested deeper than {MAX_DEPTH} levels.")
        if count > MAX_VALUES:
            raise Invalid(f"line {line}: the file has more than {MAX_VALUES:,} values.")


def _invalid(broken: yaml.YAMLError) -> Invalid:
    mark = getattr(broken, "problem_mark", None)
    problem = getattr(broken, "problem", None) or str(broken)
    line = f"line {mark.line + 1}: " if mark is not None else ""
    return Invalid(f"{line}this is not YAML: {problem}.")


def _value(node: yaml.Node, path: Path, document: Document) -> Any:
    document.lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), document) for index, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise Invalid(f"line {line}: a name must be a text.")
        if key.value in result:
            raise Invalid(f"line {line}: {key.value!r} stands here a second time.")
        result[key.value] = _value(item, (*path, key.value), document)
        document.lines[(*path, key.value)] = line
    return result


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    if node.tag == TIMESTAMP or (node.tag == BOOLEAN and text.lower() not in ("true", "false")):
        return text
    try:
        return yaml.SafeLoader("").construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as broken:
        line = node.start_mark.line + 1
        raise Invalid(f"line {line}: {text[:50]!r} cannot be read: {broken}.") from None
