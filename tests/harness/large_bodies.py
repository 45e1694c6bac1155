"""Seeded request bodies of up to 10 MB that cost a careless server seconds or gigabytes."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

INFER, INVOKE, LABELS, LOG_BATCH = (
    "/v2/models/flights/infer",
    "/deployments/flights/invocations",
    "/deployments/flights/labels",
    "/api/2.0/mlflow/runs/log-batch",
)
JSON, CSV = "application/json", "text/csv"
SMALLEST, LARGEST = 1_000, 10_000_000
COLUMN = b'{"inputs":[{"name":"distance","datatype":"FP64",'


@dataclass(frozen=True)
class LargeBody:
    """One request: what kind of body it is, where it goes, and its bytes."""

    kind: str
    path: str
    content_type: str
    body: bytes
    encoding: str = ""


def large_bodies(seed: int, count: int) -> Iterator[LargeBody]:
    """`count` bodies of every kind in turn, sizes spread evenly over the magnitudes."""
    draw = random.Random(seed)
    kinds = list(KINDS.items())
    for number in range(count):
        kind, (path, content_type, make) = kinds[number % len(kinds)]
        size = round(SMALLEST * (LARGEST / SMALLEST) ** draw.random())
        body = make(size, draw)[:LARGEST]
        if draw.random() < 0.1:
            packed = gzip.compress(body, 1)
            yield LargeBody(kind, path, content_type, packed, "gzip")
        else:
            yield LargeBody(kind, path, content_type, body)


def _repeat(piece: bytes, size: int) -> bytes:
    """A piece with commas between, about as long as asked."""
    return b",".join([piece] * max(size // (len(piece) + 1), 1))


def _numbered(form: bytes, size: int) -> bytes:
    """A piece with its own number in each copy."""
    return b",".join(form % i for i in range(max(size // (len(form) + 6), 1)))


def _wide_csv(size: int, _: random.Random) -> bytes:
    return _numbered(b"c%d", size // 2) + b"\n" + _repeat(b"1", size // 2)


def _same_csv(size: int, _: random.Random) -> bytes:
    return _repeat(b"distance", size) + b"\n1"


def _long_csv(size: int, draw: random.Random) -> bytes:
    return b"distance,carrier\n" + b"1.5,AA\n" * (size // draw.choice((7, 14)))


def _quoted_csv(size: int, _: random.Random) -> bytes:
    return b'distance,carrier\n1.5,"' + b'""' * (size // 2) + b'"\n'


def _records_of_other_keys(size: int, _: random.Random) -> bytes:
    return b'{"dataframe_records":[' + _numbered(b'{"k%d":1}', size) + b"]}"


def _one_wide_record(size: int, _: random.Random) -> bytes:
    return b'{"instances":[{' + _numbered(b'"k%d":1', size) + b"}]}"


def _same_keys(size: int, _: random.Random) -> bytes:
    return b'{"inputs":{' + _repeat(b'"distance":[1]', size) + b"}}"


def _wide_split(size: int, _: random.Random) -> bytes:
    return b'{"dataframe_split":{"columns":[' + _numbered(b'"k%d"', size) + b'],"data":[[1]]}}'


def _long_shape(size: int, draw: random.Random) -> bytes:
    number = draw.choice((b"1", b"2", b"9223372036854775807", b"0"))
    return COLUMN + b'"shape":[' + _repeat(number, size) + b'],"data":[1]}]}'


def _many_outputs(size: int, _: random.Random) -> bytes:
    outputs = _repeat(b'{"name":"predict_proba"}', size)
    tensors = b'"shape":[1],"data":[1]}],"outputs":['
    return COLUMN + tensors + outputs + b"]}"


def _many_tensors(size: int, _: random.Random) -> bytes:
    tensor = b'{"name":"t%d","datatype":"FP64","shape":[1],"data":[1]}'
    return b'{"inputs":[' + _numbered(tensor, size) + b"]}"


def _nested_data(size: int, _: random.Random) -> bytes:
    return COLUMN + b'"shape":[1],"data":[' + _repeat(b"[]", size) + b"]}]}"


def _many_values(size: int, draw: random.Random) -> bytes:
    value = draw.choice((b"1", b"1.5", b"null", b"1e300", b'""', b"{}"))
    return COLUMN + b'"shape":[1],"data":[' + _repeat(value, size) + b"]}]}"


def _deep(size: int, draw: random.Random) -> bytes:
    depth = draw.choice((500, 1_000, size // 2))
    return b'{"inputs":' + b"[" * depth + b"]" * depth + b"}"


def _deep_objects(size: int, _: random.Random) -> bytes:
    depth = size // 6
    return b'{"a":' * depth + b"1" + b"}" * depth


def _long_text(size: int, _: random.Random) -> bytes:
    text = b'{"inputs":[{"name":"carrier","datatype":"BYTES","shape":[1],"data":["'
    return text + b"\\u00e9" * (size // 6) + b'"]}]}'


def _long_names(size: int, _: random.Random) -> bytes:
    return b'{"instances":[{"' + b"n" * size + b'":1}]}'


def _many_parameters(size: int, _: random.Random) -> bytes:
    ids = _repeat(b'"prediction_ids":["a"]', size)
    return COLUMN + b'"shape":[1],"data":[1]}],"parameters":{' + ids + b"}}"


def _not_a_number(size: int, _: random.Random) -> bytes:
    return b'{"instances":[' + _repeat(b'{"distance":NaN,"carrier":"AA"}', size) + b"]}"


def _rows(size: int, _: random.Random) -> bytes:
    return b'{"instances":[' + _repeat(b'{"distance":500.5,"carrier":"AA"}', size) + b"]}"


def _labels(size: int, _: random.Random) -> bytes:
    ids = _numbered(b'"p%d"', size // 2)
    return b'{"ids":[' + ids + b'],"labels":[' + _repeat(b"1", size // 4) + b"]}"


def _label_lists(size: int, _: random.Random) -> bytes:
    return b'{"ids":["a"],"labels":[' + _repeat(b"[]", size) + b"]}"


def _metrics(size: int, _: random.Random) -> bytes:
    metrics = _repeat(b'{"key":"m","value":1,"timestamp":1,"step":1}', size)
    return b'{"run_id":"x","metrics":[' + metrics + b"]}"


def _tag_lists(size: int, _: random.Random) -> bytes:
    return b'{"run_id":"x","tags":[' + _repeat(b"{}", size) + b"]}"


KINDS: dict[str, tuple[str, str, Callable[[int, random.Random], bytes]]] = {
    "wide CSV": (INVOKE, CSV, _wide_csv),
    "CSV of one name": (INVOKE, CSV, _same_csv),
    "long CSV": (INVOKE, CSV, _long_csv),
    "quoted CSV": (INVOKE, CSV, _quoted_csv),
    "records of other keys": (INVOKE, JSON, _records_of_other_keys),
    "one wide record": (INVOKE, JSON, _one_wide_record),
    "one key again and again": (INVOKE, JSON, _same_keys),
    "wide split": (INVOKE, JSON, _wide_split),
    "long shape": (INFER, JSON, _long_shape),
    "many outputs": (INFER, JSON, _many_outputs),
    "many tensors": (INFER, JSON, _many_tensors),
    "nested data": (INFER, JSON, _nested_data),
    "many values": (INFER, JSON, _many_values),
    "deep lists": (INFER, JSON, _deep),
    "deep objects": (INVOKE, JSON, _deep_objects),
    "long text": (INFER, JSON, _long_text),
    "long names": (INVOKE, JSON, _long_names),
    "many parameters": (INFER, JSON, _many_parameters),
    "bare NaN": (INVOKE, JSON, _not_a_number),
    "many rows": (INVOKE, JSON, _rows),
    "many labels": (LABELS, JSON, _labels),
    "label lists": (LABELS, JSON, _label_lists),
    "many metrics": (LOG_BATCH, JSON, _metrics),
    "many tags": (LOG_BATCH, JSON, _tag_lists),
}
