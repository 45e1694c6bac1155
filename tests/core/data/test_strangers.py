"""Data sets as strangers write them: a seeded writer, and what each column has to become."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pilothouse.data.reading.reader import read

ROWS = 300
COLUMNS = ("Größe (cm)", "a;b", "prix €", "active?", "seit", "Anzahl", "Ort", "score%")


@dataclass(frozen=True)
class Stranger:
    """A file and the types its columns are meant to have."""

    content: bytes
    filename: str
    types: dict[str, str]


def column(rng: np.random.Generator, kind: str) -> pd.Series[Any]:
    """The values of a column of a kind."""
    if kind == "number":
        return pd.Series(rng.lognormal(3, 2, ROWS).round(int(rng.integers(1, 4))))
    if kind == "integer":
        return pd.Series(rng.integers(0, 5000, ROWS))
    if kind == "boolean":
        pairs = (["yes", "no"], ["J", "N"], [True, False], ["Oui", "Non"])
        return pd.Series(rng.choice(pairs[rng.integers(len(pairs))], ROWS))
    if kind == "time":
        days = rng.integers(0, 400, ROWS)
        return pd.Series(pd.Timestamp("2023-06-01") + pd.to_timedelta(days, "D"))
    return pd.Series(rng.choice(["NA", "Zürich", "x y", "None", "São Paulo"], ROWS))


def stranger(seed: int) -> Stranger:
    """What one of them brings."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["number", "integer", "boolean", "time", "string"], len(COLUMNS))
    types = {name: str(kind) for name, kind in zip(COLUMNS, kinds, strict=True)}
    frame = pd.DataFrame({name: column(rng, kind) for name, kind in types.items()})
    for name in frame:
        if rng.random() < 0.4:
            frame[name] = frame[name].astype(object).where(rng.random(ROWS) > 0.1)
    moments = np.sort(rng.uniform(0, 90, ROWS))
    frame["recorded_at"] = pd.Timestamp("2024-01-05") + pd.to_timedelta(moments, "D").round("s")
    types["recorded_at"] = "time"
    format = ("csv", "csv.gz", "parquet", "xlsx")[seed % 4]
    return Stranger(written(frame, rng, format), f"data.{format}", types)


def written(frame: pd.DataFrame, rng: np.random.Generator, format: str) -> bytes:
    """The frame in a format, with a separator, an encoding and an order of dates."""
    file = io.BytesIO()
    if format == "parquet":
        frame.to_parquet(file)
    elif format == "xlsx":
        frame.to_excel(file, index=False)
    else:
        separator = str(rng.choice([",", ";", "\t"]))
        frame.to_csv(
            file,
            index=False,
            sep=separator,
            decimal=str(rng.choice([",", "."])) if separator == ";" else ".",
            encoding=str(rng.choice(["utf-8", "utf-8-sig", "cp1252"])),
            date_format=str(rng.choice(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"])) + " %H:%M:%S",
            compression="gzip" if format == "csv.gz" else None,
        )
    return file.getvalue()


@pytest.mark.parametrize("seed", range(12))
def test_a_strangers_columns_have_the_types_they_are_meant_to_have(seed: int) -> None:
    pytest.importorskip("openpyxl")
    brought = stranger(seed)
    reading = read(brought.content, brought.filename)
    assert {c.name: c.type for c in reading.report.columns} == brought.types
    assert reading.report.event_time == "recorded_at"
    assert reading.table.num_rows == ROWS
