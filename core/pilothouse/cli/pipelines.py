"""`pilothouse pipelines`: workflows over several objects, as jobs for the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import JSON_VALUE, PAIR, PluginName, scalars
from pilothouse.cli.output import Output, text_of
from pilothouse.kit.errors import Invalid
from pilothouse.pipelines.api import Pipelines
from pilothouse.pipelines.retraining_policy import MODES, RetrainingPolicy
from pilothouse.pipelines.triggers import triggers

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

pipelines = Group("pipelines", help="Pipelines, retraining and evaluation, as jobs for the worker.")
deployment_argument = click.argument("deployment")


@verb(
    pipelines,
    Pipelines.retrain,
    writes=True,
    reason=True,
    example='pilothouse pipelines retrain churn --weeks 8 --reason "drift in March"',
)
@deployment_argument
@click.option("--weeks", type=int, default=None, help="In place of the rows of its policy.")
def _retrain(ws: Workspace, deployment: str, weeks: int | None, reason: str) -> Output:
    """It needs a --reason."""
    job = ws.pipelines.retrain(deployment, reason, weeks=weeks)
    return Output({"job": job}, f"job {job}: a running worker retrains {deployment}")


@verb(pipelines, Pipelines.evaluate, writes=True, example="pilothouse pipelines evaluate churn")
@deployment_argument
def _evaluate(ws: Workspace, deployment: str) -> Output:
    job = ws.pipelines.evaluate(deployment)
    return Output({"job": job}, f"job {job}: a running worker evaluates the windows")


@verb(pipelines, Pipelines.monitor, writes=True, example="pilothouse pipelines monitor churn")
@deployment_argument
def _monitor(ws: Workspace, deployment: str) -> Output:
    ws.pipelines.monitor(deployment)
    return Output({"deployment": deployment}, f"{deployment} is monitored")


@verb(
    pipelines,
    Pipelines.retraining_policy,
    name="policy",
    example="pilothouse pipelines policy churn --json",
)
@deployment_argument
def _policy(ws: Workspace, deployment: str) -> Output:
    return _policy_output(ws.pipelines.retraining_policy(deployment))


@verb(
    pipelines,
    Pipelines.set_retraining_policy,
    name="set-policy",
    writes=True,
    reason=True,
    example=(
        "pilothouse pipelines set-policy churn --mode propose --trigger alert "
        "--trigger schedule --param schedule.days=28 --set cooldown_days=14"
    ),
)
@deployment_argument
@click.option("--mode", type=click.Choice(MODES), default=None, help="Who starts a retraining.")
@click.option(
    "--trigger", "names", type=PluginName(triggers), multiple=True, help="Repeatable; all of them."
)
@click.option(
    "--param", "params", type=PAIR, multiple=True, metavar="TRIGGER.NAME=VALUE", help="Repeatable."
)
@click.option(
    "--set", "settings", type=PAIR, multiple=True, metavar="SETTING=VALUE",
    help="Any other setting of the policy, such as weeks=12; null for none. Repeatable.",
)  # fmt: skip
def _set_policy(
    ws: Workspace,
    deployment: str,
    mode: str | None,
    names: tuple[str, ...],
    params: tuple[tuple[str, str], ...],
    settings: tuple[tuple[str, str], ...],
    reason: str,
) -> Output:
    """With --trigger all of them are given: those that are not named are removed."""
    changes = scalars(settings) | ({"mode": mode} if mode else {})
    by_trigger: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
    for key, value in params:
        trigger, _, name = key.partition(".")
        if trigger not in by_trigger:
            raise Invalid(f"--param {key} is for a trigger that is not given with --trigger.")
        by_trigger[trigger].append((name, value))
    if by_trigger:
        changes["triggers"] = {name: scalars(pairs) for name, pairs in by_trigger.items()}
    return _policy_output(ws.pipelines.set_retraining_policy(deployment, reason, **changes))


def _policy_output(policy: RetrainingPolicy) -> Output:
    settings = policy.to_json()
    chosen = [
        " ".join([name, *(f"{key}={value}" for key, value in params.items())])
        for name, params in settings["triggers"].items()
    ]
    return Output(settings, text_of({**settings, "triggers": ", ".join(chosen)}))


@verb(
    pipelines,
    Pipelines.retraining_decisions,
    name="decisions",
    example="pilothouse pipelines decisions churn",
)
@click.argument("deployment", default="")
@click.option("--size", type=int, default=20, show_default=True, help="At most so many.")
def _decisions(ws: Workspace, deployment: str, size: int) -> pd.DataFrame:
    return ws.pipelines.retraining_decisions(deployment, size=size)


@verb(
    pipelines,
    Pipelines.approve_retraining,
    name="approve",
    writes=True,
    reason=True,
    example='pilothouse pipelines approve churn --reason "labels of March are in"',
)
@deployment_argument
def _approve(ws: Workspace, deployment: str, reason: str) -> Output:
    job = ws.pipelines.approve_retraining(deployment, reason)
    return Output({"job": job}, f"job {job}: a running worker retrains {deployment}")


@verb(
    pipelines,
    Pipelines.decline_retraining,
    name="decline",
    writes=True,
    reason=True,
    example='pilothouse pipelines decline churn --reason "the source is being repaired"',
)
@deployment_argument
def _decline(ws: Workspace, deployment: str, reason: str) -> Output:
    ws.pipelines.decline_retraining(deployment, reason)
    return Output({"deployment": deployment}, f"the retraining of {deployment} is declined")


@verb(
    pipelines,
    Pipelines.backtest,
    writes=True,
    example=(
        'pilothouse pipelines backtest churn --policies \'{"performance": {"triggers": ["alert"]}, '
        '"every four weeks": {"triggers": {"schedule": {"days": 28}}}}\''
    ),
)
@deployment_argument
@click.option(
    "--policies", type=JSON_VALUE, required=True, help="Settings of each policy by its name."
)
def _backtest(ws: Workspace, deployment: str, policies: Any) -> Output:
    """Its job's result is printed by backtest-result."""
    by_name = policies if isinstance(policies, dict) else {"": policies}
    if not all(isinstance(settings, dict) for settings in by_name.values()):
        raise Invalid(
            "--policies is an object with the settings of each policy by its name.",
            hint="""Such as '{"weekly": {"triggers": {"schedule": {"days": 7}}}}'.""",
        )
    job = ws.pipelines.backtest(deployment, by_name)
    return Output({"job": job}, f"job {job}: a running worker replays {deployment}")


@verb(pipelines, Pipelines.backtests, example="pilothouse pipelines backtests churn")
@click.argument("deployment", default="")
def _backtests(ws: Workspace, deployment: str) -> pd.DataFrame:
    return ws.pipelines.backtests(deployment)


@verb(
    pipelines,
    Pipelines.backtest_result,
    example="pilothouse pipelines backtest-result JOB --json",
)
@click.argument("job")
def _backtest_result(ws: Workspace, job: str) -> Output:
    """Each policy, the retrainings, and with --json the metric of each window."""
    result = ws.pipelines.backtest_result(job)
    value = {
        "deployment": result.deployment,
        "metric": result.metric,
        "policies": dict(result.policies),
        "summary": result.summary,
        "retrainings": result.retrainings,
        "windows": result.windows,
    }
    text = f"{result.title} of {result.deployment}\n\n{text_of(result.summary)}"
    return Output(value, f"{text}\n\n{text_of(result.retrainings)}")
