"""The Python API of replays: recorded requests on another version."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, select

from pilothouse.deployments import commands
from pilothouse.deployments.replay.replay_results import ReplayResult
from pilothouse.jobs import require_result, submit
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.registry import versions
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

REPLAY_REQUESTS = "replay_requests"
MAX_ROWS = 20_000
REPLAY_COLUMNS = ("job", "version", "status", "rows", "changed_share", "at", "requested_by")


class ReplayCommands(Service):
    """Recorded requests on another version."""

    def replay(
        self,
        name: str,
        version: int,
        *,
        limit: int = 1_000,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> str:
        """Answer the last recorded requests by a version, as a job; its id.

        Nothing is logged as predicted. `start` and `end` are times of the events. Raises NotFound,
        Invalid for the number of rows, Conflict without a registered model or for a version of
        another task.
        """
        if not 1 <= limit <= MAX_ROWS:
            allowed = f"between 1 and {MAX_ROWS:,}"
            raise Invalid(f"the number of rows must be {allowed}.", fields={"limit": allowed})
        with self._store.write() as session:
            deployment = commands.require(session, name)
            if not deployment.model:
                raise Conflict(f"{name!r} has no registered model whose versions could answer.")
            info = versions.find(session, deployment.model, version)
            served = commands.signature_of(session, name, deployment.model, deployment.version)
            if info.signature.task != served.task:
                raise Conflict(
                    f"{info.ref} is of another task ({info.signature.task}, not {served.task})."
                )
            args = {"deployment": name, "model": info.model, "version": version, "limit": limit}
            args |= {"start": start.isoformat()} if start else {}
            args |= {"end": end.isoformat()} if end else {}
            title = f"Replay of {name} on version {version}"
            return submit(
                session, self._store, REPLAY_REQUESTS, args, title=title,
                subject=("deployment", name),
            )  # fmt: skip

    def replay_result(self, job: str) -> ReplayResult:
        """What a replay has found. Raises NotFound while it has no result."""
        with self._store.read() as session:
            result = require_result(session, job, REPLAY_REQUESTS, "a replay")
        return ReplayResult.from_json(result)

    def replays(self, name: str, *, size: int = 20) -> pd.DataFrame:
        """The replays of a deployment, newest first; columns as in `REPLAY_COLUMNS`."""
        import pandas as pd

        query = (
            select(Job)
            .where(Job.kind == REPLAY_REQUESTS, Job.subject_ref == name)
            .order_by(col(Job.created_at).desc())
            .limit(size)
        )
        with self._store.read() as session:
            commands.require(session, name)
            jobs = session.exec(query).all()
        rows = []
        for job in jobs:
            replayed = ReplayResult.from_json(job.result) if job.result else None
            rows.append(
                (
                    *(job.id, job.args["version"], job.status),
                    None if replayed is None else replayed.answered,
                    None if replayed is None else replayed.changed_share,
                    *(job.created_at, job.requested_by),
                )
            )
        return pd.DataFrame(rows, columns=list(REPLAY_COLUMNS))
