"""The API keys of a workspace as the server holds them: which routes need one, and which one holds.

Everything is decided in memory: the server reads the tables when the counter of routes changes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pilothouse.kit.errors import KeyNeeded, Refused

PREDICT, LABELS, ADMIN = "predict", "labels", "admin"
SCOPES: Mapping[str, str] = {
    PREDICT: "Ask for predictions",
    LABELS: "Send labels, and predictions that were made elsewhere",
    ADMIN: "Everything, and the management API when it needs a key",
}
KEY_START = "ph_"
PREFIX_LENGTH = len(KEY_START) + 8
HINT = "Send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`."
OWN = "own"


@dataclass(frozen=True)
class HeldKey:
    """A key without its text. `deployments` is empty for all; times are seconds since 1970."""

    id: str
    prefix: str
    digest: str
    scopes: frozenset[str]
    deployments: frozenset[str] = frozenset()
    expires_at: float | None = None
    revoked: bool = False

    def covers(self, deployment: str, scope: str) -> bool:
        """Whether it is for this deployment and this kind of request."""
        return (scope in self.scopes or ADMIN in self.scopes) and self.is_for(deployment)

    def is_for(self, deployment: str) -> bool:
        """Whether it is for this deployment, whatever the kind of request."""
        return not self.deployments or deployment in self.deployments


@dataclass(frozen=True)
class CallLimits:
    """The rule of one deployment; None where nothing is limited or the keys decide."""

    needs_key: bool | None = None
    max_concurrent: int | None = None
    per_second: float | None = None
    burst: int | None = None


UNLIMITED = CallLimits()


def hashed(key: str) -> str:
    """What is stored of a key: it is 32 random bytes, so a fast hash is as good as a slow one."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_closed(keys: Iterable[HeldKey], rule: CallLimits, deployment: str, scope: str) -> bool:
    """Whether requests of this kind need a key: by the rule, or because a key was ever made.

    A key that has expired or was revoked still counts, so that neither opens a deployment.
    """
    if rule.needs_key is not None:
        return rule.needs_key
    return any(scope in key.scopes and key.is_for(deployment) for key in keys)


@dataclass(frozen=True)
class KeyRing:
    """Every key and rule; `own_key` is the one by which this workspace calls its own server."""

    keys: tuple[HeldKey, ...] = ()
    rules: Mapping[str, CallLimits] = field(default_factory=dict)
    own_key: str = ""

    @cached_property
    def _by_prefix(self) -> dict[str, tuple[HeldKey, ...]]:
        result: dict[str, tuple[HeldKey, ...]] = {}
        for key in self.keys:
            result[key.prefix] = (*result.get(key.prefix, ()), key)
        return result

    @cached_property
    def _closed(self) -> dict[tuple[str, str], bool]:
        return {}

    def limits(self, deployment: str) -> CallLimits:
        """The rule of a deployment."""
        return self.rules.get(deployment, UNLIMITED)

    def needs_key(self, deployment: str, scope: str) -> bool:
        """Whether requests of this kind need a key; decided once per table."""
        closed = self._closed.get((deployment, scope))
        if closed is None:
            closed = is_closed(self.keys, self.limits(deployment), deployment, scope)
            self._closed[deployment, scope] = closed
        return closed

    def check(self, text: str, deployment: str, scope: str, now: float) -> str:
        """The id of the key that allows a request to a deployment.

        Raises KeyNeeded without one that holds, Refused for one that is for something else.
        """
        key = self._holding(text, f"requests to {deployment!r} need an API key.", now)
        if key is not None and not key.covers(deployment, scope):
            raise Refused(f"the API key {key.prefix}… {_reason(key, deployment, scope)}.")
        return OWN if key is None else key.id

    def check_admin(self, text: str, now: float) -> str:
        """The id of the key that allows a request to the management API. Raises as `check` does."""
        key = self._holding(text, "the management API needs an API key with the scope admin.", now)
        if key is not None and ADMIN not in key.scopes:
            raise Refused(f"the API key {key.prefix}… has not the scope admin.")
        return OWN if key is None else key.id

    def _holding(self, text: str, message: str, now: float) -> HeldKey | None:
        """The key that was sent, None for the workspace's own. Raises KeyNeeded."""
        if not text:
            raise KeyNeeded(message, hint=HINT)
        if self.own_key and hmac.compare_digest(text.encode(), self.own_key.encode()):
            return None
        digest = hashed(text)
        for key in self._by_prefix.get(text[:PREFIX_LENGTH], ()):
            if hmac.compare_digest(key.digest, digest):
                return _valid(key, now)
        raise KeyNeeded("there is no such API key here.", hint=HINT)


def _valid(key: HeldKey, now: float) -> HeldKey:
    if key.revoked:
        raise KeyNeeded(f"the API key {key.prefix}… was revoked.", hint="Ask for another.")
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyNeeded(f"the API key {key.prefix}… has expired.", hint="Ask for another.")
    return key


def _reason(key: HeldKey, deployment: str, scope: str) -> str:
    if key.is_for(deployment):
        return f"has the scope {', '.join(sorted(key.scopes))}, and {scope} is needed"
    return f"is not for {deployment!r}"
