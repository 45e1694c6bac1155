"""The report of an import: how much was imported, and a line for everything that was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.interop.importing.coerce import excerpt

if TYPE_CHECKING:
    import pandas as pd

SKIPPED, BROKEN, CONFLICT, NOTED = "skipped", "broken", "conflict", "noted"
FAULTS = (BROKEN, CONFLICT)
NOUNS = (
    *("experiments", "runs", "points", "files", "bytes"),
    *("logged_models", "models", "versions"),
)
MAX_LINES = 1_000
MAX_REASON_LENGTH = 300
COLUMNS = ("outcome", "kind", "name", "why")


@dataclass(frozen=True)
class ReportLine:
    """One thing that was not imported as it was: what it is, the outcome, and why."""

    outcome: str
    kind: str
    name: str
    why: str


@dataclass(frozen=True)
class ImportReport:
    """An import that has ended; `changed` are those that were here and were updated."""

    source: str
    kind: str
    imported: Mapping[str, int]
    already_imported: Mapping[str, int]
    changed: Mapping[str, int]
    lines: tuple[ReportLine, ...]
    outcomes: Mapping[str, int]

    @property
    def faults(self) -> int:
        """How many lines are broken or in conflict; what is skipped on purpose does not count."""
        return sum(self.outcomes.get(outcome, 0) for outcome in FAULTS)

    @property
    def lines_omitted(self) -> int:
        """How many lines were dropped because there were too many."""
        return sum(self.outcomes.values()) - len(self.lines)

    def frame(self) -> pd.DataFrame:
        """The lines as a frame of outcome, kind, name, why; faults first."""
        import pandas as pd

        order = (BROKEN, CONFLICT, SKIPPED, NOTED)
        rows = sorted(self.lines, key=lambda line: order.index(line.outcome))
        return pd.DataFrame([vars(line) for line in rows], columns=list(COLUMNS))

    def to_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "source": self.source,
            "kind": self.kind,
            "brought": dict(self.imported),
            "known": dict(self.already_imported),
            "changed": dict(self.changed),
            "faults": self.faults,
            "outcomes": dict(self.outcomes),
            "lines": [vars(line) for line in self.lines],
            "lines_more": self.lines_omitted,
        }

    @staticmethod
    def from_json(payload: Mapping[str, Any]) -> ImportReport:
        """The report that `to_json` wrote."""
        return ImportReport(
            source=payload["source"],
            kind=payload["kind"],
            imported=payload["brought"],
            already_imported=payload["known"],
            changed=payload["changed"],
            lines=tuple(ReportLine(**line) for line in payload["lines"]),
            outcomes=payload["outcomes"],
        )


class ReportBuilder:
    """Collects counts and lines while an import runs."""

    def __init__(self) -> None:
        self.imported: Counter[str] = Counter()
        self.already_imported: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._lines: dict[ReportLine, None] = {}

    def skipped(self, kind: str, name: Any, why: str) -> None:
        """It is in the source and is not imported, on purpose."""
        self._add(SKIPPED, kind, name, why)

    def broken(self, kind: str, name: Any, why: str) -> None:
        """It cannot be read or cannot be stored."""
        self._add(BROKEN, kind, name, why)

    def conflict(self, kind: str, name: Any, why: str) -> None:
        """Something else here has its id or its name."""
        self._add(CONFLICT, kind, name, why)

    def noted(self, kind: str, name: Any, why: str) -> None:
        """It was imported, but not quite as it was."""
        self._add(NOTED, kind, name, why)

    def _add(self, outcome: str, kind: str, name: Any, why: str) -> None:
        line = ReportLine(outcome, kind, excerpt(name), excerpt(why, MAX_REASON_LENGTH))
        if line not in self._lines:
            self.outcomes[outcome] += 1
            if len(self._lines) < MAX_LINES:
                self._lines[line] = None

    def build(self, source: str, kind: str) -> ImportReport:
        """The report so far."""
        counted = {noun: self.imported[noun] for noun in NOUNS}
        return ImportReport(
            source,
            kind,
            counted,
            dict(+self.already_imported),
            dict(+self.changed),
            tuple(self._lines),
            dict(self.outcomes),
        )
