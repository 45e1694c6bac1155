"""CSV: a table of runs and a long table of their histories."""

from __future__ import annotations

from pathlib import Path

from pilothouse.experiments.details import RunInfo
from pilothouse.interop.exporting.plan import ExportPlan, Files
from pilothouse.interop.run_exports import run_tables
from pilothouse.interop.run_exports.formats import run_formats
from pilothouse.interop.run_exports.run_source import RunSource, RunTotals
from pilothouse.kit.spreadsheets import to_csv

STEPS = """`runs.csv` has a row per run, `history.csv` one per point, `files.csv` one per file, and
`inputs.csv` one per dataset that a run read.

    python -c "import pandas as pd; print(pd.read_csv('runs.csv'))"
"""
ESCAPED = (
    "Texts that a spreadsheet would run as a formula (they begin with = + - @ or a tab) have an "
    "apostrophe before them; numbers are as they are. Parquet has them unchanged."
)


@run_formats.register("csv")
class CsvFormat:
    """Four CSV files."""

    title = "CSV"
    description = "A table with one row per run, and a long one with every point of every metric."

    @staticmethod
    def left_out(totals: RunTotals) -> tuple[str, ...]:
        """Files and logged models."""
        return run_tables.left_out(totals)

    @staticmethod
    def plan(source: RunSource, folder: Path) -> ExportPlan:
        """The history is written metric by metric."""
        runs: list[RunInfo] = []
        history = folder / "history.csv"
        with history.open("wb") as target:
            target.write((",".join(run_tables.HISTORY) + "\n").encode())
            for frame in run_tables.histories(source, runs):
                target.write(to_csv(frame, missing="NaN").partition(b"\n")[2])
        tables = run_tables.small_tables(runs)
        small: Files = {f"{name}.csv": to_csv(frame) for name, frame in tables.items()}
        files = {"history.csv": history, **small}
        return ExportPlan(files, run_tables.CARRIED, notes=(ESCAPED,), steps=STEPS)
