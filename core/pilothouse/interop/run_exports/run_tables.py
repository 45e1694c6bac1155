"""Runs as tables: a row per run, per point, per file and per dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pilothouse.experiments.details import RunInfo
from pilothouse.interop.run_exports.run_source import RunSource, RunTotals

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.experiments.metrics.packed_history import SeriesColumns

TEXTS = ("id", "name", "experiment", "status", "user", "source", "commit", "trainer", "parent_id",
         "note", "error")  # fmt: skip
INSTANTS = ("created_at", "started_at", "ended_at", "archived_at")
HISTORY = ("run_id", "run_name", "key", "step", "at", "value")
FILES = ("run_id", "path", "bytes", "sha256")
ROWS = 50_000  # of a frame, or one longer series
INPUTS = ("run_id", "dataset", "digest", "role")
CARRIED = (
    "Runs with their parameters, tags and the last value of each metric.",
    "Every point of every metric with its step and its time.",
    "The list of files with their SHA-256, and the datasets that runs read.",
)


def left_out(totals: RunTotals) -> tuple[str, ...]:
    """What tables have no place for."""
    lines = []
    if totals.files:
        lines.append(
            f"The bytes of files ({totals.files:,}): the table of files has their paths, sizes and "
            "SHA-256. Export to MLflow for the files themselves."
        )
    if totals.logged_models:
        lines.append(f"Logged models ({totals.logged_models:,}): export to MLflow for them.")
    return tuple(lines)


def small_tables(runs: list[RunInfo]) -> dict[str, pd.DataFrame]:
    """The tables beside the history, by name."""
    return {"runs": run_frame(runs), "files": file_frame(runs), "inputs": input_frame(runs)}


def run_frame(runs: list[RunInfo]) -> pd.DataFrame:
    """One row per run: its facts, then `params.KEY`, `metrics.KEY` and `tags.KEY`."""
    import pandas as pd

    columns: dict[str, Any] = {name: [getattr(run, name) for run in runs] for name in TEXTS}
    for name in INSTANTS:
        instants = [getattr(run, name) for run in runs]
        columns[name] = pd.Series(instants, dtype="datetime64[us, UTC]")
    columns["seed"] = pd.array([run.seed for run in runs], dtype="Int64")
    for prefix, field in (("params", "params"), ("metrics", "values"), ("tags", "tags")):
        values = [getattr(run, field) for run in runs]
        for key in sorted({key for of_run in values for key in of_run}):
            columns[f"{prefix}.{key}"] = [of_run.get(key) for of_run in values]
    return pd.DataFrame(columns)


def histories(source: RunSource, taken: list[RunInfo]) -> Iterator[pd.DataFrame]:
    """One row per point of every run, in frames of many; the runs are added to `taken`."""
    waiting: list[tuple[RunInfo, str, SeriesColumns]] = []
    points = 0
    for run in source.runs():
        taken.append(run)
        for key, columns in source.histories(run.id):
            waiting.append((run, key, columns))
            points += len(columns)
            if points >= ROWS:
                yield _history_frame(waiting)
                waiting, points = [], 0
    if waiting:
        yield _history_frame(waiting)


def _history_frame(series: list[tuple[RunInfo, str, SeriesColumns]]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    lengths = [len(columns) for _, _, columns in series]
    texts = zip(*((run.id, run.name, key) for run, key, _ in series), strict=True)
    instants = np.concatenate([columns.instants for _, _, columns in series])
    columns = (
        *(np.repeat(np.array(part, dtype=object), lengths) for part in texts),
        np.concatenate([columns.steps for _, _, columns in series]),
        pd.to_datetime(instants, unit="us", utc=True),
        np.concatenate([columns.values for _, _, columns in series]),
    )
    return pd.DataFrame(dict(zip(HISTORY, columns, strict=True)))


def file_frame(runs: list[RunInfo]) -> pd.DataFrame:
    """One row per file."""
    import pandas as pd

    rows = [(run.id, file.path, file.size, file.digest) for run in runs for file in run.artifacts]
    return pd.DataFrame(rows, columns=list(FILES))


def input_frame(runs: list[RunInfo]) -> pd.DataFrame:
    """One row per dataset that a run read: versions of this workspace, and what programs logged."""
    import pandas as pd

    rows = [(run.id, one.dataset, "", one.role) for run in runs for one in run.inputs]
    rows += [(run.id, one.name, one.digest, one.role) for run in runs for one in run.logged_inputs]
    return pd.DataFrame(rows, columns=list(INPUTS))
