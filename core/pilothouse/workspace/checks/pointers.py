"""Pointers: what deployments want, serve and served is what their history says."""

from __future__ import annotations

from sqlmodel import col, select

from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("pointers")
def pointers(store: Store) -> CheckVerdict:
    """Every deployment wants the version of its newest revision and answers with one it had."""
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
            problems.append(f"{row.name} wants version {row.version}, its history does not")
        if row.serving_version is not None and row.serving_version not in {
            item.version for item in own
        }:
            problems.append(
                f"{row.name} is answered by version {row.serving_version}, which it never wanted"
            )
        for item in own:
            digest = digests.get((item.model, item.version))
            if digest is not None and digest != item.digest:
                problems.append(f"revision {item.seq} of {row.name} names another model file")

    return verdict_of(f"{len(deployments)} deployments, {len(revisions)} revisions", problems)
