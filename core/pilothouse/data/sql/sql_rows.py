"""The rows that a query answers, as a frame, within its limits of rows and time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pilothouse.data.sql.sql_connection import SqlQuery, connect, place_of
from pilothouse.kit.errors import Invalid, Unavailable

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

CHUNK = 10_000
SQLITE_STEPS = 20_000  # virtual machine instructions between two looks at the clock
Progress = Callable[[float, str], None]


def read_rows(
    query: SqlQuery, *, first: int | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """All rows, or the `first` ones. Raises Invalid beyond a limit, Unavailable without an answer.

    Messages are the database's own, without the password.
    """
    started = time.monotonic()
    engine = connect(query)
    try:
        with engine.connect() as connection:
            _limit_time(connection, started + query.max_seconds)
            return _fetch(connection, query, first, started, progress)
    except (DBAPIError, SQLAlchemyError) as failed:
        if time.monotonic() - started >= query.max_seconds or "interrupted" in str(failed):
            raise _too_long(query) from failed
        reason = str(getattr(failed, "orig", None) or failed).strip().splitlines()[0]
        raise Unavailable(
            f"{place_of(query)} does not answer: {reason}.",
            hint="Check the URL, the table or query, and where the password is.",
        ) from failed
    finally:
        engine.dispose()


def _limit_time(connection: Connection, until: float) -> None:
    """Interrupt SQLite when its time is over; other databases have a limit of their own."""
    raw: Any = connection.connection.driver_connection
    if hasattr(raw, "set_progress_handler"):
        raw.set_progress_handler(lambda: int(time.monotonic() > until), SQLITE_STEPS)


def _fetch(
    connection: Connection,
    query: SqlQuery,
    first: int | None,
    started: float,
    progress: Progress | None,
) -> pd.DataFrame:
    # A colon in a text is no parameter of ours.
    statement = text(query.statement.replace(":", r"\:"))
    result = connection.execution_options(stream_results=True).execute(statement)
    names = list(result.keys())
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(
            f"the query answers more than one column {', '.join(repeated)}.",
            hint="Give each a name of its own with AS.",
        )
    most = query.max_rows if first is None else first
    rows: list[Sequence[Any]] = []
    while part := result.fetchmany(min(CHUNK, most + 1 - len(rows))):
        rows += part
        if time.monotonic() - started > query.max_seconds:
            raise _too_long(query)
        if len(rows) > most:
            break
        if progress is not None:
            progress(len(rows) / query.max_rows, f"{len(rows):,} rows read")
    if first is None and len(rows) > query.max_rows:
        raise Invalid(
            f"there are more than {query.max_rows:,} rows.",
            hint="Choose rows with a query, or raise the limit of rows.",
        )
    return _frame(names, rows[:most])


def _too_long(query: SqlQuery) -> Invalid:
    return Invalid(
        f"the rows were not read within {query.max_seconds:g} seconds.",
        hint="Choose fewer rows with a query, or raise the limit of seconds.",
    )


def _frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    import pandas as pd

    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pd.DataFrame(
        {name: _values(name, values) for name, values in zip(names, columns, strict=True)}
    )


def _values(name: str, values: Sequence[Any]) -> Any:
    """A column in the types that a dataset has: numbers, texts, booleans and times."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pd.Series(values, dtype=object)
    if kinds & {bytes, memoryview}:
        raise Invalid(
            f"the column {name!r} holds bytes.", hint="Leave it out by a query that names columns."
        )
    if all(issubclass(kind, date) for kind in kinds):
        return pd.to_datetime(pd.Series(values), utc=_is_aware(values))
    if Decimal in kinds:
        return pd.Series([None if value is None else float(value) for value in values])
    if kinds <= {int, float, str, bool}:
        return pd.Series(values)
    return pd.Series([None if value is None else _text(value) for value in values])


def _is_aware(values: Sequence[Any]) -> bool:
    return any(isinstance(value, datetime) and value.tzinfo is not None for value in values)


def _text(value: Any) -> str:
    """JSON of what is nested; anything else, such as a UUID, as it writes itself."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
