"""`pilothouse deployments rollouts`: changes of version in steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import JSON_VALUE, PAIR, PluginName
from pilothouse.cli.output import Output
from pilothouse.deployments.api import Deployments
from pilothouse.deployments.strategies import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pilothouse.deployments.rollouts.rollout_info import (
        RolloutInfo,
        RolloutPreview,
        RolloutStepInfo,
        VariantShare,
    )
    from pilothouse.workspace import Workspace

rollouts = Group("rollouts", help="Rollouts: changes of version in steps, with analysis.")
MAX_ANALYSES = 10
name_argument = click.argument("name")


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what a rollout tries and how."""
    for option in (
        click.option(
            "--analysis", type=JSON_VALUE, default=None, help="What is compared, as JSON."
        ),
        click.option(
            "--set",
            "pairs",
            type=PAIR,
            multiple=True,
            metavar="NAME=VALUE",
            help="A setting of the strategy; repeatable.",
        ),
        click.option(
            "--strategy", type=PluginName(strategies), default="canary", show_default=True
        ),
        click.option(
            "--also", type=int, multiple=True, help="One more version, of an A/B test; repeatable."
        ),
        click.argument("version", type=int),
        name_argument,
    ):
        command = option(command)
    return command


@verb(
    rollouts,
    Deployments.start_rollout,
    name="start",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments rollouts start churn 4 --set steps=[5,50] --set pause_seconds=600",
        "pilothouse deployments rollouts start churn 4 --strategy shadow --set percent=20",
        "pilothouse deployments rollouts start churn 4 --also 5 --strategy ab_test",
    ),
    own_help=True,
)
@plan_options
def _start(
    ws: Workspace,
    name: str,
    version: int,
    also: tuple[int, ...],
    strategy: str,
    pairs: tuple[tuple[str, str], ...],
    analysis: Any,
    reason: str,
) -> Output:
    """Try a VERSION beside the one that the deployment NAME serves, step by step.

    A running worker moves it on; `rollouts show` says where it stands and why.
    """
    settings = _settings(pairs, analysis)
    return _output(ws.deployments.start_rollout(name, (version, *also), strategy, settings, reason))


@verb(
    rollouts,
    Deployments.preview_rollout,
    name="preview",
    example="pilothouse deployments rollouts preview churn 4 --strategy blue_green",
    own_help=True,
)
@plan_options
def _preview(
    ws: Workspace,
    name: str,
    version: int,
    also: tuple[int, ...],
    strategy: str,
    pairs: tuple[tuple[str, str], ...],
    analysis: Any,
) -> Output:
    """Say what a rollout of a VERSION on the deployment NAME would do; nothing is changed."""
    settings = _settings(pairs, analysis)
    preview = ws.deployments.preview_rollout(
        name, (version, *also), strategy, settings, traffic=True
    )
    return Output(preview, "\n".join(_preview_lines(preview)))


@verb(
    rollouts,
    Deployments.rollouts,
    name="list",
    example="pilothouse deployments rollouts list churn",
)
@name_argument
def _list(ws: Workspace, name: str) -> pd.DataFrame:
    return ws.deployments.rollouts(name)


@verb(
    rollouts,
    Deployments.rollout,
    Deployments.active_rollout,
    name="show",
    example="pilothouse deployments rollouts show churn --json",
    own_help=True,
)
@name_argument
@click.option("--id", "rollout_id", default="", help="An earlier one  [default: the newest].")
def _show(ws: Workspace, name: str, rollout_id: str) -> Output:
    """Where the newest rollout of the deployment NAME stands and why, and what was found."""
    return _output(ws.deployments.rollout(name, rollout_id))


@verb(
    rollouts,
    Deployments.hold_rollout,
    name="hold",
    writes=True,
    reason=True,
    example='pilothouse deployments rollouts hold churn --reason "looking at complaints"',
)
@name_argument
def _hold(ws: Workspace, name: str, reason: str) -> Output:
    return _output(ws.deployments.hold_rollout(name, reason))


@verb(
    rollouts,
    Deployments.continue_rollout,
    name="continue",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments rollouts continue churn",
        'pilothouse deployments rollouts continue churn --version 5 --reason "more sales"',
    ),
)
@name_argument
@click.option("--version", type=int, default=None, help="Of several: the one that stays.")
def _continue(ws: Workspace, name: str, version: int | None, reason: str) -> Output:
    return _output(ws.deployments.continue_rollout(name, reason, version=version))


@verb(
    rollouts,
    Deployments.cancel_rollout,
    name="cancel",
    writes=True,
    reason=True,
    example='pilothouse deployments rollouts cancel churn --reason "wrong version"',
)
@name_argument
def _cancel(ws: Workspace, name: str, reason: str) -> Output:
    return _output(ws.deployments.cancel_rollout(name, reason))


def _settings(pairs: tuple[tuple[str, str], ...], analysis: Any) -> dict[str, Any]:
    settings = {name: _value(text) for name, text in pairs}
    return settings if analysis is None else {**settings, "analysis": analysis}


def _value(text: str) -> Any:
    """A value as JSON says it, such as 5, true or [5, 25]; any other text is itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _output(info: RolloutInfo) -> Output:
    lines = [
        f"{info.deployment}: {info.strategy_title} of version "
        f"{', '.join(map(str, info.candidates))} beside {info.stable_version}: "
        f"{info.state.replace('_', ' ')}. {info.message}"
    ]
    lines += [_step_line(step) for step in info.steps]
    lines += [
        f"{analysis.at:%Y-%m-%d %H:%M:%S}  step {analysis.step}  {analysis.kind}  "
        f"{analysis.outcome}: {analysis.message}"
        for analysis in info.analyses[:MAX_ANALYSES]
    ]
    return Output(info, "\n".join(lines))


def _preview_lines(preview: RolloutPreview) -> list[str]:
    lines = [_step_line(step) for step in preview.steps]
    lines += [*preview.notes]
    lines += [] if preview.traffic is None else preview.traffic.messages
    return lines + [f"refused: {refusal}" for refusal in preview.refusals]


def _step_line(step: RolloutStepInfo) -> str:
    shares = ", ".join(_share(share) for share in step.shares)
    needs = [f"{step.seconds:,} s"] if step.seconds else []
    needs += ["smoke test"] if step.smoke_test else []
    needs += ["comparison"] if step.analysis else []
    needs += ["approval"] if step.approval else []
    return f"{step.number}. {step.title} ({step.state}): {shares}; {', '.join(needs) or 'ready'}"


def _share(share: VariantShare) -> str:
    copies = f" and copies of {share.copies:g} %" if share.copies else ""
    return f"version {share.version} {share.percent:g} %{copies}"
