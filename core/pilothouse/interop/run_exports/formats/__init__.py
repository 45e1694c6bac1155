"""Formats of runs, one module each: what another tracker or a table reads."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pilothouse.interop.exporting.plan import ExportPlan
from pilothouse.interop.run_exports.run_source import RunSource, RunTotals
from pilothouse.kit.plugins import Plugins


class RunFormat(Protocol):
    """A format that runs are exported to."""

    @property
    def title(self) -> str:
        """Its name: "MLflow"."""
        ...

    @property
    def description(self) -> str:
        """What is written and who reads it, in a sentence or two."""
        ...

    def left_out(self, totals: RunTotals) -> tuple[str, ...]:
        """What of such runs it has no place for, as sentences; known before anything is written."""
        ...

    def plan(self, source: RunSource, folder: Path) -> ExportPlan:
        """The files: those that it writes are written into the folder, others are named.

        `carried` says what they hold, `notes` what was changed on the way, `steps` how they are
        opened, as Markdown. NOTES.md is added to them.
        """
        ...


run_formats: Plugins[RunFormat] = Plugins(__name__, "format of runs")
