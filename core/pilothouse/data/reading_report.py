"""How a file was read: one frozen value, stored with its version and shown wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pilothouse.data.schema import NAMES, Type

SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


@dataclass(frozen=True)
class ColumnReading:
    """What a column was read as and why.

    `form` is how the file writes its values, such as `1.234,5` or `dd/mm/yyyy`. `missing_words` are
    the words that were taken for missing, with their counts. `notes` say what was not understood
    or what could also be meant otherwise.
    """

    name: str
    type: Type
    reason: str
    form: str = ""
    missing: int = 0
    missing_words: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ColumnReading:
        """The column that `ReadingReport.to_json` wrote."""
        lists = {
            "missing_words": tuple((word, count) for word, count in value["missing_words"]),
            "notes": tuple(value["notes"]),
        }
        return cls(**{**value, **lists})


@dataclass(frozen=True)
class ReadingReport:
    """How content was read: the file's format and form, each column, and the event time."""

    format: str
    rows: int
    columns: tuple[ColumnReading, ...]
    encoding: str = ""
    separator: str = ""
    event_time: str | None = None
    event_time_reason: str = ""
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> ColumnReading:
        return next(column for column in self.columns if column.name == name)

    @property
    def summary(self) -> str:
        """The format and form of the file in a line."""
        parts = [self.format]
        if self.encoding:
            parts.append(f"encoding {self.encoding}")
        if self.separator:
            parts.append(f"separated by {SEPARATOR_NAMES.get(self.separator, self.separator)}")
        return ", ".join(parts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was not understood, of the file and of its columns."""
        of_columns = [
            f"Column {column.name!r}: {note}" for column in self.columns for note in column.notes
        ]
        return (*self.notes, *of_columns)

    def lines(self) -> list[str]:
        """The whole report in lines of text."""
        columns = [
            f"  {column.name}: {NAMES[column.type]}; {column.reason}" for column in self.columns
        ]
        time = [f"Event time: {self.event_time_reason}"] if self.event_time_reason else []
        return [self.summary, *columns, *time, *self.warnings]

    def to_json(self) -> dict[str, Any]:
        """A plain value."""
        value = asdict(self)
        return {**value, "notes": list(self.notes), "columns": [asdict(c) for c in self.columns]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ReadingReport:
        """The report that `to_json` wrote."""
        columns = tuple(map(ColumnReading.from_json, value["columns"]))
        return cls(**{**value, "columns": columns, "notes": tuple(value["notes"])})
