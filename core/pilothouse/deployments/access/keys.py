"""Commands on API keys: make, revoke, list; and when the server saw each of them last."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.deployments.access.key_ring import (
    ADMIN,
    KEY_START,
    PREFIX_LENGTH,
    SCOPES,
    HeldKey,
    hashed,
)
from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.tables import ApiKey
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.storage import Store

MAX_LABEL = 100
VALID, EXPIRED, REVOKED = "valid", "expired", "revoked"


@dataclass(frozen=True)
class ApiKeyInfo:
    """An API key without its text: `prefix` is how it begins, `state` valid, expired or revoked.

    `deployments` is empty for all of them.
    """

    id: str
    label: str
    prefix: str
    scopes: tuple[str, ...]
    deployments: tuple[str, ...]
    state: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_for(self, deployment: str) -> bool:
        """Whether it is for this deployment."""
        return not self.deployments or deployment in self.deployments


@dataclass(frozen=True, repr=False)
class NewApiKey:
    """A key that was just made; `key` is its text, which is stored nowhere."""

    key: str
    info: ApiKeyInfo

    def __repr__(self) -> str:
        return f"<new API key {self.info.prefix}…>"


def create(
    session: Session,
    store: Store,
    label: str,
    scopes: Sequence[str],
    deployments: Sequence[str],
    expires_at: datetime | None,
    reason: str,
) -> NewApiKey:
    """Make a key. Raises Invalid for what cannot be one, NotFound for an unknown deployment."""
    _check(store, label, scopes, deployments, expires_at)
    for name in deployments:
        commands.require(session, name)
    key = KEY_START + secrets.token_urlsafe(32)
    row = ApiKey(
        id=uuid7(),
        label=label.strip(),
        prefix=key[:PREFIX_LENGTH],
        sha256=hashed(key),
        scopes=[scope for scope in SCOPES if scope in scopes],
        deployments=sorted(set(deployments)),
        created_at=store.now(),
        created_by=store.actor,
        expires_at=expires_at,
    )
    session.add(row)
    increment_generation(session)
    after = _facts(row)
    record(session, store, "made", "API key", row.id, name=row.label, after=after, reason=reason)
    return NewApiKey(key, _info(row, store.now()))


def revoke(session: Session, store: Store, id: str, reason: str) -> ApiKeyInfo:
    """Let a key hold no longer. `id` may be its prefix. Raises NotFound, or Conflict."""
    row = _require(session, id)
    if row.revoked_at is not None:
        raise Conflict(f"the API key {row.prefix}… was revoked already.")
    row.revoked_at = store.now()
    session.add(row)
    increment_generation(session)
    record(
        session,
        store,
        "revoked",
        "API key",
        row.id,
        name=row.label,
        before={"state": VALID},
        after={"state": REVOKED, "prefix": row.prefix},
        reason=reason,
    )
    return _info(row, store.now())


def api_keys(session: Session, now: datetime, deployment: str = "") -> list[ApiKeyInfo]:
    """Every key, the newest first; with a deployment those that are for it."""
    rows = session.exec(select(ApiKey).order_by(col(ApiKey.created_at).desc(), col(ApiKey.id)))
    keys = [_info(row, now) for row in rows]
    return [key for key in keys if not deployment or key.is_for(deployment)]


def held_keys(session: Session) -> tuple[HeldKey, ...]:
    """Every key, for the server."""
    return tuple(map(_held, session.exec(select(ApiKey))))


def record_uses(session: Session, uses: Mapping[str, datetime]) -> None:
    """Note when keys were used last; no command, so the activity log says nothing of it."""
    for row in session.exec(select(ApiKey).where(col(ApiKey.id).in_(uses))):
        row.last_used_at = max(row.last_used_at or uses[row.id], uses[row.id])
        session.add(row)


def _check(
    store: Store,
    label: str,
    scopes: Sequence[str],
    deployments: Sequence[str],
    expires_at: datetime | None,
) -> None:
    fields: dict[str, str] = {}
    if not 0 < len(label.strip()) <= MAX_LABEL:
        fields["label"] = f"who uses it, in at most {MAX_LABEL} characters"
    if not scopes or any(scope not in SCOPES for scope in scopes):
        fields["scopes"] = f"one or more of {', '.join(SCOPES)}"
    if ADMIN in scopes and deployments:
        fields["deployments"] = "a key with the scope admin is for all deployments"
    if expires_at is not None and expires_at <= store.now():
        fields["expires_at"] = "lies in the past"
    if fields:
        raise Invalid.of_fields("this API key cannot be made", fields)


def _require(session: Session, id: str) -> ApiKey:
    rows = session.exec(select(ApiKey).where((col(ApiKey.id) == id) | (col(ApiKey.prefix) == id)))
    matches = rows.all()
    if len(matches) != 1:
        raise NotFound(f"there is no API key {id!r}.", hint="See `pilothouse deployments keys`.")
    return matches[0]


def _facts(row: ApiKey) -> dict[str, Any]:
    return {
        "prefix": row.prefix,
        "scopes": list(row.scopes),
        "deployments": list(row.deployments) or "all",
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }


def _info(row: ApiKey, now: datetime) -> ApiKeyInfo:
    state = VALID if row.expires_at is None or row.expires_at > now else EXPIRED
    return ApiKeyInfo(
        id=row.id,
        label=row.label,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        deployments=tuple(row.deployments),
        state=REVOKED if row.revoked_at else state,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def _held(row: ApiKey) -> HeldKey:
    return HeldKey(
        id=row.id,
        prefix=row.prefix,
        digest=row.sha256,
        scopes=frozenset(row.scopes),
        deployments=frozenset(row.deployments),
        expires_at=row.expires_at.timestamp() if row.expires_at else None,
        revoked=row.revoked_at is not None,
    )
