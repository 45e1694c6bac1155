"""What came of an import: how much came, and a line for everything that did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.interop.importing.coerce import shown

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
    """One thing that did not come as it was: what it is, what became of it, and why."""

    outcome: str
    kind: str
    name: str
    why: str


@dataclass(frozen=True)
class ImportReport:
    """An import that has ended. `known` was here already, `changed` was and got what is new."""

    source: str
    kind: str
    brought: Mapping[str, int]
    already_imported: Mapping[str, int]
    changed: Mapping[str, int]
    lines: tuple[ReportLine, ...]
    outcomes: Mapping[str, int]

    @property
    def faults(self) -> int:
        """How much is broken or in conflict; what is skipped on purpose does not count."""
        return sum(self.outcomes.get(outcome, 0) for outcome in FAULTS)

    @property
    def untold(self) -> int:
        """How many lines there were more than are kept."""
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
            "brought": dict(self.brought),
            "known": dict(self.already_imported),
            "changed": dict(self.changed),
            "faults": self.faults,
            "outcomes": dict(self.outcomes),
            "lines": [vars(line) for line in self.lines],
            "lines_more": self.untold,
        }

    @staticmethod
    def from_json(payload: Mapping[str, Any]) -> ImportReport:
        """The report that `to_json` wrote."""
        return ImportReport(
            source=payload["source"],
            kind=payload["kind"],
            brought=payload["brought"],
            already_imported=payload["known"],
            changed=payload["changed"],
            lines=tuple(ReportLine(**line) for line in payload["lines"]),
            outcomes=payload["outcomes"],
        )


class Notes:
    """A report while it is written."""

    def __init__(self) -> None:
        self.brought: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._lines: dict[ReportLine, None] = {}

    def skipped(self, kind: str, name: Any, why: str) -> None:
        """It is there and does not come, and that is no fault."""
        self._say(SKIPPED, kind, name, why)

    def broken(self, kind: str, name: Any, why: str) -> None:
        """It cannot be read or cannot be kept."""
        self._say(BROKEN, kind, name, why)

    def conflict(self, kind: str, name: Any, why: str) -> None:
        """Something else has its place here."""
        self._say(CONFLICT, kind, name, why)

    def noted(self, kind: str, name: Any, why: str) -> None:
        """It came, but not quite as it was."""
        self._say(NOTED, kind, name, why)

    def _say(self, outcome: str, kind: str, name: Any, why: str) -> None:
        line = ReportLine(outcome, kind, shown(name), shown(why, MAX_REASON_LENGTH))
        if line not in self._lines:
            self.outcomes[outcome] += 1
            if len(self._lines) < MAX_LINES:
                self._lines[line] = None

    def report(self, source: str, kind: str) -> ImportReport:
        """What has been told so far."""
        counted = {noun: self.brought[noun] for noun in NOUNS}
        return ImportReport(
            source,
            kind,
            counted,
            dict(+self.known),
            dict(+self.changed),
            tuple(self._lines),
            dict(self.outcomes),
        )
