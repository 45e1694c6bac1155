"""Connections to databases of others: by URL, read-only, with the password by reference."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from pilothouse.data.secret_references import REQUIREMENT, is_reference, secret_at
from pilothouse.kit.errors import Invalid, NotFound, Unavailable

MAX_ROWS, MAX_SECONDS = 1_000_000, 300.0
SELECTS = re.compile(r"(select|with|values|table)\b", re.IGNORECASE)
COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
POSTGRES = ("postgres", "postgresql")
# The extra that has the driver of a dialect; other drivers are packages of their own.
EXTRAS = {"postgresql": "pilothouse[team]"}
DENIED = {
    *(sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH),
    *(sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE),
}


@dataclass(frozen=True)
class SqlQuery:
    """What is read: the URL of a database without a password, and a statement that selects.

    `secret` says where the password is: `env:NAME`, `file:PATH` or nothing. More rows than
    `max_rows`, or more than `max_seconds`, are refused.
    """

    url: str
    statement: str
    secret: str = ""
    max_rows: int = MAX_ROWS
    max_seconds: float = MAX_SECONDS

    def to_json(self) -> dict[str, Any]:
        """Plain values: the arguments of this class."""
        return asdict(self)


def sql_query(
    url: str,
    *,
    table: str = "",
    query: str = "",
    secret: str = "",
    max_rows: int = MAX_ROWS,
    max_seconds: float = MAX_SECONDS,
) -> SqlQuery:
    """A checked query. Raises Invalid that names each wrong part; nothing is connected to."""
    parsed = _parsed(url)
    wrong: dict[str, str] = {}
    if bool(table.strip()) == bool(query.strip()):
        wrong["query"] = "give either a table or a query"
    elif query and (problem := not_a_selection(query)):
        wrong["query"] = problem
    if secret and not is_reference(secret):
        wrong["secret"] = REQUIREMENT
    if not 1 <= max_rows <= 100_000_000:
        wrong["max_rows"] = "must be 1 to 100,000,000"
    if not 0 < max_seconds <= 24 * 3600:
        wrong["max_seconds"] = "must be above 0 and at most a day"
    if wrong:
        raise Invalid("; ".join(f"{name}: {text}" for name, text in wrong.items()) + ".",
                      fields=wrong)  # fmt: skip
    statement = query.strip().rstrip(";").strip() if query else _select_all(parsed, table.strip())
    return SqlQuery(parsed.render_as_string(), statement, secret, max_rows, max_seconds)


def connect(query: SqlQuery) -> Engine:
    """An engine whose connections cannot write where the database can refuse that itself.

    Raises Invalid, NotFound without the file or the secret, Unavailable without the driver.
    """
    url = _parsed(query.url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, query.max_seconds)
    url = url.set(password=secret_at(query.secret)) if query.secret else url
    try:
        if url.get_backend_name() in POSTGRES:
            milliseconds = int(query.max_seconds * 1000)
            limits = f"-c default_transaction_read_only=on -c statement_timeout={milliseconds}"
            arguments = {"options": limits, "connect_timeout": 10}
            return create_engine(url, poolclass=NullPool, connect_args=arguments)
        return create_engine(url, poolclass=NullPool)
    except (NoSuchModuleError, ModuleNotFoundError) as missing:
        raise _without_driver(url) from missing


def place_of(query: SqlQuery) -> str:
    """The database in words, without a user or a password."""
    url = _parsed(query.url)
    at = f"{url.host}/" if url.host else ""
    name = Path(url.database or "").name if url.get_backend_name() == "sqlite" else url.database
    return f"{url.get_backend_name()} {at}{name or ''}".strip()


def file_of(query: SqlQuery) -> tuple[str, ...]:
    """The file of an SQLite database; nothing for a database behind an address."""
    url = _parsed(query.url)
    return (str(url.database),) if url.get_backend_name() == "sqlite" else ()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url.strip())
    except ArgumentError as wrong:
        raise Invalid(
            "this is not the URL of a database.",
            hint="Give one such as sqlite:////data/shop.db or postgresql://reader@host/shop.",
            fields={"url": "not a URL of a database"},
        ) from wrong
    if parsed.password is not None:
        raise Invalid(
            "the URL holds a password, which would be stored.",
            hint="Leave it out and name where it is: --secret env:NAME or file:PATH.",
            fields={"url": "holds a password"},
        )
    if parsed.drivername in POSTGRES:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and not parsed.database:
        raise Invalid("the URL names no file.", fields={"url": "names no file"})
    return parsed


def not_a_selection(query: str) -> str:
    """Why a text is not one statement that selects; empty when it is."""
    bare = QUOTED.sub("''", COMMENTS.sub(" ", query)).strip()
    if not SELECTS.match(bare):
        return "must begin with SELECT, WITH, VALUES or TABLE: databases are only read"
    return "must be one statement" if ";" in bare.rstrip("; \n\t") else ""


def _select_all(url: URL, table: str) -> str:
    """All rows of a table; of a schema's table when there is a point in the name."""
    try:
        quote = url.get_dialect()().identifier_preparer.quote_identifier
    except (NoSuchModuleError, ModuleNotFoundError) as missing:
        raise _without_driver(url) from missing
    return f"select * from {'.'.join(map(quote, table.split('.')))}"


def _sqlite(url: URL, seconds: float) -> Engine:
    path = Path(str(url.database)).expanduser()
    if not path.is_file():
        raise NotFound(f"there is no database {path}.")

    def opened() -> sqlite3.Connection:
        address = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=min(seconds, 30.0))
        connection.set_authorizer(_authorize)
        return connection

    return create_engine("sqlite://", creator=opened, poolclass=NullPool)


def _authorize(action: int, *_: Any) -> int:
    return sqlite3.SQLITE_DENY if action in DENIED else sqlite3.SQLITE_OK


def _without_driver(url: URL) -> Unavailable:
    name = url.get_backend_name()
    package = EXTRAS.get(name, f"the SQLAlchemy driver of {name}")
    return Unavailable(
        f"the driver {url.drivername} is not installed.",
        hint=f"Install {package}: pip install '{package}'."
        if name in EXTRAS
        else f"Install {package} beside Pilothouse.",
    )
