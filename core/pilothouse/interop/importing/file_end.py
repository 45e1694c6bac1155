"""How a file of records ended: whole, cut off by a killed writer, or damaged."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import reason
from pilothouse.kit.errors import PilothouseError

Record = TypeVar("Record")
Value = TypeVar("Value")


@dataclass(frozen=True)
class FileEnd:
    """How many records were read, whether the next is cut off, or what is wrong with it."""

    records: int
    is_torn: bool = False
    problem: str = ""

    def report(self, report: ReportBuilder, kind: str, path: str) -> None:
        """Say in the report what was not read, if anything."""
        if self.problem:
            message = f"record {self.records + 1:,}: {self.problem}; nothing after it is read"
            report.broken(kind, path, message)
        elif self.is_torn:
            message = f"its last record is cut off; the {self.records:,} before it are read"
            report.noted(kind, path, message)


def read_records(
    records: Generator[Record, None, FileEnd],
    read: Callable[[Record], Iterable[Value]],
    report: ReportBuilder,
    kind: str,
    path: str,
) -> Iterator[Value]:
    """What `read` makes of each record of a file; how the file ended is reported."""
    try:
        while True:
            yield from read(next(records))
    except StopIteration as ended:
        ended.value.report(report, kind, path)
    except PilothouseError as broken:
        report.broken(kind, path, reason(broken))
