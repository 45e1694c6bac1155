"""Channels: where notifications go, and which severities and deployments each one takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from importlib.util import find_spec
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Unavailable
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring.alert_rules import SEVERITIES
from pilothouse.monitoring.notifications import addresses
from pilothouse.monitoring.tables import Channel
from pilothouse.storage import Store

PACKAGE, EXTRA = "apprise", "pilothouse[notify]"
DEFAULT_SEVERITIES = ("warning", "critical")
DEFAULT_REPEAT_HOURS = 24.0


@dataclass(frozen=True)
class ChannelSpec:
    """A channel as it is written. `address` is `env:NAME`, `file:/path` or a URL of Apprise.

    `deployments` are globs. Open alerts repeat after `repeat_hours` until somebody acknowledges
    them; 0: never.
    """

    name: str
    address: str
    severities: Sequence[str] = DEFAULT_SEVERITIES
    deployments: Sequence[str] = ("*",)
    repeat_hours: float = DEFAULT_REPEAT_HOURS
    enabled: bool = True


@dataclass(frozen=True)
class ChannelInfo:
    """A channel as it stands. `address` says where its URL is, and never that URL."""

    id: str
    name: str
    address: str
    enabled: bool
    severities: tuple[str, ...]
    deployments: tuple[str, ...]
    repeat_hours: float
    created_at: datetime
    created_by: str


def add(session: Session, store: Store, spec: ChannelSpec) -> str:
    """Add a channel and return its id.

    Raises Invalid, Conflict for a taken name, Unavailable when Apprise is not installed.
    """
    require_apprise()
    _check(spec)
    _require_free_name(session, spec.name)
    channel_id = uuid7(to_ms(store.now()))
    address = _stored_address(store, channel_id, spec.address)
    row = Channel(
        id=channel_id,
        created_at=store.now(),
        created_by=store.actor,
        **_columns(spec, address),
    )
    session.add(row)
    session.flush()
    record(session, store, "added", "channel", row.id, name=row.name, after=_columns(spec, address))
    return row.id


def change(
    session: Session, store: Store, channel_id: str, changes: Mapping[str, Any], reason: str
) -> ChannelInfo:
    """Change fields of a channel. Raises NotFound, Invalid or Conflict."""
    row = require(session, channel_id)
    before = {name: getattr(row, name) for name in ChannelSpec.__dataclass_fields__}
    unknown = [name for name in changes if name not in before]
    if unknown:
        fields = dict.fromkeys(unknown, "unknown")
        raise Invalid(f"a channel has no {', '.join(unknown)}.", fields=fields)

    spec = ChannelSpec(**{**before, **changes})
    _check(spec)
    if spec.name.strip() != row.name:
        _require_free_name(session, spec.name)
    address = row.address
    if spec.address != row.address:
        address = _stored_address(store, row.id, spec.address)
        if not address.startswith(addresses.STORED):
            addresses.discard(store.folder, row.id)
    after = _columns(spec, address)
    for name in changes:
        setattr(row, name, after[name])
    session.add(row)
    session.flush()
    record(
        session, store, "changed", "channel", row.id,
        name=row.name,
        before={name: before[name] for name in changes},
        after={name: after[name] for name in changes},
        reason=reason,
    )  # fmt: skip
    return channel_info(row)


def remove(session: Session, store: Store, channel_id: str, reason: str) -> None:
    """Remove a channel; its deliveries stay in the log. Raises NotFound."""
    row = require(session, channel_id)
    row.removed_at, row.enabled = store.now(), False
    session.add(row)
    session.flush()
    record(session, store, "removed", "channel", row.id, name=row.name, reason=reason)
    addresses.discard(store.folder, row.id)


def require(session: Session, channel: str) -> Channel:
    """The channel of an id or a name. Raises NotFound."""
    query = _existing().where((col(Channel.id) == channel) | (col(Channel.name) == channel))
    row: Channel | None = session.exec(query).first()
    if row is None:
        raise NotFound(f"there is no channel {channel!r}.")
    return row


def channels(session: Session) -> list[Channel]:
    """The channels, by name."""
    return list(session.exec(_existing().order_by(col(Channel.name))))


def channel_info(row: Channel) -> ChannelInfo:
    """The channel as it stands."""
    values: dict[str, Any] = {name: getattr(row, name) for name in ChannelInfo.__dataclass_fields__}
    lists = {name: tuple(values[name]) for name in ("severities", "deployments")}
    return ChannelInfo(**{**values, **lists})


def takes(channel: Channel, deployment: str, severity: str) -> bool:
    """Whether a channel takes alerts of that severity of that deployment."""
    globs = any(fnmatchcase(deployment, pattern) for pattern in channel.deployments)
    return globs and severity in channel.severities


def require_apprise() -> None:
    """Raise Unavailable when the package that delivers is not installed; it is not loaded here."""
    if find_spec(PACKAGE) is None:
        raise Unavailable(
            f"notifications need the package {PACKAGE}, which is not installed here.",
            hint=f'Install it with `pip install "{EXTRA}"`.',
        )


def _stored_address(store: Store, channel: str, address: str) -> str:
    private = store.settings.webhook_private_addresses
    return addresses.store_address(store.folder, channel, address, private=private)


def _existing() -> Any:
    return select(Channel).where(col(Channel.removed_at).is_(None))


def _columns(spec: ChannelSpec, address: str) -> dict[str, Any]:
    lists = {"severities": list(spec.severities), "deployments": list(spec.deployments)}
    return {**asdict(spec), **lists, "name": spec.name.strip(), "address": address}


def _require_free_name(session: Session, name: str) -> None:
    if session.exec(_existing().where(Channel.name == name.strip())).first() is not None:
        raise Conflict(f"there is a channel named {name.strip()!r} already.")


def _check(spec: ChannelSpec) -> None:
    fields = {}
    if not spec.name.strip():
        fields["name"] = "needed"
    if not spec.severities or not set(spec.severities) <= set(SEVERITIES):
        fields["severities"] = f"at least one of {', '.join(SEVERITIES)}"
    if not spec.deployments or not all(pattern.strip() for pattern in spec.deployments):
        fields["deployments"] = "at least one name or glob; * takes every deployment"
    if not 0 <= spec.repeat_hours < math.inf:
        fields["repeat_hours"] = "hours from 0; 0 repeats nothing"
    if fields:
        raise Invalid.of_fields("this channel cannot be used", fields)
