"""Rows whose key another row has too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.quality.kinds import (
    MOST_SHARE,
    CheckedRows,
    Measure,
    percent,
    quality_kinds,
    share_of,
)
from pilothouse.data.schema import TYPES
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params


@quality_kinds.register("unique_key")
class UniqueKey:
    """The share of rows whose key occurs more than once."""

    title = "Unique key"
    description = (
        "The share of rows whose key, of one or more columns, another row has too; a row that "
        "misses a part of its key is left out."
    )
    parameters = (
        Parameter("columns", "list", required=True, help="The columns that are a key together."),
        MOST_SHARE,
    )
    unit = "share"
    takes = TYPES

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for no column, and for one that is named twice."""
        names = settings["columns"]
        if not names or len(set(map(str, names))) < len(names):
            problem = "names a column twice" if names else "names no column"
            raise Invalid(f"the key {problem}.", fields={"params.columns": problem})

    @staticmethod
    def phrase(settings: Params) -> str:
        """The key."""
        some = f", at most {percent(settings['share'])} repeated" if settings["share"] else ""
        return f"{', '.join(settings['columns'])}: unique{some}"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure:
        """Rows with a repeated key over rows."""
        repeated = repeated_keys([rows.column(str(name)) for name in settings["columns"]])
        return share_of(pa.chunked_array([pa.array(repeated)]), settings.number("share"))


def repeated_keys(columns: list[pa.ChunkedArray]) -> npt.NDArray[np.bool_]:
    """Which rows have a whole key that another row has too."""
    whole = np.ones(len(columns[0]), dtype=bool)
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        whole &= column.is_valid().to_numpy()
        values = _codes(column)
        # Dense again after each column, so that the product never overflows.
        _, codes = np.unique(codes * (int(values.max()) + 1) + values, return_inverse=True)
    counts = np.bincount(codes[whole], minlength=int(codes.max()) + 1)
    return whole & (counts[codes] > 1)


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """A number for each different value."""
    if pa.types.is_floating(column.type):
        column = pc.add(column, 0.0)  # minus zero is zero
    encoded = column.combine_chunks().dictionary_encode()
    codes: npt.NDArray[np.int64] = encoded.indices.fill_null(0).to_numpy().astype(np.int64)
    return codes
