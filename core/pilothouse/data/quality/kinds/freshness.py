"""How old the newest rows are."""

from __future__ import annotations

import pyarrow.compute as pc

from pilothouse.data.quality.kinds import COLUMN, CheckedRows, Measure, quality_kinds
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params


@quality_kinds.register("freshness")
class DataAge:
    """The age of the newest value of a column of times."""

    title = "Freshness"
    description = (
        "The age of the newest value of a column of times when the version is checked; values "
        "after that moment do not count."
    )
    parameters = (
        COLUMN,
        Parameter(
            "hours",
            "number",
            24.0,
            0.0,
            title="Oldest",
            unit="h",
            help="An older newest value fails.",
        ),
    )
    unit = "hours"
    takes = ("time",)

    @staticmethod
    def check(settings: Params) -> None:
        """Nothing more."""

    @staticmethod
    def phrase(settings: Params) -> str:
        """The column and the age."""
        return f"{settings['column']}: newest at most {settings['hours']:,g} h old"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure:
        """Hours between the newest value and now. Raises Invalid when there is none."""
        times = rows.column(settings.text("column"))
        past = times.filter(pc.less_equal(times, rows.now))
        newest = pc.max(past).as_py()
        if newest is None:
            raise Invalid(f"the column {settings['column']!r} has no time before now.")
        later = len(times) - times.null_count - len(past)
        note = f"{later:,} later than now are left out" if later else ""
        hours = (rows.now - newest).total_seconds() / 3600
        return Measure(hours, high=settings.number("hours"), note=note)
