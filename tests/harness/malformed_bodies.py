"""Seeded malformed requests for predictions: wrong types, shapes, depths, sizes and encodings.

Each begins as a request that is right, in one of the protocols, and is then damaged once or more.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

NAME = "flights"
ROWS: list[dict[str, Any]] = [
    {"distance": 500.0, "carrier": "AA", "wind": None},
    {"distance": 900.5, "carrier": "ZZ", "wind": 12.5},
]
KINDS = {"distance": "FP64", "carrier": "BYTES", "wind": "FP64"}
FACTS = {"prediction_ids": ["a-1", "a-2"], "event_time": 1_764_547_200_000, "entity_id": "c-7"}
JSON, CSV = b"application/json", b"text/csv"
DEEP = 60_000
MAX_PLACES = 300
HUGE = 32 << 20
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, -1e308, 5e-324, 1 << 63, -(1 << 63), (1 << 64) - 1),
    *("", "x", "\0", "\u202e", "é" * 300, "nan", "1e999", "NaN", "1764547200", "../../etc"),
    *([], {}, [[]], [{}], [None], {"": {}}, [[[1]]], [1, "a"], {"data": [1]}, list(range(50))),
)
CONTENT_TYPES = (
    *(b"", b"text/plain", b"text/csv", b"application/json; charset=utf-16", b";;;", b"\xff\xfe"),
    *(b"application/json; charset=utf-8; x=y", b"application/vnd.apache.parquet", b"a" * 5_000),
)
ENCODINGS = (b"gzip", b"deflate", b"br", b"x-gzip", b"gzip, gzip", b"\xff", b"identity", b"g" * 900)
LENGTHS = (b"0", b"1", b"-1", b"99999999999999", b"1e3", b"", b" 12 ", b"\xd9\xa1", b"abc")


@dataclass
class MalformedRequest:
    """One request: its path, headers and body, and the damages that it has."""

    path: str
    headers: dict[bytes, bytes]
    body: bytes
    damages: list[str] = field(default_factory=list)
    value: Any = None  # the JSON of the body before it is written
    tail: bytes = b""


def malformed_requests(seed: int, count: int) -> Iterator[MalformedRequest]:
    """`count` requests; the same seed gives the same ones."""
    draw = random.Random(seed)
    for _ in range(count):
        request = draw.choice(WHOLE)(draw)
        for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
            if request.value is not None:
                damage = draw.choice(INSIDE)
                request.damages.append(damage.__name__)
                request = replace(request, value=damage(request.value, draw))
        request = _written(request)
        for _ in range(draw.choice((0, 0, 1, 1, 2))):
            change = draw.choices(OUTSIDE, WEIGHTS)[0]
            request.damages.append(change.__name__)
            change(request, draw)
        yield request


def _written(request: MalformedRequest) -> MalformedRequest:
    if request.value is None:
        return request
    text = json.dumps(request.value, ensure_ascii=False).encode()
    if request.tail:
        request.headers[b"inference-header-content-length"] = str(len(text)).encode()
    return replace(request, body=text + request.tail)


def _json(path: str, value: Any, tail: bytes = b"") -> MalformedRequest:
    copied = orjson.loads(orjson.dumps(value))
    return MalformedRequest(path, {b"content-type": JSON}, b"", value=copied, tail=tail)


def _tensors(draw: random.Random) -> MalformedRequest:
    inputs = [
        {"name": n, "shape": [2], "datatype": kind, "data": [row[n] for row in ROWS]}
        for n, kind in KINDS.items()
    ]
    value = {"id": "7", "inputs": inputs, "outputs": [{"name": "predict"}], "parameters": FACTS}
    return _json(f"/v2/models/{NAME}/infer", value)


def _binary(draw: random.Random) -> MalformedRequest:
    texts = b"".join(struct.pack("<I", len(t)) + t for t in (b"AA", b"ZZ"))
    data = {"distance": struct.pack("<2d", 500, 900.5), "carrier": texts}
    data["wind"] = struct.pack("<2d", float("nan"), 12.5)
    inputs = [
        {
            "name": n,
            "shape": [2, 1],
            "datatype": kind,
            "parameters": {"binary_data_size": len(data[n])},
        }
        for n, kind in KINDS.items()
    ]
    value = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    return _json(f"/v2/models/{NAME}/infer", value, b"".join(data.values()))


def _instances(draw: random.Random) -> MalformedRequest:
    path = draw.choice((f"/v1/models/{NAME}:predict", f"/deployments/{NAME}/predict"))
    value: dict[str, Any] = {"instances": ROWS, "parameters": FACTS}
    if draw.random() < 0.3:
        value = {"inputs": {n: [row[n] for row in ROWS] for n in KINDS}, "signature_name": ""}
    return _json(path, value)


def _frame(draw: random.Random) -> MalformedRequest:
    values = [[row[name] for name in KINDS] for row in ROWS]
    form: tuple[str, Any] = draw.choice(
        (
            ("dataframe_split", {"columns": list(KINDS), "index": [0, 1], "data": values}),
            ("dataframe_records", ROWS),
            ("instances", values),
            ("inputs", {n: [row[n] for row in ROWS] for n in KINDS}),
        )
    )
    return _json(f"/deployments/{NAME}/invocations", dict([form]) | {"params": FACTS})


def _rows(draw: random.Random) -> MalformedRequest:
    value = draw.choice((ROWS, ROWS[0], {"data": ROWS, "parameters": FACTS}))
    return _json(f"/predictions/{NAME}", value)


def _csv(draw: random.Random) -> MalformedRequest:
    comma = draw.choice((",", ";", "\t"))
    lines = [comma.join(KINDS), comma.join(("500", "AA", "")), comma.join(("9", '"Z"', "1.5"))]
    text = draw.choice(("\n", "\r\n")).join(lines).encode(draw.choice(("utf-8", "utf-8-sig")))
    headers = {b"content-type": CSV, b"x-prediction-ids": b"a, b"}
    return MalformedRequest(f"/deployments/{NAME}/invocations", headers, text)


def _labels(draw: random.Random) -> MalformedRequest:
    value = {"ids": ["a-1", "a-2"], "labels": [0, 1], "at": [1_764_547_200_000] * 2}
    return _json(f"/deployments/{NAME}/labels", value)


WHOLE: tuple[Callable[[random.Random], MalformedRequest], ...] = (
    *(_tensors, _binary, _binary, _instances, _frame, _rows, _csv, _labels),
)


def _places(value: Any) -> list[tuple[Any, ...]]:
    """The paths to the parts of a value; of a large one, to the first."""
    return list(itertools.islice(_nodes(value), MAX_PLACES))


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _nodes(part, (*path, key))


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    copied = value.copy()
    copied[path[0]] = _changed(value[path[0]], path[1:], change)
    return copied


def _replaced(value: Any, draw: random.Random) -> Any:
    return _changed(value, draw.choice(_places(value)), lambda _: draw.choice(STRANGE))


def _removed(value: Any, draw: random.Random) -> Any:
    def change(part: Any) -> Any:
        if not isinstance(part, dict | list) or not part:
            return None
        copied = part.copy()
        copied.pop(draw.choice(list(part)) if isinstance(part, dict) else draw.randrange(len(part)))
        return copied

    return _changed(value, draw.choice(_places(value)), change)


def _repeated(value: Any, draw: random.Random) -> Any:
    count = draw.choice((2, 3, 100, 2_000))
    return _changed(value, draw.choice(_places(value)), lambda part: [part] * count)


def _renamed(value: Any, draw: random.Random) -> Any:
    def change(part: Any) -> Any:
        if not isinstance(part, dict) or not part:
            return part
        key = draw.choice(list(part))
        return {(f"{key}x" if name == key else name): held for name, held in part.items()}

    return _changed(value, draw.choice(_places(value)), change)


def _number_changed(value: Any, draw: random.Random) -> Any:
    factor = draw.choice((-1, 0, 2, 0.5, 1e9, 1e-9, 1e300))
    paths = [p for p in _places(value) if type(_at(value, p)) in (int, float)]
    return _changed(value, draw.choice(paths or [()]), lambda n: _times(n, factor))


def _times(number: Any, factor: float) -> Any:
    return number * factor if type(number) in (int, float) else number


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


INSIDE = (_replaced, _replaced, _removed, _repeated, _renamed, _number_changed)


def _cut(request: MalformedRequest, draw: random.Random) -> None:
    request.body = request.body[: draw.randrange(len(request.body) + 1)]


def _bytes_changed(request: MalformedRequest, draw: random.Random) -> None:
    data = bytearray(request.body)
    for _ in range(draw.choice((1, 2, 8))):
        if data:
            data[draw.randrange(len(data))] = draw.randrange(256)
    request.body = bytes(data)


def _bytes_added(request: MalformedRequest, draw: random.Random) -> None:
    at = draw.randrange(len(request.body) + 1)
    request.body = request.body[:at] + draw.randbytes(draw.choice((1, 7, 600))) + request.body[at:]


def _nested(request: MalformedRequest, draw: random.Random) -> None:
    opened, closed = draw.choice(((b"[", b"]"), (b'{"a":', b"}")))
    depth = draw.choice((100, 1_500, DEEP))
    head = b'{"instances":' if draw.random() < 0.5 else b""
    request.body = head + opened * depth + b"1" + closed * depth * (draw.random() < 0.5)


def _other_type(request: MalformedRequest, draw: random.Random) -> None:
    request.headers[b"content-type"] = draw.choice(CONTENT_TYPES)


def _other_encoding(request: MalformedRequest, draw: random.Random) -> None:
    request.headers[b"content-encoding"] = draw.choice(ENCODINGS)


def _other_length(request: MalformedRequest, draw: random.Random) -> None:
    request.headers[b"inference-header-content-length"] = draw.choice(
        (*LENGTHS, str(draw.randrange(len(request.body) + 9)).encode())
    )


def _other_facts(request: MalformedRequest, draw: random.Random) -> None:
    name = draw.choice((b"x-event-time", b"x-prediction-ids", b"x-entity-id", b"x-model-version"))
    request.headers[name] = draw.choice((b"1764547200", b"a,a", b"\xff", b"1", b"z" * 300, b","))


def _packed(request: MalformedRequest, draw: random.Random) -> None:
    """Compressed, and often damaged: cut, with other bytes after it, or of another kind."""
    pack = draw.choice((gzip.compress, zlib.compress))
    body = pack(request.body)
    damage = draw.randrange(5)
    if damage == 1:
        body = body[: draw.randrange(len(body))]
    elif damage == 2:
        body += b"\0" * 9 + b"x"
    elif damage == 3:
        body *= draw.choice((2, 1_200))
    request.body = body
    request.headers[b"content-encoding"] = draw.choice((b"gzip", b"deflate"))


def _bomb(request: MalformedRequest, draw: random.Random) -> None:
    piece = draw.choice((b" ", b"[", b"1,", b"\0", b'{"a":'))
    request.body = gzip.compress(request.body[:20] + piece * (HUGE // len(piece)), 1)
    request.headers[b"content-encoding"] = b"gzip"


def _other_address(request: MalformedRequest, draw: random.Random) -> None:
    name = draw.choice(("", "none", "é", "..", "a" * 3_000, f"{NAME}/versions/9", f"{NAME}/x"))
    request.path = request.path.replace(NAME, name)


OUTSIDE = (
    *(_cut, _bytes_changed, _bytes_added, _nested, _other_type, _other_encoding, _other_length),
    *(_other_facts, _packed, _bomb, _other_address),
)
WEIGHTS = (20, 20, 15, 6, 8, 6, 15, 10, 15, 1, 4)
