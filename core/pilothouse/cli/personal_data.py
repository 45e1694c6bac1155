"""`pilothouse datasets personal`: columns with personal data, and the rows with them masked."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.datasets import datasets, ref_argument, revealing
from pilothouse.cli.options import PluginName, reveal_option
from pilothouse.cli.output import Output
from pilothouse.data.api import Data
from pilothouse.data.personal_data.personal_api import PersonalDataCommands
from pilothouse.data.personal_kinds import personal_kinds

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.personal_data.personal_columns import PersonalColumnInfo
    from pilothouse.workspace import Workspace

personal = Group("personal", help="Columns with personal data: found, marked, rejected.")
datasets.add_command(personal)
name_argument = click.argument("name")
column_argument = click.argument("column")


@verb(
    personal,
    PersonalDataCommands.personal_columns,
    name="list",
    example="pilothouse datasets personal list customers",
)
@name_argument
def _list(ws: Workspace, name: str) -> pd.DataFrame:
    import pandas as pd

    columns = ws.data.personal_columns(name)
    names = ("column", "kind", "state", "share", "sampled", "reason", "decided_by")
    rows = [{key: asdict(column)[key] for key in names} for column in columns]
    return pd.DataFrame(rows, columns=list(names))


@verb(
    personal,
    PersonalDataCommands.find_personal,
    name="find",
    writes=True,
    example="pilothouse datasets personal find customers@2",
)
@ref_argument
def _find(ws: Workspace, ref: str) -> Output:
    columns = ws.data.find_personal(ref)
    text = f"proposed: {', '.join(columns)}" if columns else "nothing new was found"
    return Output({"proposed": columns}, text)


@verb(
    personal,
    PersonalDataCommands.mark_personal,
    name="mark",
    writes=True,
    reason=True,
    example=(
        'pilothouse datasets personal mark customers email --reason "it is"',
        "pilothouse datasets personal mark customers number --kind identifier",
    ),
)
@name_argument
@column_argument
@click.option("--kind", type=PluginName(personal_kinds), default=None, help="What it holds.")
def _mark(ws: Workspace, name: str, column: str, kind: str | None, reason: str) -> Output:
    return _decided(ws.data.mark_personal(name, column, kind or "", reason))


@verb(
    personal,
    PersonalDataCommands.reject_personal,
    name="reject",
    writes=True,
    reason=True,
    example='pilothouse datasets personal reject customers name --reason "names of products"',
)
@name_argument
@column_argument
def _reject(ws: Workspace, name: str, column: str, reason: str) -> Output:
    return _decided(ws.data.reject_personal(name, column, reason))


@verb(
    datasets,
    Data.masked,
    Data.reveal,
    name="rows",
    writes=True,
    example=(
        "pilothouse datasets rows customers --limit 10",
        'pilothouse datasets rows customers@2 --reveal "a complaint of 2 March"',
    ),
    own_help=True,
)
@ref_argument
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@reveal_option
def _rows(ws: Workspace, ref: str, limit: int, reveal: str | None) -> pd.DataFrame:
    """The first rows of a version, with personal data masked."""
    return revealing(ws, ref, reveal).first_rows(ref, limit)


@verb(
    datasets,
    PersonalDataCommands.erasures,
    name="erasures",
    example="pilothouse datasets erasures customers@2",
)
@ref_argument
def _erasures(ws: Workspace, ref: str) -> pd.DataFrame:
    import pandas as pd

    names = ("erasure", "at", "rows", "digest_before", "digest_after")
    rows = [[getattr(item, name) for name in names] for item in ws.data.erasures(ref)]
    return pd.DataFrame(rows, columns=list(names))


def _decided(column: PersonalColumnInfo) -> Output:
    text = f"{column.dataset} {column.column}: {column.state}, {column.title}"
    return Output(asdict(column), text)
