"""Connections: which flow goes to or comes from which system, with what settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.interop.events import positions, states
from pilothouse.interop.events.flows import Flow, flows
from pilothouse.interop.events.systems import EventSystem, systems
from pilothouse.interop.tables import EventConnection, EventState
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.kit.optional_packages import require_package
from pilothouse.kit.parameters import Params, read_params
from pilothouse.storage import Store

CHANGEABLE = ("name", "settings", "options", "enabled")
IN = "in"


@dataclass(frozen=True)
class ConnectionSpec:
    """A connection as it is written: `settings` are the system's parameters, `options` the flow's.

    Secrets in them are references, `env:NAME` or `file:PATH`.
    """

    name: str
    flow: str
    system: str = "kafka"
    deployment: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True


@dataclass(frozen=True)
class ConnectionInfo:
    """A connection as it stands, with its state and what it has counted.

    `state` is starting, working, retrying (with `error`), or paused. `messages` were read or sent;
    `taken` are the labels, answers or events in them; `set_aside` waits for a person; `lag` is what
    waits to be read or sent, None where that is not known.
    """

    id: str
    name: str
    flow: str
    direction: str
    system: str
    deployment: str
    address: str
    settings: Mapping[str, Any]
    options: Mapping[str, Any]
    enabled: bool
    state: str
    error: str
    failures: int
    messages: int
    taken: int
    set_aside: int
    lag: int | None
    last_at: datetime | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class CheckedSpec:
    """A spec whose parts were found, with every parameter read."""

    flow: Flow
    system: EventSystem
    settings: Params
    options: Params


def check(session: Session, spec: ConnectionSpec) -> CheckedSpec:
    """The parts of a spec. Raises NotFound, Invalid, Conflict, or Unavailable without a package."""
    flow, system = flows.get(spec.flow), systems.get(spec.system)
    require_package(system)
    if flow.direction == IN and not system.reads:
        raise Invalid(f"{system.title} is only written to.", fields={"system": "cannot be read"})
    settings = read_params(system.title, system.parameters, spec.settings)
    system.check(settings)
    options = read_params(flow.title, flow.parameters, spec.options)
    if flow.of_deployment == "one" and not spec.deployment:
        raise Invalid("which deployment?", fields={"deployment": "needed"})
    if flow.of_deployment == "none" and spec.deployment:
        raise Invalid(f"{flow.title} are about no deployment.", fields={"deployment": "unknown"})
    flow.check(session, spec.deployment, options)
    return CheckedSpec(flow, system, settings, options)


def add(session: Session, store: Store, spec: ConnectionSpec) -> str:
    """Add a connection and return its id. Raises as `check` does, and Conflict for a taken name."""
    name = _free_name(session, spec.name)
    checked = check(session, spec)
    row = EventConnection(
        id=uuid7(to_ms(store.now())),
        name=name,
        flow=spec.flow,
        system=spec.system,
        deployment=spec.deployment,
        settings=dict(checked.settings),
        options=dict(checked.options),
        enabled=spec.enabled,
        created_at=store.now(),
        created_by=store.actor,
        changed_at=store.now(),
    )
    session.add(row)
    session.flush()
    states.begin(session, store, row.id)
    first = checked.flow.begin(session, store, spec.deployment, checked.options)
    if first is not None:
        positions.keep(session, row.id, positions.OWN, 0, first)
    after = {**_written(row), "flow": row.flow, "system": row.system, "deployment": row.deployment}
    record(session, store, "added", "event_connection", row.id, name=row.name, after=after)
    return row.id


def change(
    session: Session, store: Store, connection: str, changes: Mapping[str, Any], reason: str
) -> None:
    """Change fields of a connection; positions and counts stay. Raises as `add` does."""
    row = require(session, connection)
    if unknown := sorted(set(changes) - set(CHANGEABLE)):
        raise Invalid(
            f"{', '.join(unknown)} cannot be changed.",
            hint="Add another connection for another flow, system or deployment.",
            fields=dict.fromkeys(unknown, "cannot be changed"),
        )
    before = _written(row)
    if changes.get("name", row.name).strip() != row.name:
        row.name = _free_name(session, changes["name"])
    spec = ConnectionSpec(
        row.name, row.flow, row.system, row.deployment,
        {**row.settings, **changes.get("settings", {})},
        {**row.options, **changes.get("options", {})},
    )  # fmt: skip
    checked = check(session, spec)
    _keep_place(row, checked)
    row.settings, row.options = dict(checked.settings), dict(checked.options)
    row.enabled = bool(changes.get("enabled", row.enabled))
    row.changed_at = store.now()
    session.add(row)
    session.flush()
    states.begin(session, store, row.id)
    record(
        session, store, "changed", "event_connection", row.id,
        name=row.name, before=before, after=_written(row), reason=reason,
    )  # fmt: skip


def remove(session: Session, store: Store, connection: str, reason: str) -> None:
    """Remove a connection; what it brought stays, what was set aside goes. Raises NotFound."""
    row = require(session, connection)
    row.removed_at, row.enabled, row.changed_at = store.now(), False, store.now()
    session.add(row)
    session.flush()
    record(session, store, "removed", "event_connection", row.id, name=row.name, reason=reason)


def require(session: Session, connection: str) -> EventConnection:
    """The connection of an id or a name. Raises NotFound."""
    named = (col(EventConnection.id) == connection) | (col(EventConnection.name) == connection)
    row: EventConnection | None = session.exec(existing().where(named)).first()
    if row is None:
        raise NotFound(f"there is no event connection {connection!r}.")
    return row


def existing() -> Any:
    """The query of connections that were not removed."""
    return select(EventConnection).where(col(EventConnection.removed_at).is_(None))


def connections(session: Session) -> list[ConnectionInfo]:
    """The connections, by name."""
    rows = session.exec(existing().order_by(col(EventConnection.name)))
    return [info_of(session, row) for row in rows]


def info_of(session: Session, row: EventConnection) -> ConnectionInfo:
    """A connection with its state."""
    state = session.get_one(EventState, row.id)
    has_plugins = row.system in systems.names() and row.flow in flows.names()
    settings = Params(row.settings)
    return ConnectionInfo(
        id=row.id,
        name=row.name,
        flow=row.flow,
        direction=flows.get(row.flow).direction if has_plugins else "",
        system=row.system,
        deployment=row.deployment,
        address=systems.get(row.system).place(settings) if has_plugins else "its plugin is missing",
        settings=settings,
        options=dict(row.options),
        enabled=row.enabled,
        state=state.state if row.enabled else states.PAUSED,
        error=state.error if row.enabled else "",
        failures=state.failures,
        messages=state.messages,
        taken=state.taken,
        set_aside=state.set_aside,
        lag=state.lag,
        last_at=state.last_at,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _free_name(session: Session, name: str) -> str:
    name = name.strip()
    if not name:
        raise Invalid("a connection needs a name.", fields={"name": "needed"})
    if session.exec(existing().where(EventConnection.name == name)).first() is not None:
        raise Conflict(f"there is an event connection named {name!r} already.")
    return name


def _keep_place(row: EventConnection, checked: CheckedSpec) -> None:
    """Raise Invalid for another topic to read: its positions would be others."""
    if checked.flow.direction != IN:
        return
    before = checked.system.place(Params(row.settings)).partition(" at ")[0]
    if checked.system.place(checked.settings).partition(" at ")[0] != before:
        raise Invalid(
            f"{row.name} reads {before}; its position is one there.",
            hint="Add another connection for another topic.",
            fields={"settings": "another place"},
        )


def _written(row: EventConnection) -> dict[str, Any]:
    return {name: getattr(row, name) for name in CHANGEABLE}
