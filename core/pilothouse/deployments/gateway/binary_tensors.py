"""Tensors as bytes: Triton's extension of the Open Inference Protocol.

Source: triton-inference-server/server, docs/protocol/extension_binary_data.md. JSON comes first, as
long as `Inference-Header-Content-Length` says; then each tensor's bytes in the order of the JSON,
little-endian, row by row. A BOOL is one byte; a text of BYTES follows its length in four.

Bytes have no null: NaN of a number is a missing value, in requests and in answers.
"""

from __future__ import annotations

import struct
from typing import Any

import orjson

from pilothouse.deployments.gateway.request import excerpt
from pilothouse.kit.errors import Invalid

CODES = {
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
    "BOOL": "?",
}
BYTES, SIZE = "BYTES", "binary_data_size"
LENGTH = struct.Struct("<I")


def split(body: bytes, json_bytes: int) -> tuple[bytes, memoryview]:
    """The JSON of a body and the bytes of its tensors. Raises Invalid when it ends too early."""
    if json_bytes > len(body):
        raise Invalid(
            f"the body has {len(body)} bytes, and its header says {json_bytes} of JSON.",
            hint="Inference-Header-Content-Length is the length of the JSON before the tensors.",
        )
    return body[:json_bytes], memoryview(body)[json_bytes:]


def attach(tensors: list[Any], tail: memoryview) -> list[Any]:
    """The tensors, with its bytes as the data of each that has a `binary_data_size`.

    Raises Invalid when sizes and bytes differ.
    """
    start = 0
    attached: list[Any] = []
    for tensor in tensors:
        size = _size(tensor)
        if size is not None:
            if "data" in tensor:
                raise Invalid(f"tensor {_name(tensor)} has `data` and a `{SIZE}`.")
            if size > len(tail) - start:
                raise Invalid(
                    f"tensor {_name(tensor)} has {size} bytes, and {len(tail) - start} are left."
                )
            tensor = tensor | {"data": tail[start : start + size]}
            start += size
        attached.append(tensor)

    if start != len(tail):
        raise Invalid(f"{len(tail) - start} bytes follow after the last tensor.")
    return attached


def _size(tensor: Any) -> int | None:
    parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
    if not isinstance(parameters, dict) or SIZE not in parameters:
        return None
    size = parameters[SIZE]
    if type(size) is not int or size < 0:
        raise Invalid(f"`{SIZE}` of tensor {_name(tensor)} must be a number of bytes.")
    return size


def _name(tensor: dict[str, Any]) -> str:
    return excerpt(tensor.get("name"))


def decode(name: str, datatype: str, data: memoryview, count: int) -> list[Any]:
    """The values of a tensor. Raises Invalid when its bytes are not `count` values."""
    if datatype == BYTES:
        return _texts(name, bytes(data), count)
    code = f"<{count}{CODES[datatype]}"
    if struct.calcsize(code) != len(data):
        raise Invalid(
            f"tensor {excerpt(name)} has {len(data)} bytes; {count} values of {datatype} take "
            f"{struct.calcsize(code)}."
        )
    values = list(struct.unpack(code, data))
    if datatype.startswith("FP"):
        return [None if value != value else value for value in values]  # NaN differs from itself
    return values


def _texts(name: str, data: bytes, count: int) -> list[str]:
    texts: list[str] = []
    start = 0
    try:
        while start < len(data) and len(texts) < count:
            [length] = LENGTH.unpack_from(data, start)
            start += LENGTH.size + length
            if start > len(data):
                break
            texts.append(str(data[start - length : start], "utf-8"))
    except struct.error:
        start = -1
    except UnicodeDecodeError as broken:
        raise Invalid(f"text {len(texts)} of tensor {excerpt(name)} is not in UTF-8.") from broken

    if start != len(data) or len(texts) != count:
        raise Invalid(
            f"the bytes of tensor {excerpt(name)} are not {count} texts, each after its length.",
            hint="A length is four bytes, the lowest first.",
        )
    return texts


def encode(datatype: str, values: list[Any]) -> bytes | None:
    """A tensor as bytes; None when a value has no bytes in this type, such as a missing text."""
    if datatype == BYTES:
        return None if None in values else b"".join(map(_text, values))
    if datatype.startswith("FP"):
        values = [float("nan") if value is None else value for value in values]
    try:
        return struct.pack(f"<{len(values)}{CODES[datatype]}", *values)
    except struct.error:
        return None


def _text(value: Any) -> bytes:
    data = value.encode() if isinstance(value, str) else orjson.dumps(value)
    return LENGTH.pack(len(data)) + data
