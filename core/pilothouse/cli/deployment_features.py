"""`pilothouse deployments features`: features that are looked up for requests."""

from __future__ import annotations

from dataclasses import asdict

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output
from pilothouse.deployments.api import Deployments
from pilothouse.features.store_info import FeatureRequest
from pilothouse.workspace import Workspace

features = Group("features", help="Features that are looked up for requests with their keys.")
name_argument = click.argument("name")


@verb(
    features,
    Deployments.features,
    Deployments.feature_lookups,
    name="show",
    example="pilothouse deployments features show churn",
)
@name_argument
def _show(ws: Workspace, name: str) -> Output:
    rule, figures = ws.deployments.features(name), ws.deployments.feature_lookups(name)
    value = {"rule": None if rule is None else asdict(rule), "lookups": figures}
    if rule is None:
        return Output(value, "nothing is looked up")
    text = f"{rule.text} of {rule.store} by {', '.join(rule.keys)}, within {rule.seconds:g} s"
    if figures and figures["count"]:
        p50, p99 = figures["p50_ms"], figures["p99_ms"]
        text += f"\n{figures['count']:,} lookups, {p50:.2f} ms (median), {p99:.2f} ms (99 %)"
        text += f"; {figures['failed']:,} failed, {figures['missing_rows']:,} rows not in the store"
        if figures["age_p50_seconds"] is not None:
            text += f"\nvalues {figures['age_p50_seconds']:,.0f} s old (median)"
            text += f", {figures['age_p99_seconds']:,.0f} s (99 %)"
    if figures and figures.get("store_failure"):
        text += f"\nthe feature store has failed: {figures['store_failure']}"
    return Output(value, text)


@verb(
    features,
    Deployments.set_features,
    name="set",
    writes=True,
    reason=True,
    example="pilothouse deployments features set churn drivers --service driver_activity_v1",
)
@name_argument
@click.argument("store")
@click.option("--feature", "names", multiple=True, metavar="VIEW:NAME", help="One; repeatable.")
@click.option("--service", default="", help="A feature service.")
@click.option("--full-names", is_flag=True, help="Call features view__feature.")
@click.option("--seconds", type=float, default=1.0, show_default=True, help="How long one waits.")
def _set(
    ws: Workspace,
    name: str,
    store: str,
    names: tuple[str, ...],
    service: str,
    full_names: bool,
    seconds: float,
    reason: str,
) -> Output:
    request = FeatureRequest(names, service, full_names)
    rule = ws.deployments.set_features(name, store, request, seconds=seconds, reason=reason)
    return Output(asdict(rule), f"{', '.join(rule.names)} by {', '.join(rule.keys)}")


@verb(
    features,
    Deployments.remove_features,
    name="remove",
    writes=True,
    reason=True,
    example="pilothouse deployments features remove churn",
)
@name_argument
def _remove(ws: Workspace, name: str, reason: str) -> Output:
    ws.deployments.remove_features(name, reason)
    return Output({"name": name}, f"nothing is looked up for {name}")
