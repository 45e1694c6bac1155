"""Finds the columns of a table that probably hold personal data, from a bounded sample."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.canonical import type_of
from pilothouse.data.personal_kinds import ColumnSample, Match, personal_kinds
from pilothouse.data.schema import Type

MAX_SAMPLE = 1_000  # values of a column, spread over the table
MAX_LETTERS = 200  # of a value: longer ones are texts
LOOKED_AT: tuple[Type, ...] = ("string", "integer", "number", "time")


@dataclass(frozen=True)
class ProbableColumn:
    """A column that seems to hold a kind of personal data, and why."""

    column: str
    kind: str
    share: float
    sampled: int
    reason: str


def find_probable(table: pa.Table) -> tuple[ProbableColumn, ...]:
    """The probable columns of a canonical table, in its order; each with its likeliest kind."""
    columns = (_look(sample_of(name, table[name])) for name in table.column_names)
    return tuple(column for column in columns if column is not None)


def sample_of(name: str, column: pa.ChunkedArray) -> ColumnSample:
    """Some values of a column as text, at equal distances over the present ones."""
    kind = type_of(column.type)
    if kind not in LOOKED_AT:
        return ColumnSample(name, kind, ())
    present = column.drop_null()
    step = max(1, len(present) // MAX_SAMPLE)
    places = pa.array(range(0, len(present), step)[:MAX_SAMPLE], pa.int64())
    chosen = present.take(places)
    texts = pc.cast(chosen, pa.string()).to_pylist()
    return ColumnSample(name, kind, tuple(text[:MAX_LETTERS] for text in texts))


def _look(sample: ColumnSample) -> ProbableColumn | None:
    if not sample.values:
        return None
    matches: list[tuple[str, Match]] = []
    for name, kind in personal_kinds.items():
        match = kind.look(sample)
        if match is not None:
            matches.append((name, match))
    if not matches:
        return None
    name, match = max(matches, key=lambda pair: pair[1].share)
    return ProbableColumn(sample.name, name, match.share, len(sample.values), match.reason)
