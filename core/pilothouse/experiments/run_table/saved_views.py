"""Saved views: the state of a run table under a name, of a person or of the team.

The state is that of the table's URL, as names and texts, so that a view shows the same as the link.
It is opaque to the core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments.names import check_name
from pilothouse.experiments.tables import View
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.storage import Store

MAX_NAME_LENGTH = 80
MAX_STATE_LENGTH = 8_000
TEAM = ""


@dataclass(frozen=True)
class ViewInfo:
    """A saved view: its state by URL parameter, and whether it is its owner's default."""

    id: int
    name: str
    owner: str
    state: dict[str, str]
    is_default: bool
    updated_at: datetime

    @property
    def is_team(self) -> bool:
        """Whether it is the team's."""
        return self.owner == TEAM


def views(session: Session, store: Store) -> tuple[ViewInfo, ...]:
    """The actor's own views and the team's, each by name."""
    query = select(View).where(col(View.owner).in_([store.actor, TEAM]))
    infos = [_info(row) for row in session.scalars(query)]
    return tuple(sorted(infos, key=lambda view: (view.is_team, view.name.lower())))


def default(session: Session, store: Store) -> ViewInfo | None:
    """The view a table starts with: the actor's own default, else the team's."""
    chosen = [view for view in views(session, store) if view.is_default]
    return min(chosen, key=lambda view: view.is_team, default=None)


def save(
    session: Session, store: Store, name: str, state: Mapping[str, str], *, team: bool = False
) -> ViewInfo:
    """Save a state under a name; an existing view is replaced."""
    name, owner = check_name(name, "a view's", MAX_NAME_LENGTH), TEAM if team else store.actor
    checked_state, now = _checked_state(state), store.now()
    row = _find_by_name(session, owner, name)
    before = None if row is None else {"state": row.state["params"]}
    if row is None:
        row = View(name=name, owner=owner, state={}, created_at=now, updated_at=now)
    row.state = {"params": checked_state, "default": bool(row.state.get("default"))}
    row.updated_at = now
    session.add(row)
    session.flush()
    _record(session, store, "saved", row, before=before, after={"state": checked_state})
    return _info(row)


def rename(session: Session, store: Store, view: int, name: str) -> ViewInfo:
    """Give a view another name. Raises Conflict when its owner has one of that name."""
    row, name = _require(session, store, view), check_name(name, "a view's", MAX_NAME_LENGTH)
    if row.name == name:
        return _info(row)
    if _find_by_name(session, row.owner, name):
        raise Conflict(f"there is a view {name!r} already.", hint="Choose another name.")
    before, row.name, row.updated_at = {"name": row.name}, name, store.now()
    session.add(row)
    _record(session, store, "renamed", row, before=before, after={"name": name})
    return _info(row)


def remove(session: Session, store: Store, view: int) -> None:
    """Remove a view; the runs it showed stay as they are."""
    row = _require(session, store, view)
    _record(session, store, "deleted", row, before={"state": row.state["params"]})
    session.delete(row)


def set_default(session: Session, store: Store, view: int, chosen: bool = True) -> None:
    """Make a view its owner's default instead of another, or no longer the default."""
    row = _require(session, store, view)
    for one in session.scalars(select(View).where(col(View.owner) == row.owner)):
        one.state = {**one.state, "default": chosen and one.id == row.id}
        session.add(one)
    _record(session, store, "made default" if chosen else "made no default", row)


def _require(session: Session, store: Store, view: int) -> View:
    row = session.get(View, view)
    if row is None:
        raise NotFound("there is no such view any more.")
    if row.owner not in (store.actor, TEAM):
        raise Refused(f"the view {row.name!r} is {row.owner}'s own.", hint="Save a copy of it.")
    return row


def _find_by_name(session: Session, owner: str, name: str) -> View | None:
    query = select(View).where(col(View.owner) == owner, col(View.name) == name)
    return session.scalars(query).first()


def _checked_state(state: Mapping[str, str]) -> dict[str, str]:
    if sum(len(key) + len(value) for key, value in state.items()) > MAX_STATE_LENGTH:
        raise Invalid("the state is too large for a view.", hint="Show fewer columns.")
    return dict(state)


def _info(row: View) -> ViewInfo:
    return ViewInfo(
        id=row.id or 0,
        name=row.name,
        owner=row.owner,
        state=dict(row.state["params"]),
        is_default=bool(row.state.get("default")),
        updated_at=row.updated_at,
    )


def _record(
    session: Session,
    store: Store,
    verb: str,
    row: View,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    activity.record(
        session, store, verb, "view", str(row.id), name=row.name, before=before, after=after
    )
