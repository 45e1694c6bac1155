"""The folder beside the database: whether the two belong together."""

from __future__ import annotations

from sqlmodel import select

from pilothouse.activity.tables import ActivityEntry
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.tables import Deployment
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of
from pilothouse.workspace.checks.artifacts import named_digests


@checks.register("folder")
def folder(store: Store) -> CheckVerdict:
    """The database knows what lies in the folder: it is not an empty one over a full folder."""
    with store.read() as session:
        is_empty = session.exec(select(ActivityEntry.seq).limit(1)).first() is None
        deployments = set(session.exec(select(Deployment.name)))

    problems = []
    stored = set(store.artifacts.digests())
    if stored and not stored & set(named_digests(store)):
        problems.append(f"the database knows none of the {len(stored)} artifacts in the folder")

    for tree in ("journal", *log.TREES):
        root = store.folder / tree
        names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
        unknown = sorted(set(names) - deployments)
        problems += [
            f"{tree}/{name} is of no deployment that the database knows" for name in unknown
        ]

    if is_empty and problems:
        problems.insert(0, "the database is empty and the folder is not")
    return verdict_of(f"{len(deployments)} deployments, {len(stored)} artifacts", problems)
