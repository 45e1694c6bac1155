"""Trials: whether a model process could load a version and predict its example.

The registry stores the results; the function that starts a model process is handed in, because
deployments are a layer above.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sqlmodel import Session

from pilothouse.environments import requests
from pilothouse.environments.tables import EnvironmentUse
from pilothouse.models.formats import format_of
from pilothouse.models.package import ModelPackage
from pilothouse.registry import trust
from pilothouse.registry.evidence import TrialFact
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.tables import Trial
from pilothouse.storage import Store

Try = Callable[[Store, VersionInfo], str]  # why the version cannot be served; empty when it can
LIBRARIES = ("scikit-learn", "numpy", "scipy", "pandas", "joblib")


def find(session: Session, tried: VersionInfo) -> TrialFact | None:
    """The last trial of a version in the current environment; None without one."""
    row = session.get(Trial, _id(tried))
    if row is None or row.environment != _environment(session, tried):
        return None
    return TrialFact(row.message)


def run_trial(store: Store, tried: VersionInfo, attempt: Try, *, again: bool = False) -> None:
    """Try a version unless it was tried; with `again` also when the last trial failed."""
    with store.read() as session:
        previous = find(session, tried)
    if previous is not None and (previous.answered or not again):
        return
    message = attempt(store, tried)
    with store.write() as session:
        session.merge(
            Trial(
                id=_id(tried),
                environment=_environment(session, tried),
                message=message,
                tried_at=store.now(),
            )
        )


def _id(tried: VersionInfo) -> str:
    parts: list[Any] = [tried.digest, tried.signature.to_json(), tried.input_example[:1]]
    if tried.package is not None:  # environments and approvals are those of a version
        parts.append(tried.ref)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _environment(session: Session, tried: VersionInfo) -> str:
    """The releases that a trial depends on: another release may not read the same file."""
    if tried.package is not None:
        return package_environment(session, tried, tried.package)
    return " ".join([f"python {sys.version.split()[0]}", *map(_release, LIBRARIES)])


def package_environment(session: Session, tried: VersionInfo, package: ModelPackage) -> str:
    """The same for a version from elsewhere: its environment, and whether its code may run."""
    approved = "approved" if trust.is_approved(session, tried) else "not approved"
    use = session.get(EnvironmentUse, tried.ref)
    if use is not None:
        row = requests.require(session, tried.ref)
        return f"{approved}, environment {row.id} {row.hash} {row.state} {use.state}"
    releases = map(_release, (*LIBRARIES, *format_of(package).libraries))
    return " ".join([f"{approved}, python {sys.version.split()[0]}", *releases])


def _release(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"{library} missing"
