"""What an ONNX file says, read from its protobuf without a library: external files, class names.

A field is a key (number and wire type) and a value; only the messages that lead to tensors and
attributes are followed. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pilothouse.kit.errors import Invalid

MAX_DEPTH = 60
MAX_MESSAGES = 5_000_000
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Message: field number -> the message inside of it.
FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
CLASS_LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


@dataclass
class OnnxFile:
    """Where tensors outside of the file are, and the class names of its classifiers."""

    external: list[str] = field(default_factory=list)
    classes: list[list[str | int]] = field(default_factory=list)
    messages: int = 0


def read_onnx(data: bytes, model_path: str, files: Collection[str]) -> OnnxFile:
    """Walk through the file at `model_path`, one of the model's `files`.

    Raises Invalid when it is damaged, nested too deep, or refers to a tensor that is not one of the
    model's files.
    """
    result = OnnxFile()
    _walk(memoryview(data), "model", result, 0)
    _check_external(result.external, PurePosixPath(model_path).parent, files)
    return result


def _check_external(locations: list[str], folder: PurePosixPath, files: Collection[str]) -> None:
    for location in locations:
        path = PurePosixPath(location)
        inside = not path.is_absolute() and ".." not in path.parts and "\\" not in location
        if not inside or str(folder / path) not in files:
            raise Invalid(
                f"The ONNX file refers to {location[:200]!r}, which is no file of this model."
            )


def _walk(data: memoryview, kind: str, result: OnnxFile, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Invalid("The ONNX file is nested too deep to be read.")
    if kind == "entry":
        _note_entry(data, result)
        return
    if kind == "attribute":
        _note_classes(data, result)
    for number, wire, value in _fields(data):
        inner = FIELDS[kind].get(number)
        if inner is not None and wire == BYTES and isinstance(value, memoryview):
            result.messages += 1
            if result.messages > MAX_MESSAGES:
                raise Invalid("The ONNX file has too many parts to be read.")
            _walk(value, inner, result, depth + 1)


def _fields(data: memoryview) -> Iterator[tuple[int, int, memoryview | int]]:
    start = 0
    while start < len(data):
        key, start = _varint(data, start)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, start = _varint(data, start)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, start = _varint(data, start)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise Invalid("The ONNX file is damaged: it is no protobuf message.")
        if number == 0 or start + length > len(data):
            raise Invalid("The ONNX file is damaged: it ends within a part.")
        yield number, wire, data[start : start + length]
        start += length


def _varint(data: memoryview, start: int) -> tuple[int, int]:
    value = shift = 0
    while start < len(data) and shift < 70:
        byte = data[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7
    raise Invalid("The ONNX file is damaged: it ends within a number.")


def _note_entry(data: memoryview, result: OnnxFile) -> None:
    """A tensor's external data: pairs of key and value."""
    texts = {number: bytes(v) for number, _, v in _fields(data) if isinstance(v, memoryview)}
    if texts.get(1) == b"location":
        result.external.append(texts.get(2, b"").decode("utf-8", "replace"))


def _note_classes(data: memoryview, result: OnnxFile) -> None:
    """The class labels of a classifier: an attribute of strings (9) or of integers (8)."""
    name, labels = b"", list[str | int]()
    for number, wire, value in _fields(data):
        if number == 1 and isinstance(value, memoryview):
            name = bytes(value)
        elif number == 9 and isinstance(value, memoryview):
            labels.append(bytes(value).decode("utf-8", "replace"))
        elif number == 8 and wire == VARINT and isinstance(value, int):
            labels.append(value)
        elif number == 8 and isinstance(value, memoryview):
            start = 0
            while start < len(value):
                label, start = _varint(value, start)
                labels.append(label)
    if name.decode("utf-8", "replace") in CLASS_LABELS and labels:
        result.classes.append(labels)
