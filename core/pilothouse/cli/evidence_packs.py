"""`pilothouse evidence-pack`: what decisions rested on, as one archive for an audit."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import INSTANT, NEW_FILE
from pilothouse.cli.output import Output
from pilothouse.governance.api import Governance

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

root_commands = Group("evidence-pack")


@verb(
    root_commands,
    Governance.evidence_pack,
    name="evidence-pack",
    writes=True,
    example=(
        "pilothouse evidence-pack churn-3.zip --model churn --version 3",
        "pilothouse evidence-pack 2026.zip --since 2026-01-01 --until 2027-01-01",
    ),
)
@click.argument("output", type=NEW_FILE)
@click.option("--model", default="", help="Of this model only.")
@click.option("--version", type=int, default=None, help="Of this version of the model only.")
@click.option("--since", type=INSTANT, default=None, help="From this time on.")
@click.option("--until", type=INSTANT, default=None, help="Before this time.")
def _evidence_pack(
    ws: Workspace,
    output: Path,
    model: str,
    version: int | None,
    since: datetime | None,
    until: datetime | None,
) -> Output:
    info = ws.governance.evidence_pack(output, model, version, since=since, until=until)
    lines = [
        f"{info.path}: evidence of {info.title}, {info.files} files, {info.bytes:,} bytes",
        f"SHA-256 of its manifest: {info.manifest}",
    ]
    return Output(info, "\n".join(lines))


evidence_pack = root_commands.commands["evidence-pack"]
