"""Inspections: what a model from elsewhere says of itself in its process, stored for its describer.

The registry stores them; the function that starts a model process is handed in, because deployments
are a layer above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from sqlmodel import Session

from pilothouse.kit.errors import PilothouseError
from pilothouse.registry import load_trials
from pilothouse.registry.code_audit import package_id
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.tables import Inspection
from pilothouse.storage import Store

Inspect = Callable[[Store, VersionInfo], dict[str, Any]]


def find(session: Session, version: VersionInfo) -> Mapping[str, Any] | None:
    """The facts of the inspection in the current environment; None without one.

    One that failed has the key `message` only.
    """
    if version.package is None:
        return None
    row = session.get(Inspection, _id(session, version))
    if row is None:
        return None
    return {"message": row.message} if row.message else row.facts


def inspect(store: Store, version: VersionInfo, run: Inspect) -> Mapping[str, Any]:
    """The facts of a version: the stored ones, or those of a new inspection, which is stored."""
    with store.read() as session:
        stored = find(session, version)
    if stored is not None:
        return stored
    facts: dict[str, Any] = {}
    message = ""
    try:
        facts = run(store, version)
    except PilothouseError as refused:
        message = refused.message
    with store.write() as session:
        session.merge(
            Inspection(
                id=_id(session, version), facts=facts, message=message, inspected_at=store.now()
            )
        )
    return facts if not message else {"message": message}


def _id(session: Session, version: VersionInfo) -> str:
    """The files and the environment, which an answer depends on."""
    assert version.package is not None
    environment = load_trials.package_environment(session, version, version.package)
    return hashlib.sha256(f"{package_id(version.package)} {environment}".encode()).hexdigest()
