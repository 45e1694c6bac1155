"""How many values of a column are missing."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.compute as pc

from pilothouse.data.quality.kinds import (
    COLUMN,
    MOST_SHARE,
    CheckedRows,
    Measure,
    percent,
    quality_kinds,
    share_of,
)
from pilothouse.data.schema import TYPES
from pilothouse.kit.parameters import Params


@quality_kinds.register("missing_values")
class MissingValues:
    """The share of rows without a value."""

    title = "Missing values"
    description = "The share of rows in which a column has no value."
    parameters = (
        COLUMN,
        replace(MOST_SHARE, help="The share of rows without a value: 0.01 is 1 %."),
    )
    unit = "share"
    takes = TYPES

    @staticmethod
    def check(settings: Params) -> None:
        """Nothing more."""

    @staticmethod
    def phrase(settings: Params) -> str:
        """The column and the limit."""
        return f"{settings['column']}: at most {percent(settings['share'])} missing"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure:
        """Missing values over rows."""
        return share_of(pc.is_null(rows.column(settings.text("column"))), settings.number("share"))
