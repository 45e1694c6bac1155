"""`pilothouse datasets datasheet`: the datasheet of a version, printed, exported or edited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import verb
from pilothouse.cli.datasets import datasets, ref_argument
from pilothouse.cli.options import NEW_FILE, PAIR
from pilothouse.cli.output import Output
from pilothouse.data.datasheets.datasheet_api import DatasheetCommands

if TYPE_CHECKING:
    from pilothouse.data.datasheets.datasheet_api import Datasheet
    from pilothouse.workspace import Workspace


@verb(
    datasets,
    DatasheetCommands.datasheet,
    DatasheetCommands.edit_datasheet,
    writes=True,
    reason=True,
    own_help=True,
    example=(
        "pilothouse datasets datasheet churn@2",
        "pilothouse datasets datasheet churn@2 --html --output churn-2.html",
        'pilothouse datasets datasheet churn@2 --set purpose="Who leaves"',
    ),
)
@ref_argument
@click.option("--markdown", is_flag=True, help="Print it as Markdown.")
@click.option("--html", is_flag=True, help="Print it as one HTML file with charts.")
@click.option("--output", type=NEW_FILE, default=None, help="Write it to this file instead.")
@click.option(
    "--set",
    "changes",
    type=PAIR,
    multiple=True,
    help="FIELD=TEXT: write a part that only people know; may be given several times.",
)
@click.option("--confirm", is_flag=True, help="Save the texts of the former version for this one.")
def _datasheet(
    ws: Workspace,
    ref: str,
    markdown: bool,
    html: bool,
    output: Path | None,
    changes: tuple[tuple[str, str], ...],
    confirm: bool,
    reason: str,
) -> Output:
    """The datasheet of a dataset version: how complete it is, and what is missing.

    With --markdown or --html it is the datasheet itself. The parts that only people know are
    written with --set; an empty text removes one.
    """
    if changes or confirm:
        sheet = ws.data.edit_datasheet(ref, dict(changes), reason)
    else:
        sheet = ws.data.datasheet(ref)
    if not (markdown or html):
        return Output(sheet.to_json(), _state(sheet))

    text = sheet.html().decode() if html else sheet.markdown()
    if output is not None:
        output.write_text(text, encoding="utf-8")
        return Output({"path": str(output), "complete": sheet.is_complete}, f"Written to {output}.")
    return Output({**sheet.to_json(), "text": text}, text.rstrip("\n"))


def _state(datasheet: Datasheet) -> str:
    sheet = datasheet.sheet
    lines = [f"{datasheet.ref}: {sheet.filled} of {sheet.total} parts have a text."]
    if datasheet.texts.carried_from is not None:
        former = datasheet.texts.carried_from
        lines.append(
            f"What people wrote is of version {former}; --confirm saves it for this version."
        )
    lines += [f"Missing: {entry.title} (--set {entry.key}=...)" for entry in sheet.missing]
    return "\n".join(lines)
