"""The metrics of a request, checked and grouped into series.

PERF: in nearly every row the key, value, timestamp and step have exactly the protocol's types. Such
batches are read as columns, at a tenth of the cost of checking each field
(`tests/bench/mlflow.py`). A batch with any other row is read field by field, with the protocol's
errors.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.mlflow.errors import bad_value, missing, too_long
from pilothouse.interop.mlflow.request_fields import LATEST_MS, Fields

MAX_KEY_LENGTH = 250
MAX_EXACT = 1 << 53
VALID_NAME = re.compile(r"[/\w.\- :]*")


@dataclass(frozen=True)
class Point:
    """One metric of a request, checked; `model` is a logged model that it is also logged to."""

    key: str
    value: float
    at_ms: int
    step: int
    model: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True)
class MetricBatch:
    """A request's metrics as series, and those that are logged to a logged model too."""

    series: list[Points]
    of_models: list[Point]
    count: int


class _Columns:
    """The columns of a series while it is read."""

    __slots__ = ("at_us", "steps", "values")

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.values: list[float] = []
        self.at_us: list[int] = []

    def append(self, step: int, value: float, at_us: int) -> None:
        self.steps.append(step)
        self.values.append(value)
        self.at_us.append(at_us)


def read_metric(fields: Fields) -> MetricBatch:
    """The metric in a request's own fields."""
    return _batch_of([_point(fields, "")])


def read_metrics(fields: Fields) -> MetricBatch:
    """The metrics in a request's list."""
    raw_rows = fields.plain_rows("metrics")
    stretches = _read_columns(raw_rows)
    if stretches is not None:
        return MetricBatch(stretches, [], len(raw_rows))
    rows = fields.rows("metrics")
    return _batch_of([_point(row, f"metrics[{i}].") for i, row in enumerate(rows)])


def _read_columns(rows: Sequence[Any]) -> list[Points] | None:
    """The rows as series, None when one of them needs a check field by field."""
    columns: dict[str, _Columns] = defaultdict(_Columns)
    for row in rows:
        if type(row) is not dict or row.get("model_id"):
            return None
        key, at = row.get("key"), row.get("timestamp")
        value: Any = row.get("value")
        step = row.get("step", 0)
        if type(key) is not str or type(at) is not int or type(step) is not int:
            return None
        is_number = type(value) is float or (
            type(value) is int and -MAX_EXACT <= value <= MAX_EXACT
        )
        if not is_number or not 0 <= at <= LATEST_MS or not -MAX_EXACT <= step <= MAX_EXACT:
            return None
        columns[key].append(step, value, at * 1000)
    if not all(map(_is_valid_key, columns)):
        return None
    return [Points(key, c.steps, c.values, at_us=c.at_us) for key, c in columns.items()]


@lru_cache(maxsize=4096)
def _is_valid_key(key: str) -> bool:
    """Whether `check_name` and the store would accept the key."""
    normal = posixpath.normpath(key)
    return (
        0 < len(key) <= MAX_KEY_LENGTH
        and key == key.strip() == normal
        and not normal.startswith((".", "/"))
        and VALID_NAME.fullmatch(key) is not None
        and key.isprintable()
    )


def _batch_of(points: Sequence[Point]) -> MetricBatch:
    stretches: dict[str, list[Point]] = {}
    for point in points:
        stretches.setdefault(point.key, []).append(point)
    batch = [
        Points(
            key,
            [point.step for point in stretch],
            [point.value for point in stretch],
            at_us=[point.at_ms * 1000 for point in stretch],
        )
        for key, stretch in stretches.items()
    ]
    return MetricBatch(batch, [point for point in points if point.model], len(points))


def _point(fields: Fields, of: str) -> Point:
    key = fields.required("key")
    value = fields.number("value")
    if not fields.has("timestamp"):
        raise missing(f"{of}timestamp")
    check_name(key, "Metric name", f"{of}name")
    at_ms = fields.integer("timestamp")
    if at_ms < 0:
        raise bad_value(
            f"{of}timestamp",
            at_ms,
            f"metric '{key}' (value={value}). "
            "Timestamp must be a nonnegative long (64-bit integer) ",
        )
    return Point(
        key,
        value,
        fields.instant_ms("timestamp"),
        fields.integer("step"),
        fields.text("model_id"),
        fields.text("dataset_name"),
        fields.text("dataset_digest"),
    )


def check_name(key: str, noun: str, field: str) -> None:
    """Raise when the key is not valid for a metric or a parameter: it may become a file name."""
    if len(key) > MAX_KEY_LENGTH:
        raise too_long(noun, MAX_KEY_LENGTH)
    if not VALID_NAME.fullmatch(key):
        raise bad_value(
            field,
            key,
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), "
            "spaces ( ), colon(:) and slashes (/).",
        )
    normal = posixpath.normpath(key)
    if normal != key or normal == "." or normal.startswith(("..", "/")):
        raise bad_value(
            field,
            key,
            "Names may be treated as files in certain cases, and must not resolve to other names "
            f"when treated as such. This name would resolve to '{normal}'",
        )
