"""How many rows there are."""

from __future__ import annotations

from typing import ClassVar

from pilothouse.data.quality.kinds import (
    CheckedRows,
    Measure,
    between,
    check_limits,
    quality_kinds,
)
from pilothouse.kit.parameters import Parameter, Params


@quality_kinds.register("row_count")
class RowCount:
    """The number of rows."""

    title = "Rows"
    description = "The number of rows of a version."
    parameters = (
        Parameter("low", "integer", low=0, title="Rows at least", help="Fewer rows fail."),
        Parameter("high", "integer", low=0, title="Rows at most", help="More rows fail."),
    )
    unit = "rows"
    takes: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid without a limit."""
        check_limits(settings["low"], settings["high"], ("low", "high"))

    @staticmethod
    def phrase(settings: Params) -> str:
        """The limits."""
        return f"Rows: {between(settings['low'], settings['high'])}"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure:
        """The rows of the table."""
        return Measure(rows.count, settings["low"], settings["high"])
