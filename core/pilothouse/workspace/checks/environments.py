"""Environments: every one that is built has its folder, and every folder is of one."""

from __future__ import annotations

from sqlmodel import select

from pilothouse.environments import folders
from pilothouse.environments.tables import BUILT, READY, EnvironmentUse, ModelEnvironment
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("environments")
def environments(store: Store) -> CheckVerdict:
    """Every built environment has its whole folder, and every folder is of an environment."""
    with store.read() as session:
        rows = session.exec(select(ModelEnvironment)).all()
        uses = session.exec(select(EnvironmentUse)).all()
    built = {row.id for row in rows if row.state == BUILT}
    problems = [
        f"the folder of environment {row.id} is missing or not whole: build it again"
        for row in rows
        if row.state == BUILT and row.hash and not folders.is_whole(store, row.hash)
    ]
    problems += [
        f"{use.subject} is ready in environment {use.environment}, which is not built"
        for use in uses
        if use.state == READY and use.environment not in built
    ]
    hashes = {row.hash for row in rows}
    problems += [
        f"{folders.ROOT}/{name} is of no environment that the database has: remove the folder"
        for name in folders.names(store)
        if name not in hashes
    ]
    return verdict_of(f"{len(built)} environments", problems)
