"""Values that are in no list."""

from __future__ import annotations

import pyarrow as pa
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
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params

MAX_NAMED = 3


@quality_kinds.register("allowed_values")
class AllowedValues:
    """The share of rows whose value is in no list."""

    title = "Allowed values"
    description = "The share of rows whose value is none of a list; missing values are left out."
    parameters = (
        COLUMN,
        Parameter("values", "list", required=True, help="The values that are right."),
        MOST_SHARE,
    )
    unit = "share"
    takes = ("string", "integer", "boolean")

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for an empty list."""
        if not settings["values"]:
            raise Invalid("give one value at least.", fields={"params.values": "is empty"})

    @staticmethod
    def phrase(settings: Params) -> str:
        """The column and the first of its values."""
        values = [str(value) for value in settings["values"]]
        more = f" and {len(values) - MAX_NAMED} more" if len(values) > MAX_NAMED else ""
        some = f", at most {percent(settings['share'])} others" if settings["share"] else ""
        return f"{settings['column']}: {', '.join(values[:MAX_NAMED])}{more}{some}"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure:
        """Rows with another value over rows."""
        texts = pc.cast(rows.column(settings.text("column")), pa.string())
        allowed = pa.array([_text(value) for value in settings["values"]], pa.string())
        others = pc.and_(pc.invert(pc.is_in(texts, value_set=allowed)), pc.is_valid(texts))
        return share_of(others, settings.number("share"))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
