"""Writing an event file of TensorBoard: records of Protocol Buffers in TFRecord's frame."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pilothouse.interop.importing.tensorboard.checksums import masked_checksums
from pilothouse.interop.protobuf_writing import double_field, length_delimited, number_field

if TYPE_CHECKING:
    from pilothouse.experiments.metrics.packed_history import SeriesColumns

VERSION = b"brain.Event:2"
SCALARS, IMAGES, TEXTS, HPARAMS = b"scalars", b"images", b"text", b"hparams"
SCALAR, TENSOR, BLOBS = 1, 2, 3  # classes of data
FLOAT, STRING = 1, 7  # types of tensors
BATCH = 20_000  # records that are checked together
_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
Value = str | float | bool


class EventFile:
    """A new event file of one run."""

    def __init__(self, path: Path, began: float) -> None:
        self._target = path.open("wb")
        self._waiting: list[bytes] = []
        self._add(_wall(began) + length_delimited(3, VERSION))

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
        """Every point of a metric, in single precision: its data server reads no other numbers."""
        import numpy as np

        begin = length_delimited(1, tag.encode())
        tensor_head = number_field(1, FLOAT) + length_delimited(2, b"")
        first = _metadata(SCALARS, SCALAR)
        with np.errstate(over="ignore"):  # what is too large for it becomes an infinity
            values = points.values.astype("<f4").tobytes()
        steps = zip(points.instants.tolist(), points.steps.tolist(), strict=True)
        for index, (at, step) in enumerate(steps):
            tensor = tensor_head + length_delimited(4, values[4 * index : 4 * index + 4])
            self._add_value(at / 1e6, step, begin + length_delimited(8, tensor) + first)
            first = b""  # what is said at the first point holds for the others

    def add_text(self, tag: str, text: str, step: int, at: float) -> None:
        """A text in Markdown."""
        strings = _strings([text.encode()])
        self._add_value(
            at, step, length_delimited(1, tag.encode()) + strings + _metadata(TEXTS, TENSOR)
        )

    def add_image(self, tag: str, png: bytes, size: tuple[int, int], step: int, at: float) -> None:
        """A PNG image of a width and a height."""
        parts = _strings([*(str(side).encode() for side in size), png])
        self._add_value(
            at, step, length_delimited(1, tag.encode()) + parts + _metadata(IMAGES, BLOBS)
        )

    def add_session(
        self, params: Mapping[str, Value], began: float, status: int, ended: float | None
    ) -> None:
        """The hyperparameters of the run, and how it ended."""
        entries = (
            length_delimited(
                1, length_delimited(1, key.encode()) + length_delimited(2, _value(value))
            )
            for key, value in params.items()
        )
        start = b"".join(entries) + double_field(5, began)
        self._add_session("_hparams_/session_start_info", length_delimited(3, start), began)
        if ended is not None:
            end = number_field(1, status) + double_field(2, ended)
            self._add_session("_hparams_/session_end_info", length_delimited(4, end), ended)

    def _add_session(self, tag: str, content: bytes, at: float) -> None:
        nothing = number_field(1, FLOAT) + length_delimited(
            2, length_delimited(2, b"")
        )  # a tensor without a value
        value = length_delimited(1, tag.encode()) + length_delimited(8, nothing)
        self._add_value(at, 0, value + _metadata(HPARAMS, TENSOR, content))

    def _add_value(self, at: float, step: int, value: bytes) -> None:
        self._add(
            _wall(at) + number_field(2, step) + length_delimited(5, length_delimited(1, value))
        )

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


def _wall(at: float) -> bytes:
    return double_field(1, at)


def _strings(values: list[bytes]) -> bytes:
    """The tensor of texts of a value."""
    shape = length_delimited(2, length_delimited(2, number_field(1, len(values))))
    return length_delimited(
        8,
        number_field(1, STRING) + shape + b"".join(length_delimited(8, value) for value in values),
    )


def _metadata(plugin: bytes, data_class: int, content: bytes = b"") -> bytes:
    of_plugin = length_delimited(1, plugin) + (length_delimited(2, content) if content else b"")
    return length_delimited(9, length_delimited(1, of_plugin) + number_field(4, data_class))


def _value(value: Value) -> bytes:
    """A value of a hyperparameter."""
    if isinstance(value, bool):
        return number_field(4, int(value))
    if isinstance(value, float):
        return double_field(2, value)
    return length_delimited(3, value.encode())
