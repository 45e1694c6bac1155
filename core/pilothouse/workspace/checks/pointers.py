"""Versions of deployments: the desired and the serving one agree with their revisions."""

from __future__ import annotations

from sqlmodel import col, select

from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("pointers")
def pointers(store: Store) -> CheckVerdict:
    """Every deployment has the version of its newest revision and serves one of a revision."""
    problems: list[str] = []
    with store.read() as session:
        deployments = session.exec(select(Deployment)).all()
        revisions = session.exec(select(Revision).order_by(col(Revision.seq))).all()
        digests = {
            (version.model, version.version): version.digest
            for version in session.exec(select(ModelVersion))
        }

    for row in deployments:
        own = [revision for revision in revisions if revision.deployment == row.name]
        if not own or own[-1].version != row.version:
            problems.append(
                f"{row.name} has version {row.version}, its newest revision another one"
            )
        if row.serving_version is not None and row.serving_version not in {
            item.version for item in own
        }:
            problems.append(
                f"{row.name} serves version {row.serving_version}, which none of its revisions has"
            )
        for item in own:
            digest = digests.get((item.model, item.version))
            if digest is not None and digest != item.digest:
                problems.append(f"revision {item.seq} of {row.name} names another model file")

    return verdict_of(f"{len(deployments)} deployments, {len(revisions)} revisions", problems)
