"""The Python API of access to deployments: API keys and limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from pilothouse.deployments import commands
from pilothouse.deployments.access import call_rules, keys
from pilothouse.deployments.access.key_ring import LABELS, PREDICT, CallLimits, KeyRing
from pilothouse.deployments.access.keys import ApiKeyInfo, NewApiKey
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

KEY_COLUMNS = (
    *("id", "label", "prefix", "state", "scopes", "deployments", "created_at", "created_by"),
    *("expires_at", "revoked_at", "last_used_at"),
)


class AccessCommands(Service):
    """Who may call a deployment, and how often."""

    def create_api_key(
        self,
        label: str,
        scopes: Sequence[str] = (PREDICT,),
        deployments: Sequence[str] = (),
        *,
        expires_at: datetime | None = None,
        reason: str = "",
    ) -> NewApiKey:
        """Make an API key; its text is returned once and stored nowhere.

        `scopes` are predict, labels and admin; without `deployments` it is for all of them. From
        then on such requests to them need a key. Raises Invalid, NotFound.
        """
        with self._store.write(durable=True) as session:
            return keys.create(session, self._store, label, scopes, deployments, expires_at, reason)

    def revoke_api_key(self, id: str, reason: str = "") -> ApiKeyInfo:
        """Let a key hold no longer, by its id or prefix; the server knows within half a second.

        Raises NotFound, Conflict when it was revoked already.
        """
        with self._store.write(durable=True) as session:
            return keys.revoke(session, self._store, id, reason)

    def api_keys(self, name: str = "") -> list[ApiKeyInfo]:
        """Every API key, the newest first; with a name those that are for that deployment."""
        with self._store.read() as session:
            if name:
                commands.require(session, name)
            return keys.api_keys(session, self._store.now(), name)

    def api_key_frame(self, name: str = "") -> pd.DataFrame:
        """The same as a frame."""
        import pandas as pd

        rows = [
            asdict(key)
            | {"scopes": ", ".join(key.scopes), "deployments": ", ".join(key.deployments) or "all"}
            for key in self.api_keys(name)
        ]
        return pd.DataFrame(rows, columns=list(KEY_COLUMNS))

    def limits(self, name: str) -> CallLimits:
        """Whether requests to a deployment need a key, and how many of them are taken."""
        with self._store.read() as session:
            return call_rules.limits_of(session, name)

    def set_limits(self, name: str, limits: CallLimits, reason: str = "") -> CallLimits:
        """Replace the limits of a deployment; the server follows within half a second.

        `needs_key` None: requests need a key as soon as one was made for them. Without `burst` it
        is the requests of one second. Raises NotFound, Invalid, Conflict for one served elsewhere.
        """
        with self._store.write(durable=True) as session:
            call_rules.set_limits(session, self._store, name, limits, reason)
        return self.limits(name)

    def needs_key(self, name: str) -> tuple[str, ...]:
        """The kinds of requests to a deployment that need an API key: predict, labels, or none."""
        with self._store.read() as session:
            commands.require(session, name)
            ring = KeyRing(keys.held_keys(session), call_rules.all_limits(session))
        return tuple(scope for scope in (PREDICT, LABELS) if ring.needs_key(name, scope))
