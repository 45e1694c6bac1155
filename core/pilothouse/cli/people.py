"""`pilothouse people`: who decides here, and which rights each of them has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import NAMES
from pilothouse.cli.output import Output
from pilothouse.people.api import People
from pilothouse.people.rights import RIGHTS

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

people = Group("people", help="People: who decides here, and their rights.")
name_argument = click.argument("name")
email_option = click.option("--email", default=None, help="An e-mail address.")
rights_option = click.option(
    "--rights", type=NAMES, default=None, help=f"Some of {', '.join(RIGHTS)}; none with ''."
)


@verb(people, People.frame, People.people, name="list", example="pilothouse people list")
@click.option("--inactive", is_flag=True, help="Those who have left too.")
def _list(ws: Workspace, inactive: bool) -> pd.DataFrame:
    return ws.people.frame(inactive=inactive)


@verb(
    people,
    People.add,
    writes=True,
    example=(
        'pilothouse people add "Ada Lovelace" --email ada@example.org',
        "pilothouse people add Bo --rights approve",
    ),
)
@name_argument
@email_option
@rights_option
def _add(ws: Workspace, name: str, email: str | None, rights: tuple[str, ...] | None) -> Output:
    person = ws.people.add(name, email or "", rights)
    rights_text = ", ".join(person.rights) or "no rights"
    return Output(person, f"{person.name} is added with {rights_text}")


@verb(
    people,
    People.change,
    writes=True,
    reason=True,
    example=(
        'pilothouse people change Bo --rights approve,override --reason "on call"',
        'pilothouse people change Bo --inactive --reason "has left"',
    ),
)
@name_argument
@email_option
@rights_option
@click.option("--active/--inactive", "active", default=None, help="Whether they decide here.")
def _change(
    ws: Workspace,
    name: str,
    email: str | None,
    rights: tuple[str, ...] | None,
    active: bool | None,
    reason: str,
) -> Output:
    person = ws.people.change(name, email=email, active=active, rights=rights, reason=reason)
    return Output(person, f"{person.name} is changed")


@verb(people, People.choose, example='pilothouse people choose "Ada Lovelace"')
@name_argument
def _choose(ws: Workspace, name: str) -> Output:
    person = ws.people.choose(name)
    return Output(person, f"commands of this account act as {person.name}")


@verb(people, People.chosen, example="pilothouse people chosen")
def _chosen(ws: Workspace) -> Output:
    person = ws.people.chosen()
    return Output(person, person.name if person else "Nobody is chosen for this account.")
