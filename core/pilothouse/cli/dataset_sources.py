"""`pilothouse datasets add-from`, `add-sql` and `refresh`: versions from other places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli import (
    dataset_exploration,
    dataset_quality,
    dataset_retention,
    datasheets,
    personal_data,
)
from pilothouse.cli.command import options_of, verb
from pilothouse.cli.datasets import BREACH_CODE, datasets, held_back, release_option
from pilothouse.cli.options import NEW_FILE, PAIR, PluginName, scalar
from pilothouse.cli.output import Output
from pilothouse.data.source_api import SourceCommands
from pilothouse.data.sources import sources
from pilothouse.data.sql.sql_connection import MAX_ROWS, MAX_SECONDS

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.workspace import Workspace

Pairs = tuple[tuple[str, str], ...]
# The group, with commands of other modules.
__all__ = [
    "dataset_exploration",
    "dataset_quality",
    "dataset_retention",
    "datasets",
    "datasheets",
    "personal_data",
]
url_argument = click.argument("url")
table_option = click.option("--table", default="", help="A table, or schema.table.")
query_option = click.option("--query", default="", help="One statement that selects.")
secret_option = click.option(
    "--secret", default="", help="Where the password is: env:NAME or file:PATH; it is not stored."
)
kind_argument = click.argument("kind", type=PluginName(sources))
param_option = click.option(
    "--param", "params", type=PAIR, multiple=True, metavar="NAME=VALUE", help="Repeatable."
)


def about_options(act: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what is stored with a version, and of a breach of the contract."""
    options = (
        click.option("--licence", default=None, help="What it may be used for."),
        click.option(
            "--event-time", default=None, help="The column that says when each row happened."
        ),
        click.option("--note", default=None, help="A description."),
        click.option("--tag", "tags", type=PAIR, multiple=True, help="NAME=VALUE; repeatable."),
        click.option(
            "--on-breach",
            type=click.Choice(["refuse", "accept"]),
            default="refuse",
            show_default=True,
            help="What becomes of rows that break the contract of the dataset.",
        ),
        release_option,
    )
    for option in reversed(options):
        act = option(act)
    return act


@verb(
    datasets,
    SourceCommands.register_from,
    name="add-from",
    writes=True,
    own_help=True,
    example=(
        "pilothouse datasets add-from delta sales --param path=/data/sales --param version=3",
        "pilothouse datasets add-from parquet sales --param path=/data/sales",
    ),
)
@kind_argument
@click.argument("name")
@param_option
@about_options
def _add_from(
    ws: Workspace,
    kind: str,
    name: str,
    params: Pairs,
    tags: Pairs,
    **arguments: Any,
) -> Output:
    """Register the rows of a place of a KIND, such as delta or parquet, as a version.

    Parameters are those of the kind. Where the rows are from is kept, so that `refresh` makes the
    next version.
    """
    settings = _settings(kind, params)
    version = ws.data.register_from(name, kind, settings, tags=dict(tags), **options_of(arguments))
    return _registered(version)


@verb(
    datasets,
    SourceCommands.preview_from,
    name="preview-from",
    example="pilothouse datasets preview-from delta --param path=/data/sales",
)
@kind_argument
@param_option
def _preview_from(ws: Workspace, kind: str, params: Pairs) -> pd.DataFrame:
    return ws.data.preview_from(kind, _settings(kind, params)).frame


@verb(
    datasets,
    SourceCommands.source,
    SourceCommands.source_state,
    own_help=True,
    example="pilothouse datasets source sales",
)
@click.argument("name")
def _source(ws: Workspace, name: str) -> Output:
    """Where a dataset is refreshed from, the state that was read last, and whether it changed."""
    source = ws.data.source(name)
    if source is None:
        version = ws.data.version(name)  # which says that there is no such dataset
        return Output({"dataset": name, "kind": None}, f"{version.ref} came as a file or a frame")
    value = {
        "dataset": name,
        "kind": source.kind,
        "settings": dict(source.settings),
        "identity": source.identity,
        "state": ws.data.source_state(name),
    }
    read = f"read last as {source.identity}\n" if source.identity else ""
    return Output(value, f"{source.place}\n{read}{value['state']}")


@verb(
    datasets,
    SourceCommands.register_sql,
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
@about_options
def _add_sql(ws: Workspace, name: str, url: str, tags: Pairs, **arguments: Any) -> Output:
    """Register a table or query of a database as a version; the database is only read.

    URL is one of SQLAlchemy, without a password. Where it is from is kept, so that `refresh` makes
    the next version.
    """
    return _registered(ws.data.register_sql(name, url, tags=dict(tags), **options_of(arguments)))


@verb(
    datasets,
    SourceCommands.preview_sql,
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
    SourceCommands.refresh,
    SourceCommands.check_refresh,
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
@release_option
def _refresh(ws: Workspace, name: str, check: bool, on_breach: str, release_reason: str) -> Output:
    """Read the rows of a dataset from its source again and make them the next version.

    Ends with 3 when the quality checks hold the version back.
    """
    if check:
        result = ws.data.masked().check_refresh(name)
        lines = [f"{result.rows:,} rows against {result.newest}: {result.diff.message}"]
        lines += ["it keeps the contract" if result.report.ok else result.report.message]
        lines += [f"{one.status}: {one.title}: {one.message}" for one in result.quality]
        passed = result.report.ok and not result.held_for
        return Output(result.to_json(), "\n".join(lines), exit_code=0 if passed else BREACH_CODE)
    version = ws.data.refresh(name, on_breach=on_breach, release_reason=release_reason)
    state = "unchanged" if version.existed else f"{version.rows:,} rows"
    value = {"ref": version.ref, "rows": version.rows, "existed": version.existed}
    return held_back(version, value, f"{version.ref}: {state}")


@verb(
    datasets,
    SourceCommands.write_dvc,
    writes=True,
    own_help=True,
    example="pilothouse datasets write-dvc sales@2 repository/data/sales.parquet",
)
@click.argument("ref")
@click.argument("path", type=NEW_FILE)
def _write_dvc(ws: Workspace, ref: str, path: Path) -> Output:
    """Have a repository of DVC track a version as the Parquet file PATH.

    Its content goes into the cache, and PATH.dvc names it; `dvc checkout` makes the file.
    """
    pointer = ws.data.write_dvc(ref, path)
    return Output({"pointer": str(pointer)}, f"{pointer} is written; run dvc checkout for the file")


def _settings(kind: str, pairs: Pairs) -> dict[str, Any]:
    """The values of --param; what the kind takes as a text stays one, such as 2026 or true."""
    texts = {item.name for item in sources.get(kind).parameters if item.type in ("text", "choice")}
    return {name: text if name in texts else scalar(text) for name, text in pairs}


def _registered(version: DatasetVersionInfo) -> Output:
    text = f"{version.ref}: {version.rows:,} rows, content {version.content_hash[:12]}"
    value = {"ref": version.ref, "rows": version.rows, "existed": version.existed}
    return held_back(version, value, text)
