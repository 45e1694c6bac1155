"""Which requests the gateway takes: by API key, by rate and by how many are in flight.

It reads no database on the path: keys and limits are a table that the routes refresh.
"""

from __future__ import annotations

import math
import time
from datetime import datetime

from pilothouse.deployments.access import call_rules, keys
from pilothouse.deployments.access.key_ring import OWN, KeyRing
from pilothouse.deployments.access.own_key import ensure_own_key
from pilothouse.deployments.access.token_bucket import TokenBucket
from pilothouse.kit.asgi import Scope, header
from pilothouse.kit.errors import TooMany
from pilothouse.storage import Store

BEARER = "bearer "


class Admission:
    """Keys and limits of a server, and what was used of them; used in its event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._own_key = ensure_own_key(store.run_folder)
        self._ring = KeyRing()
        self._buckets: dict[str, TokenBucket] = {}
        self._uses: dict[str, datetime] = {}

    def refresh(self) -> None:
        """Read keys and limits; called in a thread when the counter of routes has changed."""
        with self._store.read() as session:
            rules = call_rules.all_limits(session)
            self._ring = KeyRing(keys.held_keys(session), rules, self._own_key)

    def check_key(self, deployment: str, kind: str, scope: Scope) -> None:
        """Raises KeyNeeded or Refused for a request to a deployment; `kind` is its key's scope."""
        ring = self._ring
        if ring.needs_key(deployment, kind):
            now = self._store.now()
            self._note(ring.check(key_of(scope), deployment, kind, now.timestamp()), now)

    def check_admin(self, scope: Scope) -> None:
        """Raises KeyNeeded or Refused for a request to the management API."""
        now = self._store.now()
        self._note(self._ring.check_admin(key_of(scope), now.timestamp()), now)

    def take(self, deployment: str) -> None:
        """Count a request for predictions against the rate. Raises TooMany."""
        limits = self._ring.limits(deployment)
        if limits.per_second is None:
            return
        now, rate, burst = time.monotonic(), limits.per_second, call_rules.burst_of(limits)
        bucket = self._buckets.get(deployment)
        if bucket is None or (bucket.per_second, bucket.burst) != (rate, burst):
            bucket = self._buckets[deployment] = TokenBucket.full(rate, burst, now)
        if wait_seconds := bucket.take(now):
            raise TooMany(
                f"{deployment!r} takes {rate:g} requests a second.",
                hint=f"Try again in {_seconds(wait_seconds)}.",
                retry_seconds=math.ceil(wait_seconds),
            )

    def check_concurrent(self, deployment: str, in_flight: int) -> None:
        """Raises TooMany while a deployment works on as many requests as it may."""
        allowed = self._ring.limits(deployment).max_concurrent
        if allowed is not None and in_flight >= allowed:
            raise TooMany(
                f"{deployment!r} works on {allowed} requests already.",
                hint="Try again when one of them is answered.",
            )

    def _note(self, key: str, now: datetime) -> None:
        if key != OWN:
            self._uses[key] = now

    def write_uses(self) -> None:
        """Note in the database when keys were used last; called in a thread, regularly."""
        uses, self._uses = self._uses, {}
        if uses:
            with self._store.write() as session:
                keys.record_uses(session, uses)


def key_of(scope: Scope) -> str:
    """The key that a request carries, in either of its headers; empty without one."""
    authorization = header(scope, b"authorization")
    if authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip()
    return header(scope, b"x-api-key").strip()


def _seconds(wait_seconds: float) -> str:
    seconds = math.ceil(wait_seconds)
    return "a second" if seconds == 1 else f"{seconds} seconds"
