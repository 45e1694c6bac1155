"""`pilothouse models card`: the model card of a version, printed, written to a file, or edited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import verb
from pilothouse.cli.models import model_argument, models, version_argument
from pilothouse.cli.options import NEW_FILE, PAIR
from pilothouse.cli.output import Output
from pilothouse.registry.api import Registry

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.registry.cards.model_card import ModelCard
    from pilothouse.workspace import Workspace


@verb(
    models,
    Registry.card,
    Registry.edit_card,
    writes=True,
    reason=True,
    own_help=True,
    example=(
        "pilothouse models card churn 3",
        "pilothouse models card churn 3 --markdown > README.md",
        "pilothouse models card churn 3 --html --output churn-3.html",
        'pilothouse models card churn 3 --set licence=mit --set factors="Old lines"',
    ),
)
@model_argument
@version_argument
@click.option("--markdown", is_flag=True, help="Print it as Markdown for the Hugging Face Hub.")
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
def _card(
    ws: Workspace,
    model: str,
    version: int,
    markdown: bool,
    html: bool,
    output: Path | None,
    changes: tuple[tuple[str, str], ...],
    confirm: bool,
    reason: str,
) -> Output:
    """The model card of a version: how complete it is, and what is missing.

    With --markdown or --html it is the card itself. The parts that only people know are written
    with --set; an empty text removes one.
    """
    if changes or confirm:
        card = ws.registry.edit_card(model, version, dict(changes), reason)
    else:
        card = ws.registry.card(model, version)
    if not (markdown or html):
        return Output(card.to_json(), _state(card))

    text = card.html().decode() if html else card.markdown()
    if output is not None:
        output.write_text(text, encoding="utf-8")
        return Output({"path": str(output), "complete": card.is_complete}, f"Written to {output}.")
    return Output({**card.to_json(), "text": text}, text.rstrip("\n"))


def _state(card: ModelCard) -> str:
    lines = [f"{card.ref}: {card.sheet.filled} of {card.sheet.total} parts have a text."]
    if card.texts.carried_from is not None:
        lines.append(
            f"What people wrote is of version {card.texts.carried_from}; --confirm saves it for "
            "this version."
        )
    for entry in card.sheet.missing:
        way = f"--set {entry.key}=..." if entry.asked_of == "people" else "from evidence"
        lines.append(f"Missing: {entry.title} ({way})")
    return "\n".join(lines)


@verb(models, Registry.card_history, example="pilothouse models card-history churn 3")
@model_argument
@version_argument
def _card_history(ws: Workspace, model: str, version: int) -> pd.DataFrame:
    return ws.registry.card_history(model, version)
