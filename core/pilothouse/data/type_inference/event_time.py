"""Which column says when each row happened: by its name, or because the rows are in its order."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa

from pilothouse.data.canonical import type_of
from pilothouse.data.reading_report import ReadingReport

NAMES = (
    *("event_time", "event_at", "event_timestamp", "recorded_at", "occurred_at", "observed_at"),
    *("measured_at", "timestamp", "time_stamp", "ts", "zeitstempel", "zeitpunkt", "horodatage"),
)  # these say so by themselves
LIKELY = (
    *("logged_at", "created_at", "datetime", "date_time", "time", "date", "datum", "zeit"),
    *("fecha", "fecha_hora", "data_hora", "day", "at", "when"),
)  # these do when the rows are in their order
MIN_ROWS = 8  # in order: fewer are so by chance


def recognise_event_time(table: pa.Table, report: ReadingReport) -> ReadingReport:
    """The report with the column of the event time and why, or with why there is none."""
    times = [
        name
        for name, column in zip(table.column_names, table.columns, strict=True)
        if type_of(column.type) == "time" and column.null_count < len(column)
    ]
    if not times:
        return report

    in_order = [name for name in times if _is_in_order(table[name])]
    for name in _by_name(times, NAMES):
        why = "by its name" + (", and the rows are in its order" if name in in_order else "")
        return _with(report, name, why)
    for name in (*_by_name(in_order, LIKELY), *in_order):
        return _with(report, name, "because the rows are in its order")

    listed = ", ".join(map(repr, times))
    return replace(
        report, event_time_reason=f"none recognised; {listed} could be declared as the event time"
    )


def _with(report: ReadingReport, name: str, why: str) -> ReadingReport:
    return replace(report, event_time=name, event_time_reason=f"{name!r}, {why}")


def _by_name(columns: list[str], names: tuple[str, ...]) -> list[str]:
    """The columns that have one of some names, the surest name first."""
    plain = {re.sub(r"[\W_]+", "_", name.lower()).strip("_"): name for name in columns}
    return [plain[name] for name in names if name in plain]


def _is_in_order(column: pa.ChunkedArray) -> bool:
    """Whether no row is missing and none goes back in time, or none goes forward."""
    if column.null_count or len(column) < MIN_ROWS:
        return False
    steps = np.diff(column.cast(pa.int64()).to_numpy())
    moving = bool((steps != 0).any())
    return moving and (bool((steps >= 0).all()) or bool((steps <= 0).all()))
