"""Some rows of a version, read without the others: a bounded part of the file at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.data import versions
from pilothouse.storage import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    Positions = npt.NDArray[np.int64]

BATCH = 16_384


def read_positions(
    store: Store, session: Session, ref: str, positions: Sequence[int]
) -> pd.DataFrame:
    """The rows at some positions of a version, in that order; 0 is the first row.

    Memory is that of one batch and of the rows. Raises NotFound, Unavailable for content that is
    lost, IndexError for a position that is not there.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    version = versions.require(session, ref)
    file = pq.ParquetFile(versions.content(store, version))
    numbers = np.asarray(positions, dtype=np.int64)
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= version.rows):
        raise IndexError(f"{version.ref} has {version.rows} rows.")
    ordered = np.unique(numbers)
    parts = list(_parts(file, ordered))
    rows = pa.Table.from_batches(parts, file.schema_arrow).select(list(version.column_names))
    frame: pd.DataFrame = rows.take(ordered.searchsorted(numbers)).to_pandas(split_blocks=True)
    return frame


def _parts(file: pq.ParquetFile, ordered: Positions) -> Iterator[pa.RecordBatch]:
    """The rows at ascending positions; row groups without any are not read."""
    start = 0
    for group in range(file.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        if len(_within(ordered, start, end)):
            for batch in file.iter_batches(BATCH, row_groups=[group]):
                within = _within(ordered, start, start + batch.num_rows)
                if len(within):
                    yield batch.take(within - start)
                start += batch.num_rows
        start = end


def _within(ordered: Positions, start: int, end: int) -> Positions:
    first, last = ordered.searchsorted((start, end))
    return ordered[first:last]
