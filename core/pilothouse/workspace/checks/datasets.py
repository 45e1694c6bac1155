"""Datasets: the content of every version is the one it was registered with."""

from __future__ import annotations

from sqlmodel import select

from pilothouse.data.tables import DatasetVersion
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("datasets")
def datasets(store: Store) -> CheckVerdict:
    """Every version of a dataset has a file with as many rows and columns as it says."""
    with store.read() as session:
        rows = session.exec(select(DatasetVersion)).all()
    problems = [problem for row in rows if (problem := _problem(store, row))]
    return verdict_of(f"{len(rows)} versions", problems)


def _problem(store: Store, row: DatasetVersion) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = f"{row.dataset}@{row.version}"
    try:
        with store.artifacts.open(row.digest) as source:
            file = pq.ParquetFile(source)
            rows, columns = file.metadata.num_rows, len(file.schema_arrow.names)
    except PilothouseError as refused:
        return f"the file of {name} cannot be read: {refused.message}"
    except (OSError, ValueError, pa.ArrowException):
        return f"the file of {name} is not a table"
    if (rows, columns) != (row.rows, row.columns):
        own = f"{row.rows} rows and {row.columns} columns"
        return f"{name} says {own}, its file has {rows} and {columns}"
    return ""
