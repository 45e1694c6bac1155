"""Parquet: a table of runs and a long table of their histories, with types."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.experiments.details import RunInfo
from pilothouse.interop.exporting.plan import ExportPlan, Files
from pilothouse.interop.run_exports import run_tables
from pilothouse.interop.run_exports.formats import run_formats
from pilothouse.interop.run_exports.run_source import RunSource, RunTotals

if TYPE_CHECKING:
    import pandas as pd

STEPS = """`runs.parquet` has a row per run, `history.parquet` one per point, `files.parquet` and
`inputs.parquet` one per file and dataset that a run read.

    python -c "import pandas as pd; print(pd.read_parquet('runs.parquet'))"
"""
TEXT = "Parameters and tags are texts, as they were logged."


@run_formats.register("parquet")
class ParquetFormat:
    """Four Parquet files."""

    title = "Parquet"
    description = "The same tables with types: numbers, and instants in UTC to the microsecond."

    @staticmethod
    def left_out(totals: RunTotals) -> tuple[str, ...]:
        """Files and logged models."""
        return run_tables.left_out(totals)

    @staticmethod
    def plan(source: RunSource, folder: Path) -> ExportPlan:
        """The history is written in groups of rows."""
        runs: list[RunInfo] = []
        history = folder / "history.parquet"
        _write_history(source, runs, history)
        tables = run_tables.small_tables(runs)
        small: Files = {f"{name}.parquet": _parquet(frame) for name, frame in tables.items()}
        files = {"history.parquet": history, **small}
        return ExportPlan(files, run_tables.CARRIED, notes=(TEXT,), steps=STEPS)


def _write_history(source: RunSource, runs: list[RunInfo], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.timestamp("us", "UTC"))
    schema = pa.schema(list(zip(run_tables.HISTORY, (*types, pa.float64()), strict=True)))
    with pq.ParquetWriter(path, schema) as writer:
        for frame in run_tables.histories(source, runs):
            table = pa.Table.from_pandas(frame, schema, preserve_index=False)
            writer.write_table(table.replace_schema_metadata())


def _parquet(frame: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    objects = [name for name in frame if frame[name].dtype == object]
    texts = {str(name): frame[name].astype("string") for name in objects}
    frame.assign(**texts).to_parquet(content, index=False)
    return content.getvalue()
