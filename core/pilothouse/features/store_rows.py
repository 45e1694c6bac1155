"""Feature stores in the database: added, read again, removed, and how the agent of one starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.environments.locations import interpreter_of
from pilothouse.features.agent_process import AgentProgram
from pilothouse.features.store_info import FeatureStoreInfo, StoreCatalog
from pilothouse.features.stores import AGENTS, feature_stores
from pilothouse.features.tables import FeatureStoreRow
from pilothouse.kit.allowed_paths import check_allowed
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.kit.names import NameRule
from pilothouse.kit.parameters import Params, read_params
from pilothouse.storage import Store

NAME = NameRule("a feature store")
KIND = "feature_store"  # in the activity log


def check_settings(store: Store, kind: str, settings: Mapping[str, Any]) -> Params:
    """The settings of a kind, checked; its folder is one of the allowed. Raises as `check`."""
    plugin = feature_stores.get(kind)
    params = read_params(plugin.title, plugin.parameters, settings)
    folder = plugin.folder(params)
    if folder is not None:
        check_allowed(store.settings, folder)
    plugin.check(params)
    return params


def program_of(
    store: Store, name: str, kind: str, settings: Mapping[str, Any], python: str
) -> AgentProgram:
    """How the agent of a store starts. Raises NotFound or Unavailable without an interpreter."""
    plugin, params = feature_stores.get(kind), check_settings(store, kind, settings)
    return AgentProgram(
        store=name,
        package=plugin.package,
        interpreter=interpreter(store, python),
        script=plugin.agent,
        folder=plugin.folder(params) or AGENTS,
        arguments=tuple(plugin.arguments(params)),
    )


def interpreter(store: Store, python: str) -> Path:
    """The program that `python` names: a path, an environment, or Pilothouse's own when empty.

    It is run by the path as it is given: a link to it is how a virtual environment is known.
    """
    if not python:
        return Path(sys.executable)
    if os.sep not in python:
        return interpreter_of(store, python)
    path = Path(python).expanduser()
    if not path.is_file():
        raise NotFound(
            f"there is no interpreter {path}.",
            hint="Give the path of the program, such as /srv/feast/bin/python.",
        )
    return path.absolute()


def require(session: Session, name: str) -> FeatureStoreRow:
    """The row of a store. Raises NotFound that lists those there are."""
    row = session.get(FeatureStoreRow, name)
    if row is None:
        names = list(session.exec(select(FeatureStoreRow.name).order_by(FeatureStoreRow.name)))
        hint = f"There are {', '.join(names)}." if names else "Add one: pilothouse features add"
        raise NotFound(f"there is no feature store {name!r}.", hint=hint)
    return row


def rows(session: Session) -> list[FeatureStoreRow]:
    """Every store by name."""
    return list(session.exec(select(FeatureStoreRow).order_by(col(FeatureStoreRow.name))))


def info(row: FeatureStoreRow) -> FeatureStoreInfo:
    """A store as it is answered."""
    catalog = StoreCatalog.from_json(row.catalog) if row.catalog else StoreCatalog()
    return FeatureStoreInfo(
        name=row.name,
        kind=row.kind,
        settings=row.settings,
        python=row.python,
        catalog=catalog,
        library=row.library,
        read_at=row.read_at,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def check_new(session: Session, name: str) -> None:
    """Raise Conflict for a name that is taken."""
    if session.get(FeatureStoreRow, name) is not None:
        raise Conflict(f"there is a feature store {name!r} already.")


def add(session: Session, store: Store, row: FeatureStoreRow, reason: str) -> None:
    """Keep a new store. Raises Conflict for a name that is taken."""
    check_new(session, row.name)
    session.add(row)
    session.flush()
    after = {"kind": row.kind, "settings": row.settings, "python": row.python}
    record(session, store, "added", KIND, row.name, after=after, reason=reason)


def keep_catalog(
    session: Session, store: Store, name: str, catalog: Mapping[str, Any], library: str
) -> FeatureStoreInfo:
    """Keep what a store holds now; a change of it is recorded, without the times in it."""
    row = require(session, name)
    before, after = _contents(row.catalog), _contents(catalog)
    row.catalog, row.library, row.read_at = dict(catalog), library, store.now()
    session.add(row)
    session.flush()
    if before != after:
        record(session, store, "read a change of", KIND, name, before=before, after=after)
    return info(row)


def change_python(
    session: Session, store: Store, name: str, python: str, reason: str
) -> FeatureStoreInfo:
    """Have another interpreter answer for a store."""
    row = require(session, name)
    if row.python != python:
        before, row.python = row.python, python
        session.add(row)
        session.flush()
        record(session, store, "changed the interpreter of", KIND, name,
               before={"python": before}, after={"python": python}, reason=reason)  # fmt: skip
    return info(row)


def remove(session: Session, store: Store, name: str, reason: str) -> None:
    """Forget a store; nothing of it is touched. Raises NotFound."""
    row = require(session, name)
    before = {"kind": row.kind, "settings": row.settings, "python": row.python}
    session.delete(row)
    session.flush()
    record(session, store, "removed", KIND, name, before=before, reason=reason)


def _contents(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The names of what a catalog holds."""
    parts = ("entities", "views", "sources", "services")
    return {part: sorted(item["name"] for item in catalog.get(part, ())) for part in parts}
