"""What neptune-exporter writes: its schema and its names of files, from commit 8d3f44a."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

AT = datetime(2024, 1, 1, tzinfo=UTC)
PROJECT = "team/churn"
MILLISECONDS = pa.timestamp("ms", tz="UTC")
HISTOGRAM = [
    ("type", pa.string()),
    ("edges", pa.list_(pa.float64())),
    ("values", pa.list_(pa.float64())),
]
SCHEMA = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", MILLISECONDS),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", MILLISECONDS),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        ("histogram_value", pa.struct(HISTOGRAM)),
    ]
)
Row = dict[str, Any]


def sanitised(name: str) -> str:
    digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in name) + "-" + digest


def value(path: str, kind: str, content: Any) -> Row:
    return {"attribute_path": path, "attribute_type": kind, f"{kind}_value": content}


def point(path: str, step: str | None, number: float, second: int = 0) -> Row:
    row = {"attribute_path": path, "attribute_type": "float_series", "float_value": number}
    return row | {"step": Decimal(step) if step else None, "timestamp": AT + timedelta(0, second)}


def text(path: str, step: str, content: str) -> Row:
    row = {"attribute_path": path, "attribute_type": "string_series", "string_value": content}
    return row | {"step": Decimal(step), "timestamp": AT}


def file(path: str, place: str, kind: str = "file", step: str | None = None) -> Row:
    row = {"attribute_path": path, "attribute_type": kind, "file_value": {"path": place}}
    return row | {"step": Decimal(step) if step else None}


def write(
    data: Path, run: str, *parts: Sequence[Row], project: str = PROJECT, below: str = ""
) -> list[Path]:
    """The parts of a run in a folder of Parquet files."""
    folder = data / sanitised(project) / below
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, rows in enumerate(parts):
        owned = [{"project_id": project, "run_id": run, **row} for row in rows]
        path = folder / f"{sanitised(run)}_part_{number}.parquet"
        pq.write_table(pa.Table.from_pylist(owned, schema=SCHEMA), path, compression="snappy")
        paths.append(path)
    return paths
