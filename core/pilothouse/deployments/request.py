"""What every protocol's request comes down to, and what every answer is made from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pilothouse.experiments.signature import Signature
from pilothouse.kit.errors import Invalid

MAX_ID = 200
MAX_MS = 253_402_300_799_999  # the end of the year 9999


@dataclass(frozen=True)
class Wanted:
    """A request for predictions: columns as given, row count, and the caller's own facts."""

    columns: dict[str, list[Any]]
    rows: int
    event_ms: list[int] | None = None
    prediction_ids: list[str] | None = None
    request_id: str = ""
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Predicted:
    """An answer: one label, one row of class probabilities and one id per row."""

    deployment: str
    version: int
    request_id: str
    signature: Signature
    prediction_ids: list[str]
    probabilities: list[list[float]]
    scores: list[float]
    labels: list[Any] = field(default_factory=list)


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises Invalid when it is none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        bare = b"NaN" in body or b"Infinity" in body
        hint = "NaN and Infinity are no JSON: send null for a missing value." if bare else ""
        raise Invalid(f"the body is no JSON: {broken}.", hint=hint) from broken
    if not isinstance(value, dict):
        raise Invalid("the body must be a JSON object.")
    return value


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its gzip or deflate. Raises Invalid when broken or larger than the limit."""
    if encoding not in ("gzip", "deflate"):
        raise Invalid(f"the content encoding {encoding!r} is not understood.", hint="Use gzip.")
    opened = zlib.decompressobj(wbits=47)
    try:
        data = opened.decompress(body, limit + 1)
    except zlib.error as broken:
        raise Invalid(f"the body is no {encoding}: {broken}.") from broken
    if len(data) > limit:
        raise Invalid(f"the body unpacks to more than {limit >> 20} MB.")
    return data


def from_rows(rows: list[Any], names: tuple[str, ...]) -> dict[str, list[Any]]:
    """Columns from row records, which may leave columns out, or from bare rows in order."""
    if all(type(row) is dict for row in rows):
        keys = dict.fromkeys(key for row in rows for key in row)
        return {str(key): [row.get(key) for row in rows] for key in keys}
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise Invalid(f"row {number} must be a list of {len(names)} values or an object.")
        if len(row) != len(names):
            raise Invalid(
                f"row {number} has {len(row)} values, and {len(names)} are needed.",
                hint=f"In this order: {', '.join(names)}.",
            )
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}


def event_times(parameters: Mapping[str, Any], rows: int) -> list[int] | None:
    """`event_time`: milliseconds since the epoch, one for all rows or one a row."""
    given = parameters.get("event_time")
    if given is None:
        return None
    times = given if isinstance(given, list) else [given] * rows
    if len(times) != rows:
        raise Invalid(f"event_time has {len(times)} values, the request has {rows} rows.")
    if any(type(at) is not int or not 0 <= at <= MAX_MS for at in times):
        raise Invalid("event_time must be milliseconds since 1970 as whole numbers.")
    return times


def own_ids(parameters: Mapping[str, Any], rows: int) -> list[str] | None:
    """`prediction_ids`: the caller's ids, so that sending a request again counts it once."""
    given = parameters.get("prediction_ids")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != rows:
        raise Invalid(f"prediction_ids must be a list of {rows} ids, one a row.")
    if any(type(word) is not str or not 0 < len(word) <= MAX_ID for word in given):
        raise Invalid(f"each of prediction_ids must be a text of 1 to {MAX_ID} characters.")
    if len(set(given)) != rows:
        raise Invalid("prediction_ids names an id more than once.")
    return given
