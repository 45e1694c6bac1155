"""An exported model as a function from a request's body to its answer, for servers of others.

scorer = Scorer.load(Path("model"))
answer = scorer.answer(b'{"dataframe_records": [...]}', "invocations")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from pilothouse.deployments.gateway.bodies import CheckedRequest, read_request
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute, response_of
from pilothouse.deployments.gateway.protocols import PROTOCOLS, Form
from pilothouse.deployments.gateway.request import RequestLimits, request_head
from pilothouse.deployments.model_server.framing import REFUSED, SUCCESS
from pilothouse.deployments.model_server.predictor import Predictor
from pilothouse.deployments.model_server.server import Launch, load_to_serve, warm
from pilothouse.deployments.standalone.exported_model import (
    read_launch,
    read_settings,
    require_readable,
)
from pilothouse.kit.asgi import Response, error_response
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.signature import Signature


def route_of(launch: Launch) -> DeploymentRoute:
    """What answers of a launch say of their deployment."""
    return DeploymentRoute(
        name=launch.deployment,
        model=launch.model,
        version=launch.version,
        stopped=False,
        signature=Signature.from_json(launch.signature),
        replicas=(),
    )


@dataclass(frozen=True)
class Scorer:
    """A loaded model behind the check of its inputs and the decisions of its signature."""

    route: DeploymentRoute
    predictor: Predictor
    limits: RequestLimits

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """Load the model of an export and answer its example once. Raises what loading raises."""
        launch = read_launch(folder)
        predictor, _ = load_to_serve(launch)
        warm(predictor, launch)
        return cls(route_of(launch), predictor, read_settings(folder).request_limits)

    def answer(self, body: bytes, form: Form, content_type: str = "application/json") -> Response:
        """The answer to a body in one of the protocols; a refusal is an answer with its status."""
        scope = {
            "headers": [(b"content-type", content_type.encode("latin-1"))],
            "query_string": b"",
        }
        try:
            head = request_head(scope)
            require_readable(head)
            request = read_request(form, head, body, self.route.signature, self.limits)
            response = response_of(self.route, request, self._raw(request))
            return PROTOCOLS[form].write(response, request.reply)
        except PilothouseError as refused:
            return error_response(refused)

    def _raw(self, request: CheckedRequest) -> bytes:
        """What a model process would have answered."""
        columns = [list(values) for values in (request.values or {}).values()]
        try:
            return SUCCESS + orjson.dumps(self.predictor(columns))
        except ValueError as refused:
            return REFUSED + str(refused).partition("\n")[0].rstrip(".").encode()
