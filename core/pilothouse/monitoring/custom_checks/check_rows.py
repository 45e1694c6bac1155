"""The rows of a window or a reference as a table: what a custom check reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.monitoring.window_rows import WindowRows

if TYPE_CHECKING:
    import pandas as pd

LABEL, EVENT, OUTPUT_PREFIX = "label", "event_at", "output_"


def table_of(rows: WindowRows, names: Sequence[str]) -> pd.DataFrame:
    """The inputs of these names, then `output_…`, `label` and `event_at`.

    Labels are as the task counts them: 1 for the positive class, the number of a class, a number.
    An input that has one of these names keeps it, and what is added is left out.
    """
    import pandas as pd

    present = [name for name in names if name in rows.features]
    frame = rows.features[present].reset_index(drop=True)
    taken = {str(name).lower() for name in frame}
    added: dict[str, Any] = {f"{OUTPUT_PREFIX}{n}": v for n, v in rows.outputs.items()}
    truth = np.asarray(rows.truth, dtype=np.float64)
    if truth.ndim == 1:
        added[LABEL] = truth
    else:
        added |= {f"{LABEL}_{index}": column for index, column in enumerate(truth.T)}
    if rows.at is not None:
        added[EVENT] = pd.to_datetime(rows.at, unit="ms", utc=True)
    columns = {name: value for name, value in added.items() if name.lower() not in taken}
    return frame.assign(**columns)


def write_database(path: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write tables into a new SQLite database: numbers, texts, times as texts, booleans as 0 and 1.

    SQLite's names of columns do not tell capital letters: of two that are equal so, the later one
    has a number behind it.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        for name, frame in tables.items():
            names = _distinct([str(column) for column in frame])
            columns = ", ".join(_quoted(column) for column in names)
            # A table needs a column.
            database.execute(f"CREATE TABLE {name} ({columns or 'no_column'})")
            if not names:
                continue
            places = ", ".join("?" * len(names))
            values = zip(*[plain_values(frame.iloc[:, i]) for i in range(len(names))], strict=True)
            database.execute("BEGIN")
            database.executemany(f"INSERT INTO {name} VALUES ({places})", values)
            database.execute("COMMIT")


def plain_values(column: pd.Series[Any]) -> list[Any]:
    """The values as SQLite has them; None where one is missing."""
    import pandas as pd

    if column.dtype.kind == "M":
        times = (
            column if isinstance(column.dtype, pd.DatetimeTZDtype) else column.dt.tz_localize("UTC")
        )
        texts = times.dt.tz_convert("UTC").dt.strftime("%Y-%m-%d %H:%M:%S")
        return [text if isinstance(text, str) else None for text in texts]
    if column.dtype.kind in "iufb":
        numbers = column.tolist()
        return [None if value != value else value for value in numbers]
    return [_plain(value) for value in column.tolist()]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bytes | bool | int | float):
        return None if value != value else value
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if value != value or str(value) in ("NaT", "<NA>") else str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _distinct(names: list[str]) -> list[str]:
    taken: set[str] = set()
    distinct = []
    for name in names:
        number, own = 1, name
        while own.lower() in taken:
            number += 1
            own = f"{name}_{number}"
        taken.add(own.lower())
        distinct.append(own)
    return distinct
