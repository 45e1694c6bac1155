"""`pilothouse maturity`: the level of a workspace, and what is missing to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output
from pilothouse.governance.api import Governance

if TYPE_CHECKING:
    from pilothouse.governance.maturity.scoring import CheckedItem, MaturityReport
    from pilothouse.workspace import Workspace

root_commands = Group("maturity")
MARKS = {"passed": "ok", "partial": "part", "failed": "no", "not applicable": "n/a"}


@verb(
    root_commands,
    Governance.maturity,
    example=("pilothouse maturity", "pilothouse maturity --missing", "pilothouse maturity --json"),
)
@click.option("--missing", is_flag=True, help="Only what is missing, by level and effort.")
def _maturity(ws: Workspace, missing: bool) -> Output:
    report = ws.governance.maturity()
    items = report.missing if missing else report.items
    lines = [_head(report), "", *map(_line, items)]
    return Output(report.to_json(), "\n".join(lines))


def _head(report: MaturityReport) -> str:
    areas = ", ".join(f"{area} {level}" for area, level in report.areas.items())
    score = f"ML Test Score {report.test_score:g} (the least of its four sections)"
    return f"Level {report.level} of 4: {report.title}\nBy area: {areas}\n{score}"


def _line(item: CheckedItem) -> str:
    check, verdict = item.check, item.verdict
    level = f"L{check.level}{'*' if check.must else ' '}"
    by = " (attested)" if verdict.attested else ""
    name = f"{MARKS[verdict.state]:<4} {level} {item.name}"
    return f"{name:<38} {verdict.message}{by}"


maturity = root_commands.commands["maturity"]
