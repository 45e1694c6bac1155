"""What the room of deployments tells others: plain facts, no live rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pilothouse.deployments.replica_states import is_looping
from pilothouse.deployments.tables import Deployment, Replica, Revision
from pilothouse.models.signature import Signature


@dataclass(frozen=True)
class ReplicaInfo:
    """One model process: starting, ready, stopping, failed or crash_loop."""

    number: int
    ordinal: int
    state: str
    pid: int | None
    restarts: int
    last_exit: str
    memory_mb: float
    started_at: datetime | None
    ready_at: datetime | None
    start_seconds: float | None


@dataclass(frozen=True)
class RevisionInfo:
    """One change of what is wanted: launched, swapped, rolled back, stopped, resumed."""

    seq: int
    action: str
    model: str
    number: int
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, repr=False)
class DeploymentInfo:
    """A deployment: what is wanted, what answers, and its history, newest revision first."""

    name: str
    model: str
    number: int
    serving: int | None
    previous: int | None
    desired: str
    status: str
    words: str
    generation: int
    replica_count: int
    warm_until: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    signature: Signature
    input_example: list[dict[str, Any]]
    replicas: tuple[ReplicaInfo, ...]
    revisions: tuple[RevisionInfo, ...]

    def __repr__(self) -> str:
        return f"<deployment {self.name} of {self.version_ref}, {self.status}>"

    @property
    def version_ref(self) -> str:
        """The address of the wanted version."""
        return f"{self.model}@{self.number}"


def status(deployment: Deployment, replicas: Sequence[Replica]) -> tuple[str, str]:
    """One word for a badge and one sentence for a person."""
    wanted = [r for r in replicas if r.number == deployment.number]
    ready = sum(r.state == "ready" for r in wanted)
    answers = any(r.state == "ready" and r.number == deployment.serving for r in replicas)
    number, looping = deployment.number, any(map(is_looping, wanted))
    if deployment.desired == "stopped":
        left = [r for r in replicas if r.pid is not None]
        return ("stopping", "Answering its last requests.") if left else ("stopped", "Stopped.")
    if looping:
        still = f"; version {deployment.serving} still answers" if answers else ""
        return "crash_loop", f"Version {number} keeps ending right after its start{still}."
    if answers and deployment.serving == number:
        if ready < deployment.replicas:
            return "degraded", f"{ready} of {deployment.replicas} processes of version {number}."
        return "ready", f"Version {number} answers."
    if answers:
        return "swapping", f"Version {deployment.serving} answers until {number} is ready."
    if any(r.restarts for r in wanted):
        return "restarting", f"Version {number} ended and is being started again."
    return "starting", f"Version {number} is being loaded and warmed."


def deployment_info(
    deployment: Deployment, replicas: Sequence[Replica], revisions: Sequence[Revision]
) -> DeploymentInfo:
    """The facts of one deployment; revisions come newest first."""
    word, words = status(deployment, replicas)
    current = next(r for r in revisions if r.number == deployment.number)
    return DeploymentInfo(
        name=deployment.name,
        model=deployment.model,
        number=deployment.number,
        serving=deployment.serving,
        previous=deployment.previous,
        desired=deployment.desired,
        status=word,
        words=words,
        generation=deployment.generation,
        replica_count=deployment.replicas,
        warm_until=deployment.warm_until,
        created_at=deployment.created_at,
        created_by=deployment.created_by,
        updated_at=deployment.updated_at,
        signature=Signature.from_json(current.signature),
        input_example=list(current.example),
        replicas=tuple(map(replica_info, replicas)),
        revisions=tuple(map(revision_info, revisions)),
    )


def replica_info(replica: Replica) -> ReplicaInfo:
    """The facts of one model process."""
    started, ready = replica.started_at, replica.ready_at
    return ReplicaInfo(
        number=replica.number,
        ordinal=replica.ordinal,
        state=replica.state,
        pid=replica.pid,
        restarts=replica.restarts,
        last_exit=replica.last_exit,
        memory_mb=round(replica.rss_bytes / 2**20, 1),
        started_at=started,
        ready_at=ready,
        start_seconds=(ready - started).total_seconds() if started and ready else None,
    )


def revision_info(revision: Revision) -> RevisionInfo:
    """The facts of one revision."""
    return RevisionInfo(
        seq=revision.seq,
        action=revision.action,
        model=revision.model,
        number=revision.number,
        reason=revision.reason,
        by=revision.by,
        at=revision.at,
    )
