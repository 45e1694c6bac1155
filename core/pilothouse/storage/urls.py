"""Database URLs as objects: a path with `%`, `?` or `#` in it must name its own file."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from pilothouse.kit.errors import Invalid
from pilothouse.kit.settings import Settings

DATABASE_FILE = "pilothouse.db"
WORKFLOWS_FILE = "workflows.db"
HINT = "Use sqlite:///… or postgresql+psycopg://…"


def sqlite_url(file: Path) -> URL:
    """The URL of a SQLite file; written out, SQLAlchemy quotes what a URL would misread."""
    return URL.create("sqlite", database=str(file))


def database_url(settings: Settings, file: Path) -> URL:
    """The database that the settings name, or the SQLite file. Raises Invalid for no URL."""
    if not settings.database_url:
        return sqlite_url(file)
    return parsed(settings.database_url)


def parsed(url: str) -> URL:
    """A database URL from the settings. Raises Invalid."""
    try:
        return make_url(url)
    except ArgumentError as wrong:
        raise Invalid("the setting database_url is not a database URL.", hint=HINT) from wrong


def as_text(url: URL) -> str:
    """The URL with its password, for a library that takes only text."""
    return url.render_as_string(hide_password=False)
