"""TensorBoard's event files, written byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.protobuf_bytes import double, message, number, single, text

AT = 1_700_000_000.0
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + b"IEND" + b"\0" * 4
FLOAT, DOUBLE, STRING = 1, 2, 7


def checksum(data: bytes) -> int:
    """The masked CRC-32C, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    register ^= 0xFFFFFFFF
    return ((register >> 15 | register << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    size = struct.pack("<Q", len(data))
    checksums = (struct.pack("<I", checksum(part)) for part in (size, data))
    return size + next(checksums) + data + next(checksums)


def event(step: int, *values: bytes, at: float = AT) -> bytes:
    """One event with a summary of values."""
    return record(double(1, at) + number(2, step) + message(5, *(message(1, v) for v in values)))


def scalar(tag: str, value: float) -> bytes:
    """As tensorboardX and PyTorch write it."""
    return text(1, tag) + single(2, value)


def tensor_scalar(tag: str, value: float, *, packed: bool = False) -> bytes:
    """As TensorFlow writes it: in the tensor's bytes, or packed in its floats."""
    body = message(5 if packed else 4, struct.pack("<f", value))
    return text(1, tag) + message(8, number(1, FLOAT), message(2), body) + metadata("scalars")


def metadata(plugin: str, content: bytes = b"") -> bytes:
    return message(9, message(1, text(1, plugin), message(2, content)))


def text_value(tag: str, *values: str) -> bytes:
    strings = (text(8, value) for value in values)
    return text(1, tag) + message(8, number(1, STRING), *strings) + metadata("text")


def image(tag: str, body: bytes = PNG) -> bytes:
    """As tensorboardX and PyTorch write it."""
    return text(1, tag) + message(4, number(1, 2), number(2, 3), message(4, body))


def tensor_image(tag: str, *bodies: bytes) -> bytes:
    """As TensorFlow writes it: width, height and the images."""
    strings = (message(8, value) for value in (b"3", b"2", *bodies))
    return text(1, tag) + message(8, number(1, STRING), *strings) + metadata("images")


def histogram(tag: str) -> bytes:
    return text(1, tag) + message(5, double(1, 0.0), double(2, 1.0), double(3, 5.0))


def session(values: Mapping[str, object]) -> bytes:
    """The hyperparameters with which a session begins."""
    entries = (message(1, text(1, key), message(2, _value(value))) for key, value in values.items())
    content = message(3, *entries, text(2, "s3://models/1"), text(4, "group-7"))
    return text(1, "_hparams_/session_start_info") + metadata("hparams", content)


def session_end(status: int) -> bytes:
    content = message(4, number(1, status), double(2, AT + 100))
    return text(1, "_hparams_/session_end_info") + metadata("hparams", content)


def _value(value: object) -> bytes:
    if isinstance(value, bool):
        return number(4, value)
    if isinstance(value, str):
        return text(3, value)
    if isinstance(value, list):
        return message(6)
    assert isinstance(value, int | float)
    return double(2, value)


def write(folder: Path, events: Iterable[bytes], *, begun: int = 1_700_000_000) -> Path:
    """An event file in a folder, after the record of its version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{begun}.host"
    version = record(double(1, AT) + text(3, "brain.Event:2"))
    path.write_bytes(version + b"".join(events))
    return path
