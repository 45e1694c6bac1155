"""What the server knows of one deployment, and what an answer of its model process means.

Nothing here needs a database: the server of an exported model uses it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import orjson

from pilothouse.deployments.autoscaling import ONE_PROCESS, ProcessLimits
from pilothouse.deployments.feature_rule import FeatureRule
from pilothouse.deployments.gateway.answers import AnswerReader
from pilothouse.deployments.gateway.bodies import CheckedRequest
from pilothouse.deployments.gateway.tensors import InferenceResponse
from pilothouse.deployments.log_rules.logged_columns import ALL_COLUMNS, LoggedColumns
from pilothouse.deployments.model_server.framing import REFUSED, SUCCESS
from pilothouse.deployments.traffic_split import STABLE, TrafficSplit
from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.kit.ids import uuid7s
from pilothouse.models.signature import Signature


@dataclass(frozen=True)
class DeploymentRoute:
    """One deployment: its serving version, and token and socket of each ready process.

    During a rollout `traffic` splits its requests, and `variants` are the routes of the other
    versions, with their `role`. Without one they hold the previous version while it is warm: it
    answers in the place of the serving version when that has no ready process. One that is
    `asleep` has no process until it is woken. `stage` is that whose address it answers too.
    """

    name: str
    model: str
    version: int
    stopped: bool
    signature: Signature
    replicas: tuple[tuple[str, str], ...]
    external: bool = False
    logged: LoggedColumns = ALL_COLUMNS
    role: str = STABLE
    traffic: TrafficSplit | None = None
    asleep: bool = False
    sleep_after_minutes: float | None = None
    process_count: int = 1
    process_limits: ProcessLimits = ONE_PROCESS
    stage: str = ""
    features: FeatureRule | None = None
    variants: tuple[DeploymentRoute, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether it answers here and nothing is under way that its load must not change."""
        return not (self.stopped or self.external or self.asleep) and self.traffic is None

    def variant(self, version: int) -> DeploymentRoute | None:
        """The route of one of its versions; None when it does not have that one."""
        if version == self.version:
            return self
        return next((route for route in self.variants if route.version == version), None)

    def all(self) -> tuple[DeploymentRoute, ...]:
        """The routes of all its versions, the serving one first."""
        return (self, *self.variants)

    @cached_property
    def answers(self) -> AnswerReader:
        """Reads what the version answers. Raises NotFound when its task is not installed."""
        return AnswerReader(self.signature)


def response_of(route: DeploymentRoute, request: CheckedRequest, raw: bytes) -> InferenceResponse:
    """The response with what a model process answered. Raises PilothouseError for a failure."""
    if raw[:1] == REFUSED:
        raise Invalid(f"the model cannot predict these rows: {str(raw[1:], 'utf-8', 'replace')}.")
    if raw[:1] != SUCCESS:
        raise PilothouseError(f"the model failed: {str(raw[1:], 'utf-8', 'replace')}.")

    return route.answers.response(
        route.name,
        route.version,
        request.request_id,
        request.prediction_ids or uuid7s(request.rows),
        orjson.loads(memoryview(raw)[1:]),
    )
