"""Windows: the profile of each can be read, and counts what the window says."""

from __future__ import annotations

import json

from sqlmodel import select

from pilothouse.kit.errors import PilothouseError
from pilothouse.monitoring.tables import CheckResult, DeploymentReference, Reference, Window
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("windows")
def windows(store: Store) -> CheckVerdict:
    """Every window has a profile that can be read and results, every reference its rows."""
    with store.read() as session:
        rows = session.exec(select(Window)).all()
        references = {
            f"{reference.model}@{reference.version}": reference.digest
            for reference in session.exec(select(Reference))
        } | {
            f"{reference.deployment}, version {reference.version}": reference.digest
            for reference in session.exec(select(DeploymentReference))
        }
        query = select(CheckResult.window_id, CheckResult.revision).distinct()
        judged = {(window, revision) for window, revision in session.exec(query)}

    problems = []

    for row in rows:
        name = f"window {row.id} of {row.deployment}"
        if problem := _problem(store, row.profile):
            problems.append(f"the profile of {name} {problem}")
        if row.judged and (row.id, row.revision) not in judged:
            problems.append(f"{name} has no results")

    for name, digest in references.items():
        try:
            store.artifacts.local_path(digest)
        except PilothouseError as refused:
            problems.append(f"the reference of {name} cannot be read: {refused.message}")

    return verdict_of(f"{len(rows)} windows, {len(references)} references", problems)


def _problem(store: Store, digest: str) -> str:
    """What is wrong with a profile; empty when nothing is."""
    try:
        json.loads(store.artifacts.read(digest))
    except PilothouseError as refused:
        return f"cannot be read: {refused.message}"
    except ValueError:
        return "is not a profile"
    return ""
