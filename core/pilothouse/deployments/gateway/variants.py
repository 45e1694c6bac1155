"""Which version of a deployment answers a request during a rollout, and what its answer says of it.

In this order: the version that the path or the header `x-model-version` names; the caller of a
signed `x-route` token; the caller of the header `x-entity-id`, or of the parameter `entity_id`;
else a draw by the request's id. A caller falls into the same bucket each time, see
`deployments/traffic_split`.
"""

from __future__ import annotations

import hmac
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.traffic_split import BUCKETS, NOT_DRAWN, TrafficSplit
from pilothouse.kit.asgi import Response, Scope
from pilothouse.kit.errors import Invalid, NotFound

MAX_ID = 200
KEY_FILE = "route.key"
KEY_BYTES = 32
MAC_CHARACTERS = 22
VERSION, TOKEN, ENTITY, REQUEST = b"x-model-version", b"x-route", b"x-entity-id", b"x-request-id"
NAMES = frozenset((VERSION, TOKEN, ENTITY, REQUEST))
TOKEN_FORM = re.compile(r"([0-9]{1,5})\.([0-9a-f]{22})")
REQUEST_ID = re.compile(r"[!-~]{1,200}")


@dataclass
class RouteTokens:
    """Signed tokens that put a caller into its bucket again, for as long as the draw is the same.

    The secret is the workspace's: a caller cannot choose its version by a token that it made up.
    """

    secret: bytes

    @classmethod
    def of_workspace(cls, run_folder: Path) -> RouteTokens:
        """Tokens by the workspace's secret, which is made when there is none yet."""
        path = run_folder / KEY_FILE
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            secret = b""
        if len(secret) != KEY_BYTES:
            secret = os.urandom(KEY_BYTES)
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(secret)
        return cls(secret)

    def token(self, deployment: str, traffic: TrafficSplit, bucket: int) -> str:
        """The token of a bucket."""
        return f"{bucket}.{self._mac(deployment, traffic, bucket)}"

    def bucket(self, deployment: str, traffic: TrafficSplit, token: str) -> int | None:
        """The bucket of a token; None when it was signed by nobody here or for another draw."""
        parts = TOKEN_FORM.fullmatch(token)
        if parts is None or int(parts[1]) >= BUCKETS:
            return None
        bucket = int(parts[1])
        expected = self._mac(deployment, traffic, bucket)
        return bucket if hmac.compare_digest(expected, parts[2]) else None

    def _mac(self, deployment: str, traffic: TrafficSplit, bucket: int) -> str:
        text = f"{deployment}\n{traffic.salt}\n{bucket}".encode()
        return hmac.digest(self.secret, text, "sha256").hex()[:MAC_CHARACTERS]


@dataclass
class VariantChoice:
    """The choice of one request: what it asks for, whom it chose, and who answered in the end."""

    tokens: RouteTokens
    request_id: str
    version: int | None = None
    token: str = ""
    entity: str = ""
    bucket: int | None = None
    chosen: DeploymentRoute | None = None
    answered: DeploymentRoute | None = None
    stable: DeploymentRoute | None = None
    only_stable: bool = False

    def routes(self, route: DeploymentRoute) -> tuple[DeploymentRoute, ...]:
        """The version that should answer first, then those that may answer in its place.

        Raises NotFound for a named version that answers no requests.
        """
        if self.version is not None:
            self.chosen = reachable_version(route, self.version)
            return (self.chosen,)
        if route.traffic is None:
            self.chosen = route
            return route.all()
        self.stable = route
        if self.only_stable:
            return (route,)
        owner = route.traffic.owner(self._bucket(route.name, route.traffic))
        self.chosen = route.variant(owner) or route
        weight = route.traffic.weight
        others = [r for r in route.all() if r is route or weight(r.version)]
        return (self.chosen, *(r for r in others if r is not self.chosen))

    def name_caller(self, entity: str) -> bool:
        """Note the caller that a request's body names; what the headers say goes first.

        True when the caller may belong to another version than the one that was chosen before.
        """
        if self.entity or self.token or self.version is not None or not entity:
            return False
        self.entity, self.bucket = entity, None
        return True

    @property
    def caller(self) -> int | None:
        """The caller's place in the split, for the log; None when the request was drawn by itself.

        One that names its version was not drawn at all.
        """
        if self.version is not None:
            return NOT_DRAWN
        return self.bucket if self.entity or self.token else None

    @property
    def is_on_trial(self) -> bool:
        """Whether a rollout's candidate answers, which was drawn and not named."""
        if self.stable is None or self.version is not None:
            return False
        return self.answered is not None and self.answered.version != self.stable.version

    def avoid_candidates(self) -> None:
        """Let the stable version answer, whatever was drawn."""
        self.only_stable = True

    @property
    def fell_back(self) -> bool:
        """Whether another version answered than the one that was chosen."""
        return self.chosen is not None and self.answered is not self.chosen

    def _bucket(self, deployment: str, traffic: TrafficSplit) -> int:
        if self.bucket is None:
            bucket = self.tokens.bucket(deployment, traffic, self.token) if self.token else None
            key = _caller_key(self.entity) if self.entity else f"r {self.request_id}"
            self.bucket = traffic.bucket(key) if bucket is None else bucket
        return self.bucket

    def headers(self, route: DeploymentRoute) -> tuple[tuple[bytes, bytes], ...]:
        """What an answer says of its variant, beside the version."""
        variant = self.answered or route
        pairs = [(REQUEST, self.request_id.encode()), (b"x-variant", variant.role.encode())]
        if route.traffic is not None and self.bucket is not None:
            token = self.tokens.token(route.name, route.traffic, self.bucket)
            pairs.append((TOKEN, token.encode()))
        return tuple(pairs)

    def marked(self, response: Response, route: DeploymentRoute) -> Response:
        """A response that says which variant gave it."""
        headers = (*response.headers, *self.headers(route))
        return Response(response.status, response.body, headers, response.content_type)


def reachable_version(route: DeploymentRoute, version: int | None) -> DeploymentRoute:
    """The route of a version that requests may name; without one the serving version.

    Raises NotFound for a version that answers no requests.
    """
    variant = route if version is None else route.variant(version)
    if variant is route or (variant and route.traffic and route.traffic.is_reachable(version or 0)):
        return variant
    raise NotFound(
        f"{route.name!r} serves version {route.version}; version {version} was requested."
    )


def version_of_caller(route: DeploymentRoute, entity: str) -> int:
    """The version that answers a caller with an id, when the request says nothing else."""
    if route.traffic is None:
        return route.version
    return route.traffic.choose(_caller_key(entity))


def _caller_key(entity: str) -> str:
    return f"e {entity}"


def choice_of(tokens: RouteTokens, scope: Scope, version: str | None = None) -> VariantChoice:
    """What a request asks for by its path and headers. Raises Invalid for one it cannot use."""
    headers = {name: value for name, value in scope["headers"] if name in NAMES}
    if not headers and not version:
        return VariantChoice(tokens, _new_request_id())
    named = version or _text(headers, VERSION)
    if named and not (named.isascii() and named.isdigit() and len(named) < 10):
        raise Invalid("x-model-version must be a version's number.")
    request_id = _text(headers, REQUEST)
    if not REQUEST_ID.fullmatch(request_id):
        request_id = _new_request_id()
    entity = _text(headers, ENTITY)
    if len(entity) > MAX_ID:
        raise Invalid(f"x-entity-id must have at most {MAX_ID} characters.")
    return VariantChoice(
        tokens=tokens,
        request_id=request_id,
        version=int(named) if named else None,
        token=_text(headers, TOKEN),
        entity=entity,
    )


def _new_request_id() -> str:
    """Any text without repetition. PERF: it is made for every request."""
    return f"{random.getrandbits(64):016x}"


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    value = headers.get(name)
    return "" if value is None else value.decode("latin-1").strip()
