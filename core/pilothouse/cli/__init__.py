"""The command line: one group a noun, the same verbs as the screens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from pilothouse.cli.root import root
from pilothouse.kit.errors import PilothouseError, Unavailable
from pilothouse.kit.folders import set_private_umask
from pilothouse.kit.io_errors import DOCTOR, to_unavailable

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

__all__ = ["main", "root"]


def main() -> None:
    """Run a command; an error of ours ends it with one sentence and its own exit code."""
    set_private_umask()
    try:
        root(standalone_mode=True)
    except PilothouseError as refused:
        _end(str(refused), refused.exit_code)
    except OSError as broken:
        advice = to_unavailable(broken)
        _end(f"{broken}. {advice}" if advice else f"{broken}.", Unavailable.exit_code)
    except _database_error() as broken:
        advice = to_unavailable(broken)
        message = f"{advice} ({broken.orig})" if advice else f"{broken.orig}. {DOCTOR}"
        _end(f"the database cannot be used: {message}", Unavailable.exit_code)


def _end(message: str, code: int) -> NoReturn:
    import click

    click.echo(f"pilothouse: {message}", err=True)
    sys.exit(code)


def _database_error() -> type[DBAPIError]:
    """What a broken database raises; asked for only once something was raised, for its import."""
    from sqlalchemy.exc import DBAPIError

    return DBAPIError
