"""What the rows of a run say: its facts, points, texts of series and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.waiting_points import TOO_MANY, WaitingPoints

if TYPE_CHECKING:
    import pyarrow as pa

DECIMALS = 6  # of a step there
UNIT = 10**DECIMALS
SYSTEM = "sys/"
FILES = ("file", "file_set", "artifact", "file_series")
SERIES = "float_series"
TEXTS = "string_series"
# Where the value of an attribute is, by its type.
VALUES = {
    "int": "int_value",
    "float": "float_value",
    "string": "string_value",
    "bool": "bool_value",
    "datetime": "datetime_value",
    "string_set": "string_set_value",
}
SKIPPED_NOUNS = {"histogram_series": "histograms"}
OTHER_NOUN = "attributes of other kinds"
MAX_VALUES, MAX_FILES = 20_000, 100_000


@dataclass(frozen=True)
class ExportedFile:
    """A file of a run: the attribute that it is, its step in millionths, and its path there."""

    attribute: str
    kind: str
    step: int | None
    path: str


@dataclass
class RunAttributes:
    """What a run's rows say of it, but for its points. Steps are counted in millionths."""

    values: dict[str, Any] = field(default_factory=dict)
    files: list[ExportedFile] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    finest: int = 0
    first_us: int | None = None
    last_us: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    bad_rows: int = 0

    @property
    def unit(self) -> int:
        """How many millionths are one step here, so that every step of the run is whole."""
        return int(10 ** (DECIMALS - self.finest))

    @property
    def params(self) -> dict[str, str]:
        """The values that the program logged."""
        logged = (item for item in self.values.items() if not item[0].startswith(SYSTEM))
        return {path: value_text(value) for path, value in logged}

    def system(self, name: str) -> Any:
        """What Neptune itself says of the run under this name, or None."""
        return self.values.get(f"{SYSTEM}{name}")


class AttributeReader:
    """Takes the batches of a run's parts, fills the facts and gives points in millionths."""

    def __init__(self, attributes: RunAttributes) -> None:
        self._attributes = attributes
        self._waiting = WaitingPoints()
        self._next_steps: dict[str, int] = {}

    def read(self, batch: pa.RecordBatch) -> Iterator[Points]:
        """Take a batch; points come when enough wait. `rest` gives those that still do."""
        rows = _columns(batch)
        kinds = rows["attribute_type"]
        for index, kind in enumerate(kinds):
            path = coerce.text(rows["attribute_path"][index])
            if kind == SERIES:
                self._take_point(path, rows, index)
            elif kind == TEXTS:
                self._attributes.texts.add(path)
            elif kind in FILES:
                self._take_file(path, str(kind), rows, index)
            elif (column := VALUES.get(str(kind))) is not None:
                value = rows[column][index]
                self._take_value(path, coerce.instant(value) if kind == "datetime" else value)
            else:
                self._attributes.skipped[SKIPPED_NOUNS.get(str(kind), OTHER_NOUN)] += 1
        if self._waiting.is_full:
            yield from self.rest()

    def rest(self) -> Iterator[Points]:
        """The points that wait, in batches of one metric."""
        return self._waiting.rest()

    def _take_point(self, path: str, rows: Mapping[str, list[Any]], index: int) -> None:
        value = coerce.number(rows["float_value"][index])
        step = millionths(rows["step"][index])
        if value is None or (step is None and rows["step"][index] is not None):
            self._attributes.bad_rows += 1
            return
        step = self._next_steps.get(path, 0) if step is None else step
        self._next_steps[path] = step + UNIT
        attributes = self._attributes
        while step % 10 ** (DECIMALS - attributes.finest):
            attributes.finest += 1
        if not self._waiting.add(path, step, value, self._instant(rows["timestamp"][index])):
            attributes.skipped[TOO_MANY] += 1

    def _instant(self, value: Any) -> int:
        """A time in microseconds; without one, that of the point before."""
        attributes = self._attributes
        at_us = coerce.micros(value)
        if at_us is None:
            return attributes.last_us or 0
        first, last = attributes.first_us, attributes.last_us
        attributes.first_us = at_us if first is None else min(first, at_us)
        attributes.last_us = at_us if last is None else max(last, at_us)
        return at_us

    def _take_value(self, path: str, value: Any) -> None:
        if value is not None and len(self._attributes.values) < MAX_VALUES:
            self._attributes.values[path] = value

    def _take_file(self, path: str, kind: str, rows: Mapping[str, list[Any]], index: int) -> None:
        value = rows["file_value"][index]
        where = coerce.text(value.get("path")) if isinstance(value, dict) else ""
        if not where:
            self._attributes.skipped["files that were not exported"] += 1
        elif len(self._attributes.files) < MAX_FILES:
            step = millionths(rows["step"][index])
            self._attributes.files.append(ExportedFile(path, kind, step, where))
        else:
            self._attributes.skipped[f"files beyond {MAX_FILES:,} of a run"] += 1


def _columns(batch: pa.RecordBatch) -> dict[str, list[Any]]:
    """The columns as lists; times as milliseconds, because some lie outside of Python's years."""
    import pyarrow as pa

    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        columns[name] = column.to_pylist()
    return columns


def series_lines(batch: pa.RecordBatch, path: str) -> Iterator[str]:
    """The texts of a series in a batch."""
    rows = _columns(batch)
    for index, kind in enumerate(rows["attribute_type"]):
        if kind == TEXTS and coerce.text(rows["attribute_path"][index]) == path:
            yield coerce.text(rows["string_value"][index])


def millionths(step: Any) -> int | None:
    """A step in millionths, None for what is none."""
    try:
        scaled = Decimal(step) * UNIT if step is not None else None
    except (InvalidOperation, TypeError, ValueError):
        return None
    if scaled is None or not scaled.is_finite() or abs(scaled) >= coerce.INT64 - UNIT:
        return None
    return int(scaled)


def value_text(value: Any) -> str:
    """A value as a text; a set as its members in order."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(sorted(map(coerce.text, value)))
    return coerce.value_text(value)
