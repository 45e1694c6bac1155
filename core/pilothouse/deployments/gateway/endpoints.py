"""The routes of predictions: the protocol, the deployment, and a version or label."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pilothouse.deployments.gateway.protocols import Form

NAME = r"(?P<name>[^/]+)"
VERSION = r"(?:/versions/(?P<version>[0-9]{1,9}))?"
VERSION_OR_LABEL = r"(?:/versions/(?P<version>[0-9]{1,9})|/labels/(?P<label>[^/:]+))?"
PATTERNS: tuple[tuple[re.Pattern[str], Form], ...] = (
    (re.compile(rf"/v2/models/{NAME}{VERSION}/infer"), "oip"),
    (re.compile(rf"/deployments/{NAME}/invocations|/invocations"), "invocations"),
    (re.compile(rf"/v1/models/(?P<name>[^/:]+){VERSION_OR_LABEL}:predict"), "kserve"),
    (re.compile(rf"/deployments/{NAME}/predict"), "kserve"),
    (re.compile(rf"/predictions/{NAME}(?:/(?P<version>[0-9]{{1,9}}))?"), "torchserve"),
)
PREFIXES = ("/v2/", "/v1/models/", "/deployments/", "/predictions/", "/stages/")
PATHS = frozenset(("/v2", "/v1/models", "/ping", "/invocations"))


@dataclass(frozen=True)
class Endpoint:
    """Where a request for predictions goes; no `name` means the only deployment."""

    form: Form
    name: str = ""
    version: str = ""
    label: str = ""

    def takes(self, method: str) -> bool:
        """Whether requests of an HTTP method are predicted."""
        return method == "POST" or (method == "PUT" and self.form == "torchserve")


@lru_cache(maxsize=4096)
def prediction_endpoint(path: str) -> Endpoint | None:
    """The endpoint of predictions at a path, or None."""
    for pattern, form in PATTERNS:
        if matched := pattern.fullmatch(path):
            parts = matched.groupdict()
            return Endpoint(
                form,
                name=parts["name"] or "",
                version=parts.get("version") or "",
                label=parts.get("label") or "",
            )
    return None


def owns(path: str) -> bool:
    """Whether a path is one of the gateway's."""
    return path.startswith(PREFIXES) or path in PATHS
