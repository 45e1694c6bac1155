"""`pilothouse erasures`: erase an entity from the whole workspace, with a certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import NEW_FILE, dry_run_option
from pilothouse.cli.output import Output
from pilothouse.interop.erasures.api import Erasures
from pilothouse.interop.erasures.entity_search import EntityPlaces
from pilothouse.interop.erasures.erasure_job import plan_of

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

erasures = Group(
    "erasures", help="Erase an entity from all datasets, prediction logs, messages and uploads."
)


@verb(
    erasures,
    Erasures.start,
    Erasures.count,
    name="start",
    writes=True,
    reason=True,
    example=(
        "pilothouse erasures start ada@example.org --dry-run",
        'pilothouse erasures start 4711 --column customer --reason "asked for on 2 March"',
    ),
    own_help=True,
)
@click.argument("value")
@click.option("--column", "columns", multiple=True, help="A column to look into; repeatable.")
@dry_run_option
def _start(
    ws: Workspace, value: str, columns: tuple[str, ...], dry_run: bool, reason: str
) -> Output:
    """Erase the rows that have VALUE, as a job; the value itself is stored nowhere.

    It is looked for in the columns with personal data, or in those that are named.
    """
    if dry_run:
        places = ws.erasures.count(value, columns)
        return Output(plan_of(places), "\n".join(_lines(places)))
    job = ws.erasures.start(value, reason, columns)
    return Output({"job": job}, f"the worker erases it in the job {job}")


@verb(erasures, Erasures.frame, name="list", example="pilothouse erasures list")
def _list(ws: Workspace) -> pd.DataFrame:
    return ws.erasures.frame()


@verb(
    erasures,
    Erasures.certificate,
    Erasures.certificate_html,
    name="certificate",
    example=(
        "pilothouse erasures certificate 019ca90e1b807341",
        "pilothouse erasures certificate 019ca90e1b807341 --html certificate.html",
    ),
)
@click.argument("job")
@click.option("--html", type=NEW_FILE, default=None, help="Write it as one HTML page to this file.")
def _certificate(ws: Workspace, job: str, html: Path | None) -> Output:
    certificate = ws.erasures.certificate(job)
    if html is not None:
        html.write_text(ws.erasures.certificate_html(job), encoding="utf-8")
        return Output({"file": str(html)}, f"the certificate is in {html}")
    return Output(certificate, json.dumps(certificate, indent=2, ensure_ascii=False))


def _lines(places: EntityPlaces) -> list[str]:
    lines = [f"{item.ref}: {item.rows:,} rows by {', '.join(item.columns)}"
             for item in places.datasets]  # fmt: skip
    lines += [f"log of {item.deployment} by {item.column or 'prediction id'}: {item.rows:,} rows"
              for item in places.logs]  # fmt: skip
    lines += [f"{len(places.messages):,} messages that are set aside"] if places.messages else []
    lines += [f"{len(places.uploads):,} uploads"] if places.uploads else []
    lines += [f"cannot be searched: {part}" for part in places.unsearched]
    return lines or ["The workspace has nothing of it in the columns that were looked into."]
