"""A body in Parquet, as MLflow's clients send it; only the reader process loads pyarrow for it.

Its counts are checked before its columns are unpacked, and only the model's columns are.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.gateway.request import MAX_COLUMNS, RequestLimits
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid, TooLarge
from pilothouse.models.signature import Signature, SignatureField

if TYPE_CHECKING:
    import pyarrow.parquet

MAX_UNPACKED = 64 << 20
POOL = "ARROW_DEFAULT_MEMORY_POOL"


def read_parquet(
    body: bytes, signature: Signature, limits: RequestLimits
) -> tuple[dict[str, list[Any]], int, tuple[str, ...]]:
    """The model's columns, how many rows, and the columns that the model does not take.

    Raises Invalid for what is no Parquet file, TooLarge for too many rows, columns or bytes.
    """
    os.environ.setdefault(POOL, "system")  # others reserve more than the process may use
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.BufferReader(body) as source:
            file = pyarrow.parquet.ParquetFile(source)
            _check(file, signature, limits)
            names = list(file.schema_arrow.names)
            taken = [name for name in signature.names if name in names]
            table = file.read(columns=taken, use_threads=False)
            columns = {name: table.column(name).to_pylist() for name in taken}
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, UnicodeDecodeError) as broken:
        if isinstance(broken, pyarrow.ArrowMemoryError):
            raise TooLarge("the Parquet file takes too much memory when it is read.") from broken
        raise Invalid("the body is not a Parquet file that can be read.") from broken

    rows = file.metadata.num_rows
    fields = {field.name: field for field in signature.inputs}
    plain = {name: [_plain(v, fields[name]) for v in values] for name, values in columns.items()}
    return plain, rows, tuple(name for name in names if name not in fields)[:MAX_COLUMNS]


def _check(file: pyarrow.parquet.ParquetFile, signature: Signature, limits: RequestLimits) -> None:
    about = file.metadata
    limits.check_rows(about.num_rows)
    limits.check_cells(about.num_rows, signature)
    if about.num_columns > max(MAX_COLUMNS, 2 * len(signature.inputs)):
        raise TooLarge(f"there are {about.num_columns} columns, more than are read.")
    names = file.schema_arrow.names
    if len(set(names)) < len(names):
        raise Invalid("the Parquet file has a column more than once.")
    size = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    if size > MAX_UNPACKED:
        raise TooLarge(f"the Parquet file unpacks to more than {MAX_UNPACKED >> 20} MB.")


def _plain(value: Any, field: SignatureField) -> Any:
    """A cell as JSON has it; NaN is a missing value."""
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return at.isoformat() if field.type == "string" else to_ms(at)
    if isinstance(value, date):
        return _plain(datetime.combine(value, time(tzinfo=UTC)), field)
    if isinstance(value, Decimal):
        return float(value)
    return None if value != value else value
