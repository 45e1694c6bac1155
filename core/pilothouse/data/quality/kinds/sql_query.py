"""A query of one's own over the rows."""

from __future__ import annotations

from typing import Any, ClassVar

from pilothouse.data.quality.kinds import (
    MAX_ROWS,
    CheckedRows,
    Measure,
    between,
    check_limits,
    quality_kinds,
)
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params

ROWS, NUMBER = "rows", "number"
MAX_TITLE = 80


@quality_kinds.register("sql_query")
class SqlCheck:
    """What a query over the version answers: a number of rows, or one number."""

    title = "SQL"
    description = (
        "A query of SQLite over the table data, which holds the version: it must answer no rows, "
        "or one number within limits. It can only read, for 20 seconds at most."
    )
    parameters = (
        Parameter(
            "query",
            "text",
            required=True,
            help="Such as SELECT rowid FROM data WHERE ended < started; rowid lists the rows.",
        ),
        Parameter(
            "measure",
            "choice",
            ROWS,
            choices=(ROWS, NUMBER),
            title="What counts",
            help="The number of rows that it answers, or the one number.",
        ),
        Parameter("low", "number", title="At least", help="A smaller figure fails."),
        Parameter("high", "number", title="At most", help="Without limits, no rows are right."),
    )
    unit = "number"
    takes: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for what selects nothing, and without limits of a number."""
        from pilothouse.data.sql.sql_connection import not_a_selection

        if problem := not_a_selection(settings.text("query")):
            raise Invalid(f"the query {problem}.", fields={"params.query": problem})
        check_limits(*_limits(settings), ("low", "high"))

    @staticmethod
    def phrase(settings: Params) -> str:
        """The beginning of the query and its limits."""
        query = " ".join(settings.text("query").split())
        short = query if len(query) <= MAX_TITLE else f"{query[: MAX_TITLE - 1]}…"
        low, high = _limits(settings)
        limit = "no rows" if (low, high) == (None, 0.0) else between(low, high)
        return f"{short}: {limit}"

    @staticmethod
    def measure(settings: Params, rows: CheckedRows) -> Measure:
        """What the query answers. Raises Invalid for an error in it, and beyond its bounds."""
        from pilothouse.data.quality.sqlite_query import answer, columns_read

        query, names = settings.text("query"), [column.name for column in rows.schema]
        # The rows count, also when no column is read.
        table = rows.read(columns_read(names, query) or names[:1])
        result = answer(table, query, MAX_ROWS)
        low, high = _limits(settings)
        if settings["measure"] == ROWS:
            return Measure(result.count, low, high, failing=result.count, rows=result.rows)
        return Measure(_number(result.first), low, high)


def _limits(settings: Params) -> tuple[float | None, float | None]:
    low, high = settings["low"], settings["high"]
    no_limits = settings["measure"] == ROWS and low is None and high is None
    return (None, 0.0) if no_limits else (low, high)


def _number(row: tuple[Any, ...] | None) -> float:
    if row is None or len(row) != 1 or not isinstance(row[0], int | float):
        raise Invalid("the query answers no single number.")
    return float(row[0])
