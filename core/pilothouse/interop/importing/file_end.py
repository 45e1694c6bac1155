"""How a file of records ended: whole, cut off by a killed writer, or damaged."""

from __future__ import annotations

from dataclasses import dataclass

from pilothouse.interop.importing.report import ReportBuilder


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
