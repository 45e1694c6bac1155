"""`pilothouse datasets add-sql` and `refresh`: dataset versions from a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli import datasheets
from pilothouse.cli.command import options_of, verb
from pilothouse.cli.datasets import BREACH_CODE, datasets
from pilothouse.cli.options import PAIR
from pilothouse.cli.output import Output
from pilothouse.data.sql.sql_api import SqlCommands
from pilothouse.data.sql.sql_connection import MAX_ROWS, MAX_SECONDS

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

__all__ = ["datasets", "datasheets"]  # the group, with the command of the other module
url_argument = click.argument("url")
table_option = click.option("--table", default="", help="A table, or schema.table.")
query_option = click.option("--query", default="", help="One statement that selects.")
secret_option = click.option(
    "--secret", default="", help="Where the password is: env:NAME or file:PATH; it is not stored."
)


@verb(
    datasets,
    SqlCommands.register_sql,
    name="add-sql",
    writes=True,
    own_help=True,
    example=(
        "pilothouse datasets add-sql customers sqlite:////data/shop.db --table customers",
        "pilothouse datasets add-sql customers postgresql://reader@db/shop --secret env:SHOP_KEY "
        '--query "select * from crm.customers where active"',
    ),
)
@click.argument("name")
@url_argument
@table_option
@query_option
@secret_option
@click.option("--max-rows", type=int, default=MAX_ROWS, show_default=True, help="Most rows.")
@click.option(
    "--max-seconds", type=float, default=MAX_SECONDS, show_default=True, help="Most seconds."
)
@click.option("--licence", default=None, help="What it may be used for.")
@click.option("--event-time", default=None, help="The column that says when each row happened.")
@click.option("--note", default=None, help="A description.")
@click.option("--tag", "tags", type=PAIR, multiple=True, help="NAME=VALUE; repeatable.")
@click.option(
    "--on-breach",
    type=click.Choice(["refuse", "accept"]),
    default="refuse",
    show_default=True,
    help="What becomes of rows that break the contract of the dataset.",
)
def _add_sql(
    ws: Workspace, name: str, url: str, tags: tuple[tuple[str, str], ...], **arguments: Any
) -> Output:
    """Register a table or query of a database as a version; the database is only read.

    URL is one of SQLAlchemy, without a password. Where it is from is kept, so that `refresh` makes
    the next version.
    """
    version = ws.data.register_sql(name, url, tags=dict(tags), **options_of(arguments))
    text = f"{version.ref}: {version.rows:,} rows, content {version.content_hash[:12]}"
    return Output({"ref": version.ref, "rows": version.rows, "existed": version.existed}, text)


@verb(
    datasets,
    SqlCommands.preview_sql,
    name="preview-sql",
    example="pilothouse datasets preview-sql sqlite:////data/shop.db --table customers",
)
@url_argument
@table_option
@query_option
@secret_option
def _preview_sql(ws: Workspace, url: str, table: str, query: str, secret: str) -> pd.DataFrame:
    return ws.data.preview_sql(url, table=table, query=query, secret=secret)


@verb(
    datasets,
    SqlCommands.refresh,
    SqlCommands.check_refresh,
    writes=True,
    own_help=True,
    example=(
        "pilothouse datasets refresh customers --check",
        "pilothouse datasets refresh customers",
    ),
)
@click.argument("name")
@click.option("--check", is_flag=True, help="Only say what would change; ends with 3 on a breach.")
@click.option(
    "--on-breach",
    type=click.Choice(["refuse", "accept"]),
    default="refuse",
    show_default=True,
    help="What becomes of rows that break the contract.",
)
def _refresh(ws: Workspace, name: str, check: bool, on_breach: str) -> Output:
    """Read the rows of a dataset from its database again and make them the next version."""
    if check:
        result = ws.data.check_refresh(name)
        verdict = "it keeps the contract" if result.report.ok else result.report.message
        text = f"{result.rows:,} rows against {result.newest}: {result.diff.message}\n{verdict}"
        return Output(result.to_json(), text, exit_code=0 if result.report.ok else BREACH_CODE)
    version = ws.data.refresh(name, on_breach=on_breach)
    state = "unchanged" if version.existed else f"{version.rows:,} rows"
    value = {"ref": version.ref, "rows": version.rows, "existed": version.existed}
    return Output(value, f"{version.ref}: {state}")
