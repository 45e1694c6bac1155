"""How the number of rows changes from version to version."""

from __future__ import annotations

from typing import ClassVar

from pilothouse.data.quality.kinds import (
    CheckedRows,
    Measure,
    check_limits,
    percent,
    quality_kinds,
)
from pilothouse.kit.parameters import Parameter, Params


@quality_kinds.register("row_count_change")
class RowCountChange:
    """The change of the number of rows against the version before."""

    title = "Change of rows"
    description = (
        "The change of the number of rows against the newest version in use before it; "
        "0.1 is 10 % more, -0.1 is 10 % fewer."
    )
    parameters = (
        Parameter("low", "number", -0.5, -1.0, title="Change at least", help="-0.5 is half."),
        Parameter("high", "number", 1.0, -1.0, title="Change at most", help="1 is twice as many."),
    )
    unit = "share"
    takes: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid when the limits are the wrong way round."""
        check_limits(settings["low"], settings["high"], ("low", "high"))

    @staticmethod
    def phrase(settings: Params) -> str:
        """The limits."""
        return f"Change of rows: {percent(settings['low'])} to {percent(settings['high'])}"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure | None:
        """Rows over the rows before, less one; None for the first version."""
        if not rows.rows_before:
            return None
        change = rows.count / rows.rows_before - 1
        note = f"{rows.count:,} rows after {rows.rows_before:,}"
        return Measure(change, settings["low"], settings["high"], note=note)
