"""ONNX files written by hand, so that tests need no converter.

A protobuf message is fields of a number, a type and a value. The numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

FLOAT, STRING = 1, 8
CLASSIFIER_SET = "ai.onnx.ml"


def linear_regression(weights: Sequence[float], bias: float) -> bytes:
    """A graph `variable = x @ weights + bias` over a float tensor of one row per example."""
    node = _node("Gemm", ["x", "weights", "bias"], ["variable"])
    initial = [
        _tensor("weights", (len(weights), 1), weights),
        _tensor("bias", (1,), [bias]),
    ]
    outputs = [_value("variable", FLOAT, (None, 1))]
    return _model(_graph([node], initial, _value("x", FLOAT, (None, len(weights))), outputs))


def classifier_with_labels(weights: Sequence[Sequence[float]], labels: Sequence[str]) -> bytes:
    """A LinearClassifier with the softmax of one score per label, as converters write it."""
    flat = [value for row in weights for value in row]
    attributes = [
        _attribute_floats("coefficients", flat),
        _attribute_floats("intercepts", [0.0] * len(labels)),
        _attribute_strings("classlabels_strings", labels),
        _attribute_string("post_transform", "SOFTMAX"),
    ]
    node = _node("LinearClassifier", ["x"], ["label", "probabilities"], attributes, CLASSIFIER_SET)
    outputs = [
        _value("label", STRING, (None,)),
        _value("probabilities", FLOAT, (None, len(labels))),
    ]
    return _model(_graph([node], [], _value("x", FLOAT, (None, len(weights[0]))), outputs))


def _model(graph: bytes) -> bytes:
    plain = _number(2, 13)  # the version of the standard operators
    extra = _text(1, CLASSIFIER_SET) + _number(2, 1)
    return _number(1, 7) + _field(7, graph) + _field(8, plain) + _field(8, extra)


def _graph(
    nodes: Sequence[bytes], initial: Sequence[bytes], given: bytes, outputs: Sequence[bytes]
) -> bytes:
    parts = [_field(1, node) for node in nodes]
    parts += [_text(2, "graph")]
    parts += [_field(5, tensor) for tensor in initial]
    parts += [_field(11, given)]
    parts += [_field(12, output) for output in outputs]
    return b"".join(parts)


def _node(
    operator: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    attributes: Sequence[bytes] = (),
    domain: str = "",
) -> bytes:
    parts = [_text(1, name) for name in inputs] + [_text(2, name) for name in outputs]
    parts += [_text(4, operator)]
    parts += [_field(5, attribute) for attribute in attributes]
    return b"".join([*parts, _text(7, domain)])


def _tensor(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    sizes = b"".join(_number(1, size) for size in shape)
    data = struct.pack(f"<{len(values)}f", *values)
    return sizes + _number(2, FLOAT) + _text(8, name) + _field(9, data)


def _value(name: str, kind: int, shape: Sequence[int | None]) -> bytes:
    sizes = [_text(2, "rows") if size is None else _number(1, size) for size in shape]
    dimensions = b"".join(_field(1, size) for size in sizes)
    tensor = _number(1, kind) + _field(2, dimensions)
    return _text(1, name) + _field(2, _field(1, tensor))


def _attribute_floats(name: str, values: Sequence[float]) -> bytes:
    data = struct.pack(f"<{len(values)}f", *values)
    return _text(1, name) + _field(7, data) + _number(20, 6)


def _attribute_strings(name: str, values: Sequence[str]) -> bytes:
    return _text(1, name) + b"".join(_text(9, value) for value in values) + _number(20, 8)


def _attribute_string(name: str, value: str) -> bytes:
    return _text(1, name) + _text(4, value) + _number(20, 3)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    result = b""
    while value > 0x7F:
        result += bytes([value & 0x7F | 0x80])
        value >>= 7
    return result + bytes([value])
