"""`pilothouse validate`: whether a version passes the gates before a stage, by its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.jobs import wait_for
from pilothouse.cli.output import Output
from pilothouse.registry.api import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.registry.gates import Verdict
    from pilothouse.workspace import Workspace

root_commands = Group("validation")
PASSED, FAILED, INCONCLUSIVE = 0, 1, 2


@verb(
    root_commands,
    Registry.assess,
    name="validate",
    writes=True,
    example=(
        "pilothouse validate churn 3 --stage production",
        "pilothouse validate churn 3 --stage production --wait --json",
    ),
    own_help=True,
)
@click.argument("model")
@click.argument("version", type=int)
@click.option("--stage", default="production", show_default=True, help="Before which stage.")
@click.option("--wait", is_flag=True, help="First measure what the gates need, with a worker.")
def _validate(ws: Workspace, model: str, version: int, stage: str, wait: bool) -> Output:
    """Ask the gates before a stage of a VERSION of a MODEL, and move nothing.

    Ends with 0 when all pass, 1 when one fails, and 2 when one cannot tell and none fails.
    """
    if wait and (job := ws.registry.measure(model, version, stage)):
        wait_for(ws, job)
    verdicts = ws.registry.assess(model, version, stage).verdicts
    code = exit_code(verdicts)
    state = {PASSED: "passed", FAILED: "failed", INCONCLUSIVE: "inconclusive"}[code]
    lines = [f"{item.gate}: {item.outcome}. {item.message}" for item in verdicts]
    value = {"model": model, "version": version, "stage": stage, "outcome": state}
    return Output({**value, "verdicts": verdicts}, "\n".join([*lines, state]), code)


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 when all passed, 1 when one failed, 2 when one is inconclusive and none failed."""
    outcomes = {verdict.outcome for verdict in verdicts}
    if "failed" in outcomes:
        return FAILED
    return PASSED if outcomes <= {"passed"} else INCONCLUSIVE


validate = root_commands.commands["validate"]
