"""Writing an event file of TensorBoard: records of Protocol Buffers in TFRecord's frame."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pilothouse.interop.importing.tensorboard.checksums import masked_checksums

if TYPE_CHECKING:
    from pilothouse.experiments.metrics.packed_history import SeriesColumns

VERSION = b"brain.Event:2"
SCALARS, IMAGES, TEXTS, HPARAMS = b"scalars", b"images", b"text", b"hparams"
SCALAR, TENSOR, BLOBS = 1, 2, 3  # classes of data
FLOAT, DOUBLE, STRING = 1, 2, 7  # types of tensors
BATCH = 20_000  # records that are checked together
UINT64 = 1 << 64
_DOUBLE, _LENGTH, _CHECKSUM = struct.Struct("<d"), struct.Struct("<Q"), struct.Struct("<I")
Value = str | float | bool


class EventFile:
    """A new event file of one run."""

    def __init__(self, path: Path, began: float) -> None:
        self._target = path.open("wb")
        self._waiting: list[bytes] = []
        self._add(_wall(began) + _bytes(3, VERSION))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()
        self._target.close()

    def add_history(self, tag: str, points: SeriesColumns) -> None:
        """Every point of a metric, in double precision."""
        begin = _bytes(1, tag.encode())
        tensor_head = _number(1, DOUBLE) + _bytes(2, b"")
        first = _metadata(SCALARS, SCALAR)
        columns = (points.instants.tolist(), points.steps.tolist(), points.values.tolist())
        for at, step, value in zip(*columns, strict=True):
            tensor = tensor_head + _bytes(4, _DOUBLE.pack(value))
            self._add_value(at / 1e6, step, begin + _bytes(8, tensor) + first)
            first = b""  # what is said at the first point holds for the others

    def add_text(self, tag: str, text: str, step: int, at: float) -> None:
        """A text in Markdown."""
        strings = _strings([text.encode()])
        self._add_value(at, step, _bytes(1, tag.encode()) + strings + _metadata(TEXTS, TENSOR))

    def add_image(self, tag: str, png: bytes, size: tuple[int, int], step: int, at: float) -> None:
        """A PNG image of a width and a height."""
        parts = _strings([*(str(side).encode() for side in size), png])
        self._add_value(at, step, _bytes(1, tag.encode()) + parts + _metadata(IMAGES, BLOBS))

    def add_session(
        self, params: Mapping[str, Value], began: float, status: int, ended: float | None
    ) -> None:
        """The hyperparameters of the run, and how it ended."""
        entries = (
            _bytes(1, _bytes(1, key.encode()) + _bytes(2, _value(value)))
            for key, value in params.items()
        )
        start = b"".join(entries) + _real(5, began)
        self._add_session("_hparams_/session_start_info", _bytes(3, start), began)
        if ended is not None:
            end = _number(1, status) + _real(2, ended)
            self._add_session("_hparams_/session_end_info", _bytes(4, end), ended)

    def _add_session(self, tag: str, content: bytes, at: float) -> None:
        nothing = _number(1, FLOAT) + _bytes(2, _bytes(2, b""))  # a tensor without a value
        value = _bytes(1, tag.encode()) + _bytes(8, nothing)
        self._add_value(at, 0, value + _metadata(HPARAMS, TENSOR, content))

    def _add_value(self, at: float, step: int, value: bytes) -> None:
        self._add(_wall(at) + _number(2, step % UINT64) + _bytes(5, _bytes(1, value)))

    def _add(self, record: bytes) -> None:
        self._waiting.append(record)
        if len(self._waiting) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        self._target.writelines(_framed(self._waiting))
        self._waiting = []


def _framed(records: list[bytes]) -> Iterator[bytes]:
    lengths = [_LENGTH.pack(len(record)) for record in records]
    if not records:
        return
    sums = zip(masked_checksums(lengths), masked_checksums(records), strict=True)
    for length, record, (of_length, of_record) in zip(lengths, records, sums, strict=True):
        yield length
        yield _CHECKSUM.pack(of_length)
        yield record
        yield _CHECKSUM.pack(of_record)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append((value & 0x7F) | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _real(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + _DOUBLE.pack(value)


def _wall(at: float) -> bytes:
    return _real(1, at)


def _strings(values: list[bytes]) -> bytes:
    """The tensor of texts of a value."""
    shape = _bytes(2, _bytes(2, _number(1, len(values))))
    return _bytes(8, _number(1, STRING) + shape + b"".join(_bytes(8, value) for value in values))


def _metadata(plugin: bytes, data_class: int, content: bytes = b"") -> bytes:
    of_plugin = _bytes(1, plugin) + (_bytes(2, content) if content else b"")
    return _bytes(9, _bytes(1, of_plugin) + _number(4, data_class))


def _value(value: Value) -> bytes:
    """A value of a hyperparameter."""
    if isinstance(value, bool):
        return _number(4, int(value))
    if isinstance(value, float):
        return _real(2, value)
    return _bytes(3, value.encode())
