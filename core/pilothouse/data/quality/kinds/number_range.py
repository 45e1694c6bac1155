"""Numbers outside of a range."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.quality.kinds import (
    COLUMN,
    MOST_SHARE,
    CheckedRows,
    Measure,
    between,
    check_limits,
    percent,
    quality_kinds,
    share_of,
)
from pilothouse.data.schema import NUMERIC
from pilothouse.kit.parameters import Parameter, Params


@quality_kinds.register("number_range")
class NumberRange:
    """The share of rows whose number is outside of a range."""

    title = "Range"
    description = "The share of rows whose number is outside of a range; a missing one is not."
    parameters = (
        COLUMN,
        Parameter("low", "number", title="Smallest", help="Smaller numbers are wrong."),
        Parameter("high", "number", title="Greatest", help="Greater numbers are wrong."),
        MOST_SHARE,
    )
    unit = "share"
    takes = NUMERIC

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid without a range."""
        check_limits(settings["low"], settings["high"], ("low", "high"))

    @staticmethod
    def phrase(settings: Params) -> str:
        """The column and its range."""
        some = f", at most {percent(settings['share'])} outside" if settings["share"] else ""
        return f"{settings['column']}: {between(settings['low'], settings['high'])}{some}"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure:
        """Rows outside over rows."""
        numbers = pc.cast(rows.column(settings.text("column")), pa.float64(), safe=False)
        masks = [
            compare(numbers, settings.number(end))
            for compare, end in ((pc.less, "low"), (pc.greater, "high"))
            if settings[end] is not None
        ]
        outside = masks[0] if len(masks) == 1 else pc.or_(*masks)
        return share_of(pc.fill_null(outside, False), settings.number("share"))
