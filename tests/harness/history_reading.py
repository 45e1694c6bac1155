"""How fast a reader of another tracker's history gives the points of a folder."""

from __future__ import annotations

import time
from pathlib import Path

from pilothouse.interop.importing.readers import readers
from pilothouse.interop.importing.report import ReportBuilder


def points_rate(tracker: str, folder: Path, expected: int) -> float:
    """Points a second of all runs, as an import reads them before it writes.

    Raises SystemExit when another number of points is read.
    """
    began = time.perf_counter()
    source = readers.get(tracker).open(str(folder), ReportBuilder(), None)
    [experiment] = source.experiments()
    points = [len(batch.steps) for run in source.runs(experiment) for batch in source.points(run)]
    seconds = time.perf_counter() - began
    if sum(points) != expected:
        raise SystemExit(f"{sum(points)} of {expected} points were read")
    return expected / seconds
