"""A table or query of a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pilothouse.data.sources import Progress, SourceRows, sources
from pilothouse.data.sql.sql_connection import (
    MAX_ROWS,
    MAX_SECONDS,
    SqlQuery,
    file_of,
    place_of,
    sql_query,
)
from pilothouse.kit.parameters import Parameter, Params

PREVIEW_SECONDS = 15.0


@sources.register("sql")
class SqlSource:
    """Rows of a database, which is only read."""

    title = "Database"
    description = "A table or one query of SQLite, PostgreSQL or any other SQLAlchemy URL."
    needs = extra = ""
    parameters = (
        Parameter(
            "url",
            "text",
            required=True,
            title="URL",
            help="postgresql://reader@host/shop or sqlite:////data/shop.db; without a password.",
        ),
        Parameter("table", "text", "", help="A table, or schema.table; or give a query."),
        Parameter(
            "secret",
            "text",
            "",
            title="Where the password is",
            help="env:NAME or file:PATH; it is read there each time and never stored.",
        ),
        Parameter("query", "text", "", help="One statement that selects, in place of a table."),
        Parameter("max_rows", "integer", MAX_ROWS, 1, title="Most rows", help="More is refused."),
        Parameter(
            "max_seconds", "number", MAX_SECONDS, 0, title="Most seconds", help="More is refused."
        ),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for a URL with a password and for anything but one selection."""
        _query(settings)

    @staticmethod
    def place(settings: Params) -> str:
        """The database, without a user or a password."""
        return place_of(_query(settings))

    @staticmethod
    def paths(settings: Params) -> Sequence[str]:
        """The file of an SQLite database."""
        return file_of(_query(settings))

    @staticmethod
    def following(settings: Params) -> Params:
        """The same table or query."""
        return settings

    @staticmethod
    def identity(settings: Params) -> str:
        """Nothing tells whether a database changed but its rows."""
        return ""

    @staticmethod
    def read(
        settings: Params, progress: Progress | None = None, most_rows: int | None = None
    ) -> SourceRows:
        """All rows within the limits; the first ones within a few seconds."""
        from pilothouse.data.sql.sql_rows import read_rows

        query = _query(settings)
        if most_rows is not None:
            query = replace(query, max_seconds=min(query.max_seconds, PREVIEW_SECONDS))
        frame = read_rows(query, first=most_rows, progress=progress)
        return SourceRows(frame, f"{place_of(query)}: {' '.join(query.statement.split())}")


def _query(settings: Params) -> SqlQuery:
    return sql_query(
        settings.text("url"),
        table=settings.text("table"),
        query=settings.text("query"),
        secret=settings.text("secret"),
        max_rows=settings.integer("max_rows"),
        max_seconds=settings.number("max_seconds"),
    )
