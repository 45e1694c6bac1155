"""What the server tells of itself and of its deployments: health, metadata, versions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Protocol

from pilothouse.deployments.gateway import kserve, oip
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.variants import reachable_version
from pilothouse.kit.asgi import Response, json_response
from pilothouse.kit.errors import NotFound

VERSION = r"(?:/versions/([0-9]{1,9}))?"
OIP_MODEL = re.compile(rf"/v2/models/([^/]+){VERSION}(/ready)?")
V1_MODEL = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/([0-9]{1,9})|/labels/([^/:]+))?(/metadata)?"
)


class ServedRoutes(Protocol):
    """The deployments of a server, as its pages ask for them."""

    @property
    def loaded(self) -> bool:
        """Whether the server knows its deployments."""
        ...

    def get(self, name: str) -> DeploymentRoute:
        """A deployment. Raises NotFound."""
        ...

    def is_ready(self, name: str, version: int | None = None) -> bool:
        """Whether a version, by default the serving one, answers."""
        ...

    def answering(self) -> list[str]:
        """The names of the deployments that answer here."""
        ...

    def aliases(self, model: str) -> dict[str, int]:
        """The aliases of a model with their versions."""
        ...


async def page(path: str, routes: ServedRoutes, server_version: str) -> Response | None:
    """The page at a path, or None where there is none. Raises NotFound for what is not served."""
    fixed = FIXED.get(path)
    if fixed is not None:
        return fixed(routes, server_version)
    if matched := OIP_MODEL.fullmatch(path):
        name, version, only_ready = matched.groups()
        return _oip_model(routes, _route(routes, name, version), only_ready=bool(only_ready))
    if matched := V1_MODEL.fullmatch(path):
        name, version, label, metadata = matched.groups()
        version = await named_version(routes, name, version or "", label or "")
        route = _route(routes, name, version)
        if metadata:
            body = kserve.metadata(name, route.version, route.signature)
            return json_response(body, route.version)
        return _v1_status(routes, route, is_named=bool(version))
    return None


def _route(routes: ServedRoutes, name: str, version: str | None) -> DeploymentRoute:
    return reachable_version(routes.get(name), int(version) if version else None)


async def named_version(routes: ServedRoutes, name: str, version: str, label: str) -> str:
    """The version that an address names, by number or by label, an alias of the model; or "".

    Raises NotFound for a label of no version, or of one that answers no requests.
    """
    if not label:
        return version
    route = routes.get(name)
    aliases = await asyncio.to_thread(routes.aliases, route.model)
    if label not in aliases:
        names = ", ".join(sorted(aliases)) or "none"
        raise NotFound(
            f"the model {route.model!r} has no alias {label!r}.", hint=f"It has: {names}."
        )
    try:
        reachable_version(route, aliases[label])
    except NotFound as absent:
        raise NotFound(
            f"{label!r} is version {aliases[label]} of {route.model!r}, and {name!r} serves "
            f"version {route.version}.",
            hint=f"Swap {name!r} to that version, or leave the label out.",
        ) from absent
    return str(aliases[label])


def _oip_model(routes: ServedRoutes, route: DeploymentRoute, *, only_ready: bool) -> Response:
    if only_ready:
        ready = routes.is_ready(route.name, route.version)
        body = {"name": route.name, "ready": ready}
        return json_response(body, status=200 if ready else 503)
    return json_response(oip.metadata(route.name, route.version, route.signature), route.version)


def _v1_status(routes: ServedRoutes, route: DeploymentRoute, *, is_named: bool) -> Response:
    """The state of a version that the address names, or of every version that answers requests."""
    traffic = None if is_named else route.traffic
    others = [v.version for v in route.variants if traffic and traffic.is_reachable(v.version)]
    ready = {v: routes.is_ready(route.name, v) for v in (route.version, *others)}
    body = kserve.status(route.name, ready, stopped=route.stopped)
    return json_response(body, route.version)


def _server(_: ServedRoutes, version: str) -> Response:
    body = {"name": "pilothouse", "version": version, "extensions": list(oip.EXTENSIONS)}
    return json_response(body)


def _live(routes: ServedRoutes, _: str) -> Response:
    """KServe's client reads `live`, the text of the protocol's page says so of `ready` too."""
    return json_response({"live": True, "ready": routes.loaded})


def _ready(routes: ServedRoutes, _: str) -> Response:
    return _by_readiness(routes, {"ready": routes.loaded, "live": True})


def _ping(routes: ServedRoutes, _: str) -> Response:
    """MLflow's and SageMaker's clients read the status only, TorchServe's the body."""
    return _by_readiness(routes, {"status": "Healthy" if routes.loaded else "Unhealthy"})


def _by_readiness(routes: ServedRoutes, body: dict[str, Any]) -> Response:
    return json_response(body, status=200 if routes.loaded else 503)


def _models(routes: ServedRoutes, _: str) -> Response:
    return json_response({"models": routes.answering()})


FIXED: dict[str, Callable[[ServedRoutes, str], Response]] = {
    "/v2": _server,
    "/v2/": _server,
    "/v2/health/live": _live,
    "/v2/health/ready": _ready,
    "/v1/models": _models,
    "/ping": _ping,
}
