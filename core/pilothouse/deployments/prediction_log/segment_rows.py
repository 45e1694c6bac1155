"""Lines of a journal segment as tables; a damaged line loses its own rows only.

A line is damaged when it is not JSON, of an unknown kind, incomplete, or holds values that do not
fit its columns. Readers leave it out; `check_lines` lists it, and compaction sets it aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from pilothouse.deployments.prediction_log.column_hashes import with_hashes
from pilothouse.deployments.prediction_log.journal import KINDS, Segment, kind_of
from pilothouse.deployments.prediction_log.line_tables import (
    SegmentLine,
    label_tables,
    outputs_of,
    prediction_tables,
)
from pilothouse.deployments.prediction_log.stored_columns import FEATURES_AT
from pilothouse.kit.clock import MAX_MS

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTIONS, LABELS, REQUESTS = "predictions", "labels", "requests"
TREES = (PREDICTIONS, LABELS, REQUESTS)
REQUEST_FIELDS = ("at", "version", "rows", "ms", "status")
ROW_FIELDS = ("ids", "event")
LABEL_FIELDS = ("ids", "labels", "times")
US_PER_MS = 1_000  # microseconds


@dataclass(frozen=True)
class DamagedLine:
    """A line that readers leave out, and why."""

    number: int
    reason: str


@dataclass(frozen=True)
class CheckedLines:
    """A segment's rows of every tree, and its damaged lines."""

    tables: Mapping[str, list[pa.Table]]
    damaged: tuple[DamagedLine, ...]


def check_lines(segment: Segment) -> CheckedLines:
    """The readable rows of a segment, and its damaged lines."""
    lines: list[SegmentLine] = []
    damaged: dict[int, str] = {}
    for number, raw in enumerate(segment.lines, 1):
        line, flaw = _read(number, raw)
        if line is None or flaw:
            damaged[number] = flaw
        else:
            lines.append(line)

    tables = {}
    for tree in (PREDICTIONS, LABELS):
        tables[tree], flawed = _build(lines, tree)
        damaged |= flawed
    tables[PREDICTIONS] = _hashed(tables[PREDICTIONS], lines, segment)

    tables[REQUESTS] = _request_tables(segment)
    named = tuple(DamagedLine(number, damaged[number]) for number in sorted(damaged))
    return CheckedLines(tables, named)


def tables(segment: Segment, tree: str) -> list[pa.Table]:
    """A segment's rows of one tree without its damaged lines, one table a version."""
    if tree == REQUESTS:
        return _request_tables(segment)
    kinds = "l" if tree == LABELS else "qt"
    lines = []
    for number, raw in enumerate(segment.lines, 1):
        if kind_of(raw) in kinds:
            line, flaw = _read(number, raw)
            if line is not None and not flaw:
                lines.append(line)
    built = _build(lines, tree)[0]
    return built if tree == LABELS else _hashed(built, lines, segment)


def _read(number: int, raw: bytes) -> tuple[SegmentLine | None, str]:
    """A line and what is wrong with it; no line when it cannot be parsed."""
    kind = kind_of(raw)
    if kind not in KINDS:
        return None, "it is of no known kind"
    try:
        value = orjson.loads(raw)[kind]
    except (ValueError, KeyError, TypeError):
        return None, "it is no JSON"
    if not isinstance(value, dict):
        return None, "it holds no object"
    if isinstance(row := value.pop("row", None), dict):
        value["columns"] = {name: [item] for name, item in row.items()}
    return SegmentLine(number, kind, value), _SHAPES[kind](value)


def _request_flaw(value: dict[str, Any]) -> str:
    """What is wrong with the shape of a request's line; empty when nothing is."""
    if flaw := _head_flaw(value):
        return flaw
    if "ids" not in value:
        return ""  # a request that got an error
    columns, outputs = value.get("columns"), outputs_of(value)
    if not isinstance(value.get("model"), str) or not isinstance(columns, dict):
        return "it lacks its model or its columns"
    if not isinstance(outputs, dict):
        return "its outputs are no object"
    fields = [(name, value.get(name)) for name in ROW_FIELDS]
    fields += [(FEATURES_AT, value[FEATURES_AT])] if FEATURES_AT in value else []
    return _lists_flaw([*fields, *outputs.items(), *columns.items()]) or _times_flaw(value["event"])


def _head_flaw(value: Mapping[str, Any]) -> str:
    for name in REQUEST_FIELDS:
        if name == "ms" and name in value and value[name] is None:
            continue  # of predictions that were made elsewhere
        kinds = (int, float) if name == "ms" else (int,)
        if type(value.get(name)) not in kinds or abs(value[name]) >= 2**63:
            return f"its {name!r} is no number"
    return _instant_flaw(value)


def _instant_flaw(value: Mapping[str, Any]) -> str:
    at = value.get("at")
    return "" if type(at) is int and 0 <= at <= MAX_MS * US_PER_MS else "its 'at' is no instant"


def _label_flaw(value: dict[str, Any]) -> str:
    lists = [(name, value.get(name)) for name in LABEL_FIELDS]
    return _instant_flaw(value) or _lists_flaw(lists) or _times_flaw(value["times"])


def _lists_flaw(lists: Sequence[tuple[str, Any]]) -> str:
    """Whether all are lists, as long as the first one, the ids."""
    ids = lists[0][1]
    for name, values in lists:
        if not isinstance(values, list):
            return f"its {name!r} is no list"
        if len(values) != len(ids):
            return f"its {name!r} has not one value an id"
    return ""


def _times_flaw(times: list[Any]) -> str:
    """Whether all lie between 1970 and 9999; that they are whole numbers, building a table asks."""
    try:
        fine = not times or (min(times) >= 0 and max(times) <= MAX_MS)
    except TypeError:
        fine = False
    return "" if fine else "its times are no milliseconds since 1970"


def _types_flaw(value: dict[str, Any]) -> str:
    types, outputs = value.get("types"), value.get("outputs", {})
    fine = type(value.get("version")) is int
    fine = fine and isinstance(types, dict) and isinstance(outputs, dict)
    fine = fine and isinstance(value.get("hashed", []), list)
    return "" if fine else "it names no version and no types"


_SHAPES: dict[str, Callable[[dict[str, Any]], str]] = {
    "q": _request_flaw,
    "l": _label_flaw,
    "t": _types_flaw,
}


def _hashed(built: list[pa.Table], lines: list[SegmentLine], segment: Segment) -> list[pa.Table]:
    """The predictions of a segment with hashes in place of the inputs that it says to hash."""
    named = (name for line in lines if line.kind == "t" for name in line.value.get("hashed", ()))
    names = tuple(dict.fromkeys(name for name in named if isinstance(name, str)))
    if not names:
        return built
    journals = segment.path.parent.parent
    return [with_hashes(table, names, journals) for table in built]


def _build(lines: list[SegmentLine], tree: str) -> tuple[list[pa.Table], dict[int, str]]:
    """The tables of lines; when they cannot be built, those of the lines that can alone."""
    build = label_tables if tree == LABELS else prediction_tables
    try:
        return build(lines), {}
    except _refusals():
        return _one_by_one(lines, build)


def _one_by_one(
    lines: list[SegmentLine], build: Callable[[list[SegmentLine]], list[pa.Table]]
) -> tuple[list[pa.Table], dict[int, str]]:
    """One table per line, and the lines that cannot be built with the reason."""
    types = [line for line in lines if line.kind == "t"]
    whole: list[pa.Table] = []
    flawed: dict[int, str] = {}
    for line in lines:
        if line.kind == "t":  # types describe the rows of other lines
            continue
        try:
            whole += build([*types, line])
        except _refusals() as refused:
            lines_of_error = str(refused).splitlines() or [""]
            flawed[line.number] = f"its values do not fit their columns: {lines_of_error[0][:200]}"
    return whole, flawed


def _refusals() -> tuple[type[Exception], ...]:
    """What building a table raises for values that do not fit."""
    import pyarrow as pa

    return pa.ArrowException, OverflowError, TypeError, ValueError


def _request_tables(segment: Segment) -> list[pa.Table]:
    import pyarrow as pa

    heads = list(_heads(segment.lines))
    if not heads:
        return []
    return [
        pa.table(
            {
                "received_at": pa.array([q["at"] for q in heads], pa.timestamp("us", "UTC")),
                "version": pa.array([q["version"] for q in heads], pa.int64()),
                "rows": pa.array([q["rows"] for q in heads], pa.int64()),
                "latency_ms": pa.array([q["ms"] for q in heads], pa.float64()),
                "status": pa.array([q["status"] for q in heads], pa.int64()),
                "segment": pa.repeat(pa.scalar(segment.id, pa.string()), len(heads)),
                "seq": pa.array(range(len(heads)), pa.int64()),
                "caller": pa.array([_caller(q) for q in heads], pa.int64()),
            }
        )
    ]


def _caller(head: Mapping[str, Any]) -> int | None:
    """The caller's place in the split; None for a request that was drawn by itself."""
    bucket = head.get("caller")
    return bucket if type(bucket) is int and -1 <= bucket < 2**31 else None


def _heads(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The head of each request, which ends at its first list.

    PERF: parsing the rows as well would take most of the time of a traffic chart.
    """
    for line in lines:
        if kind_of(line) == "q":
            end = line.find(b',"ids":')
            try:
                head = orjson.loads(line[5:end] + b"}") if end > 0 else orjson.loads(line)["q"]
            except (ValueError, KeyError, TypeError):
                continue
            if isinstance(head, dict) and not _head_flaw(head):
                yield head
