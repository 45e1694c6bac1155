"""Addresses of stages: `/stages/STAGE` before an address, with a model in a deployment's place.

`/stages/production/v2/models/churn/infer` is asked of the deployment of `churn` in production,
whatever its name. All protocols, labels and pages of a deployment have such an address; what names
no model, such as `/v2/health/ready`, means the same with and without a stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.kit.errors import NotFound

PREFIX = "/stages/"
PATH = re.compile(r"/stages/(?P<stage>[^/]+)(?P<rest>/.*)")
NAMED = re.compile(
    r"(?P<before>/v2/models/|/v1/models/|/deployments/|/predictions/)(?P<model>[^/:]+)"
)
UNNAMED = frozenset(("/invocations",))


def own_path(path: str, routes: Iterable[DeploymentRoute]) -> str:
    """The path of the deployment that a stage's address means.

    Raises NotFound for a stage or a model without a deployment there.
    """
    parts = PATH.fullmatch(path)
    if parts is None:
        raise NotFound(f"no such route: {path}.", hint="See /openapi.json.")
    stage, rest = parts["stage"], parts["rest"]
    if rest in UNNAMED:
        return f"/deployments/{_only(stage, routes).name}{rest}"
    named = NAMED.match(rest)
    if named is None:
        return rest
    route = _of_model(stage, named["model"], routes)
    return f"{named['before']}{route.name}{rest[named.end() :]}"


def _of_model(stage: str, model: str, routes: Iterable[DeploymentRoute]) -> DeploymentRoute:
    of_model = [route for route in routes if route.model == model and route.stage]
    for route in of_model:
        if route.stage == stage:
            return route
    stages = ", ".join(sorted(route.stage for route in of_model)) or "no stage"
    raise NotFound(
        f"the model {model!r} has no deployment in {stage!r}.", hint=f"It has one in: {stages}."
    )


def _only(stage: str, routes: Iterable[DeploymentRoute]) -> DeploymentRoute:
    inside = [route for route in routes if route.stage == stage]
    if len(inside) == 1:
        return inside[0]
    names = ", ".join(sorted(route.model for route in inside)) or "none"
    raise NotFound(
        "the request names no model.",
        hint=f"Use /stages/{stage}/deployments/MODEL/invocations; models there: {names}.",
    )
