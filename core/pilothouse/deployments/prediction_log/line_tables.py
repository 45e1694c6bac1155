"""Lines of a journal segment as tables, one a version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.prediction_log.stored_columns import (
    FEATURES_AT,
    LABEL_COLUMNS,
    feature_column,
    output_column,
)
from pilothouse.models.tasks import SCORE

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SegmentLine:
    """A readable line: its number in the segment, from 1, its kind and its value."""

    number: int
    kind: str
    value: dict[str, Any]


def outputs_of(value: Mapping[str, Any]) -> Any:
    """The outputs of a request; older lines have a score only."""
    return value["out"] if "out" in value else {SCORE: value.get(SCORE)}


@dataclass
class _Rows:
    """The rows of one version, column by column."""

    facts: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[str, list[Any]] = field(default_factory=dict)
    features: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, line: dict[str, Any]) -> None:
        """Add the rows of a line; where it lacks a column of another line, values are missing."""
        count, before = len(line["ids"]), len(self.facts["prediction_id"])
        self.facts["prediction_id"] += line["ids"]
        self.facts["event_at"] += line["event"]
        self.facts["received_at"] += [line["at"]] * count
        self.facts["latency_ms"] += [line["ms"]] * count
        self.facts[FEATURES_AT] += line.get(FEATURES_AT) or [None] * count
        for columns, added in ((self.outputs, outputs_of(line)), (self.features, line["columns"])):
            for name, values in added.items():
                column = columns.setdefault(name, [])
                column += [None] * (before - len(column))
                column += values


def prediction_tables(lines: list[SegmentLine]) -> list[pa.Table]:
    """The predictions in lines, a table a version. Raises when values do not fit their columns."""
    types = {line.value["version"]: line.value for line in lines if line.kind == "t"}
    by_version: dict[tuple[str, int], _Rows] = {}
    for line in lines:
        if line.kind == "q" and "ids" in line.value:
            key = (line.value["model"], line.value["version"])
            by_version.setdefault(key, _Rows()).add(line.value)
    return [
        _typed(model, version, rows, types.get(version, {}))
        for (model, version), rows in by_version.items()
    ]


def _typed(model: str, version: int, rows: _Rows, types: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    facts = rows.facts
    count = len(facts["prediction_id"])
    arrays: dict[str, Any] = {
        "prediction_id": pa.array(facts["prediction_id"], pa.string()),
        "model": pa.repeat(pa.scalar(model, pa.string()), count),
        "version": pa.repeat(pa.scalar(version, pa.int64()), count),
        "event_at": pa.array(facts["event_at"], pa.timestamp("ms", "UTC")),
        "received_at": pa.array(facts["received_at"], pa.timestamp("us", "UTC")),
        "latency_ms": pa.array(facts["latency_ms"], pa.float64()),
    }
    if any(at is not None for at in facts[FEATURES_AT]):
        arrays[FEATURES_AT] = pa.array(facts[FEATURES_AT], pa.timestamp("ms", "UTC"))
    output_kinds = {SCORE: "number"} | types.get("outputs", {})
    for name, values in rows.outputs.items():
        values += [None] * (count - len(values))
        arrays[output_column(name)] = _output(values, output_kinds.get(name))

    kinds = _arrow_types()
    feature_types = types.get("types", {})
    for name, values in rows.features.items():
        values += [None] * (count - len(values))
        kind = kinds.get(feature_types.get(name, ""))
        arrays[feature_column(name)] = _plain(pa.array(values, kind))

    return pa.table(arrays)


def _output(values: list[Any], kind: Any) -> pa.Array:
    """The values of an output: numbers, or else what they are."""
    import pyarrow as pa

    if kind != "number":
        return _as_they_are(values)
    # Arrow refuses whole numbers of which a float holds only the first digits.
    return pa.array([float(v) if type(v) is int else v for v in values], pa.float64())


def _as_they_are(values: list[Any]) -> pa.Array:
    """Values of one type in that type; of several types as text. Raises TypeError for lists."""
    import pyarrow as pa

    try:
        return _plain(pa.array(values))
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError("a value is a list or an object")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(values: pa.Array) -> pa.Array:
    """The values. Raises TypeError when they are lists or objects, which no feature is."""
    import pyarrow as pa

    if pa.types.is_nested(values.type):
        raise TypeError("a value is a list or an object")
    return values


def _arrow_types() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "number": pa.float64(),
        "integer": pa.int64(),
        "string": pa.string(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("ms", "UTC"),
    }


def label_tables(lines: list[SegmentLine]) -> list[pa.Table]:
    """The labels in lines, in at most one table. Raises when they are no plain values."""
    import pyarrow as pa

    rows: dict[str, list[Any]] = {name: [] for name in LABEL_COLUMNS}
    for line in lines:
        if line.kind != "l":
            continue
        rows["prediction_id"] += line.value["ids"]
        rows["label"] += line.value["labels"]
        rows["label_at"] += line.value["times"]
        rows["received_at"] += [line.value["at"]] * len(line.value["ids"])
    if not rows["label"]:
        return []
    return [
        pa.table(
            {
                "prediction_id": pa.array(rows["prediction_id"], pa.string()),
                "label": _as_they_are(rows["label"]),
                "label_at": pa.array(rows["label_at"], pa.timestamp("ms", "UTC")),
                "received_at": pa.array(rows["received_at"], pa.timestamp("us", "UTC")),
            }
        )
    ]


def joined(parts: list[pa.Table]) -> pa.Table:
    """All tables in one; a column whose types cannot be unified becomes text."""
    import pyarrow as pa

    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.concat_tables(_as_text(parts), promote_options="permissive")


def _as_text(parts: list[pa.Table]) -> list[pa.Table]:
    import pyarrow as pa

    kinds: dict[str, set[Any]] = defaultdict(set)
    for part in parts:
        for column in part.schema:
            if not pa.types.is_null(column.type):
                kinds[column.name].add(column.type)
    mixed = {name for name, types in kinds.items() if len(types) > 1}

    def text(part: pa.Table) -> pa.Table:
        kinds = [(f.name, pa.string() if f.name in mixed else f.type) for f in part.schema]
        return part.cast(pa.schema(kinds))

    return [text(part) for part in parts]
