"""Triton's binary tensors: the layout that its page publishes, both ways, and what is refused."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.deployments.gateway import binary_tensors, oip
from pilothouse.deployments.gateway.answers import AnswerReader
from pilothouse.deployments.gateway.request import InferenceRequest, RequestHead, RequestLimits
from pilothouse.kit.errors import Invalid, TooLarge
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature(
    inputs=(
        SignatureField("a", "number", nullable=True),
        SignatureField("b", "integer"),
        SignatureField("c", "string"),
    ),
    target="late",
    classes=("no", "yes"),
    positive="yes",
)
TEXTS = b"\x01\x00\x00\x00x" + b"\x03\x00\x00\x00\xc3\xa9y"
NUMPY = {"INT8": "<i1", "UINT16": "<u2", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4"}


def part(name: str, kind: str, data: bytes, shape: list[int]) -> tuple[dict[str, Any], bytes]:
    about = {"name": name, "datatype": kind, "shape": shape}
    return about | {"parameters": {"binary_data_size": len(data)}}, data


def body(*parts: tuple[dict[str, Any], bytes], **more: Any) -> tuple[bytes, RequestHead]:
    text = orjson.dumps({"inputs": [about for about, _ in parts]} | more)
    return text + b"".join(data for _, data in parts), RequestHead(json_bytes=len(text))


def read(data: bytes, head: RequestHead) -> InferenceRequest:
    return oip.read(data, head, SIGNATURE, RequestLimits(max_rows=100))


A = part("a", "FP64", struct.pack("<2d", 1.5, math.nan), [2, 1])
B = part("b", "INT64", struct.pack("<2q", -3, 4), [2])
C = part("c", "BYTES", TEXTS, [2])


def test_bytes_become_columns() -> None:
    request = read(*body(A, B, C))
    assert request.columns == {"a": [1.5, None], "b": [-3, 4], "c": ["x", "éy"]}
    assert request.rows == 2


def test_binary_and_json_tensors_may_be_mixed() -> None:
    json_b = {"name": "b", "datatype": "INT64", "shape": [2], "data": [5, 6]}
    assert read(*body(A, (json_b, b""), C)).columns["b"] == [5, 6]


def test_one_matrix_of_float32_is_read_in_the_order_of_the_columns() -> None:
    numbers = np.array([[1, 2], [3, 4]], "<f4")
    signature = Signature(SIGNATURE.inputs[:2], "late", ("no", "yes"), "yes")
    data, head = body(part("all", "FP32", numbers.tobytes(), [2, 2]))
    request = oip.read(data, head, signature, RequestLimits())
    assert request.columns == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


@pytest.mark.parametrize("kind", NUMPY)
def test_numbers_are_those_of_numpy(kind: str) -> None:
    values = np.array([0, 1, 100], NUMPY[kind])
    decoded = binary_tensors.decode("x", kind, memoryview(values.tobytes()), 3)
    assert decoded == values.tolist()
    assert binary_tensors.encode(kind, decoded) == values.tobytes()


@given(st.lists(st.text(max_size=9), max_size=9))
def test_texts_come_back(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    data = binary_tensors.encode("BYTES", texts)
    assert data is not None
    assert binary_tensors.decode("x", "BYTES", memoryview(data), len(texts)) == texts


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([part("a", "FP64", b"1234567", [1])], "7 bytes; 1 values of FP64 take 8"),
        ([part("a", "FP64", b"1" * 8, [100])], "8 bytes for 100 values"),
        ([part("c", "BYTES", TEXTS[:-1], [2])], "are not 2 texts"),
        ([part("c", "BYTES", TEXTS, [1])], "are not 1 texts"),
        ([part("c", "BYTES", TEXTS[:7], [2])], "are not 2 texts"),
        ([part("c", "BYTES", b"\xff\xff\xff\xffabcd", [1])], "are not 1 texts"),
        ([part("c", "BYTES", b"\x01\x00\x00\x00\xff", [1])], "is not in UTF-8"),
        ([(A[0], A[1][:-1])], "has 16 bytes, and 15 are left"),
        ([(A[0], A[1] + b"x")], "1 bytes follow after the last tensor"),
        ([(A[0] | {"data": [1, 2]}, A[1])], "has `data` and a `binary_data_size`"),
        ([(A[0] | {"parameters": {"binary_data_size": -1}}, b"")], "must be a number of bytes"),
        ([(A[0] | {"parameters": {"binary_data_size": "8"}}, b"")], "must be a number of bytes"),
    ],
)
def test_wrong_bytes_are_named(parts: list[tuple[dict[str, Any], bytes]], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(*body(*parts))
    assert message in str(refused.value)


def test_a_length_beyond_the_body_is_refused() -> None:
    with pytest.raises(Invalid, match="the body has 2 bytes, and its header says 9"):
        read(b"{}", RequestHead(json_bytes=9))


def test_rows_are_counted_before_the_bytes_are_read() -> None:
    with pytest.raises(TooLarge):
        read(*body(part("a", "INT8", b"1" * 500, [500])))


def answered(more: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    request = read(*body(A, B, C, **more))
    predicted = AnswerReader(SIGNATURE).response(
        "late", 2, "7", ["p", "q"], [[0.9, 0.1], [0.2, 0.8]]
    )
    answer = oip.write(predicted, request.reply)
    length = int(dict(answer.headers).get(b"inference-header-content-length", len(answer.body)))
    return orjson.loads(answer.body[:length]), answer.body[length:]


def test_answers_are_bytes_where_that_is_asked() -> None:
    value, tail = answered({"parameters": {"binary_data_output": True}})
    sizes = [tensor["parameters"]["binary_data_size"] for tensor in value["outputs"]]
    assert [tensor["name"] for tensor in value["outputs"]][:2] == ["predict", "predict_proba"]
    assert sum(sizes) == len(tail)
    assert tail[: sizes[0]] == b"\x02\x00\x00\x00no\x03\x00\x00\x00yes"
    assert struct.unpack("<4d", tail[sizes[0] :][: sizes[1]]) == (0.9, 0.1, 0.2, 0.8)
    assert not any("data" in tensor for tensor in value["outputs"])


def test_an_output_says_for_itself_whether_it_is_bytes() -> None:
    outputs = [
        {"name": "prediction_id"},
        {"name": "predict_proba", "parameters": {"binary_data": True}},
    ]
    value, tail = answered({"outputs": outputs})
    assert value["outputs"][0]["data"] == ["p", "q"]
    assert value["outputs"][1]["parameters"]["binary_data_size"] == len(tail) == 32
    value, tail = answered({"outputs": outputs[:1], "parameters": {"binary_data_output": True}})
    assert tail == b"\x01\x00\x00\x00p\x01\x00\x00\x00q"


def test_what_has_no_bytes_is_sent_as_json() -> None:
    assert binary_tensors.encode("BYTES", ["a", None]) is None
    assert binary_tensors.encode("INT64", [1, None]) is None
    assert binary_tensors.encode("INT64", [1 << 64]) is None
    assert binary_tensors.encode("FP64", [None]) == struct.pack("<d", math.nan)


@pytest.mark.parametrize("word", ["classification", "shared_memory_region"])
def test_extensions_that_are_not_offered_are_refused(word: str) -> None:
    with pytest.raises(Invalid, match="is not offered here"):
        answered({"outputs": [{"name": "predict", "parameters": {word: 2}}]})
