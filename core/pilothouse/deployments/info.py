"""What the API of deployments returns: frozen values, no live rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pilothouse.deployments.replica_states import is_looping
from pilothouse.deployments.tables import Deployment, Replica, Revision
from pilothouse.deployments.traffic_split import named_versions
from pilothouse.kit.notebook_html import card, small_table
from pilothouse.models.engine_choice import EngineResult
from pilothouse.models.signature import Signature

EXTERNAL = "external"  # the status of a deployment that is served elsewhere
ASLEEP = "asleep"  # the status of one without processes, which its next request starts


@dataclass(frozen=True)
class ReplicaInfo:
    """One model process: starting, ready, stopping, failed or crash_loop.

    `engine` computes its answers, None until it is ready; it was compared with the library first.
    """

    version: int
    ordinal: int
    state: str
    pid: int | None
    restarts: int
    last_exit: str
    memory_mb: float
    started_at: datetime | None
    ready_at: datetime | None
    start_seconds: float | None
    engine: EngineResult | None


@dataclass(frozen=True)
class RevisionInfo:
    """One change of the desired state: launched, swapped, rolled back, stopped, resumed."""

    seq: int
    action: str
    model: str
    version: int
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, repr=False)
class DeploymentInfo:
    """A deployment: desired state, serving version, and its history, newest revision first.

    `signature` is that of the desired version, `serving_signature` of the one that answers now.
    """

    name: str
    model: str
    version: int
    serving_version: int | None
    previous_version: int | None
    desired_state: str
    status: str
    message: str
    generation: int
    replica_count: int
    warm_until: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    external: bool
    signature: Signature
    serving_signature: Signature
    input_example: list[dict[str, Any]]
    replicas: tuple[ReplicaInfo, ...]
    revisions: tuple[RevisionInfo, ...]

    def __repr__(self) -> str:
        of = f" of {self.version_ref}" if self.model else ""
        return f"<deployment {self.name}{of}, {self.status}>"

    def _repr_html_(self) -> str:
        """In a notebook: its facts, processes and last changes."""
        facts = {
            "Version": self.version_ref,
            "Status": self.status,
            "Message": self.message,
            "Launched": self.created_at,
            "By": self.created_by,
        }
        processes = [
            (replica.version, replica.state, f"{replica.memory_mb:,.0f}", replica.restarts)
            for replica in self.replicas
        ]
        changes = [
            (revision.action, f"{revision.model}@{revision.version}", revision.by, revision.at)
            for revision in self.revisions
        ]
        return card(
            f"Deployment {self.name}",
            facts,
            small_table(("Process of version", "State", "Memory (MB)", "Restarts"), processes),
            small_table(("Change", "Version", "By", "At"), changes),
        )

    @property
    def version_ref(self) -> str:
        """The desired version: model@version; empty when it has no registered one."""
        return f"{self.model}@{self.version}" if self.model else ""


def describe_status(deployment: Deployment, replicas: Sequence[Replica]) -> tuple[str, str]:
    """The status as one word, and as a sentence."""
    current = [r for r in replicas if r.version == deployment.version]
    ready = sum(r.state == "ready" for r in current)
    is_answering = any(
        r.state == "ready" and r.version == deployment.serving_version for r in replicas
    )
    if deployment.external:
        return EXTERNAL, "Served elsewhere; its predictions are sent in."
    version, looping = deployment.version, any(map(is_looping, current))
    if deployment.desired_state == "stopped":
        remaining = [r for r in replicas if r.pid is not None]
        return (
            ("stopping", "Completing its last requests.") if remaining else ("stopped", "Stopped.")
        )
    if deployment.asleep_since is not None:
        return ASLEEP, "No request came for a while; the next one starts its processes."
    if looping:
        still = f"; version {deployment.serving_version} is still serving" if is_answering else ""
        return "crash_loop", f"Version {version} keeps ending right after its start{still}."
    if is_answering and deployment.serving_version == version:
        if ready < deployment.replicas:
            return "degraded", f"{ready} of {deployment.replicas} processes of version {version}."
        tried = sorted(named_versions(deployment.traffic) - {version})
        beside = f"; a rollout tries version {' and '.join(map(str, tried))}" if tried else ""
        return "ready", f"Version {version} is serving{beside}."
    if is_answering:
        return "swapping", f"Version {deployment.serving_version} serves until {version} is ready."
    if any(r.restarts for r in current):
        return "restarting", f"Version {version} exited and is being restarted."

    return "starting", f"Version {version} is being loaded and warmed up."


def deployment_info(
    deployment: Deployment, replicas: Sequence[Replica], revisions: Sequence[Revision]
) -> DeploymentInfo:
    """The values of one deployment; `revisions` must be sorted newest first."""
    state, message = describe_status(deployment, replicas)
    current = next(r for r in revisions if r.version == deployment.version)
    serving = [r for r in revisions if r.version == deployment.serving_version] or [current]
    return DeploymentInfo(
        name=deployment.name,
        model=deployment.model,
        version=deployment.version,
        serving_version=deployment.serving_version,
        previous_version=deployment.previous_version,
        desired_state=deployment.desired_state,
        status=state,
        message=message,
        generation=deployment.generation,
        replica_count=deployment.replicas,
        warm_until=deployment.warm_until,
        created_at=deployment.created_at,
        created_by=deployment.created_by,
        updated_at=deployment.updated_at,
        external=bool(deployment.external),
        signature=Signature.from_json(current.signature),
        serving_signature=Signature.from_json(serving[0].signature),
        input_example=list(current.example),
        replicas=tuple(map(replica_info, replicas)),
        revisions=tuple(map(revision_info, revisions)),
    )


def replica_info(replica: Replica) -> ReplicaInfo:
    """The values of one model process."""
    started, ready = replica.started_at, replica.ready_at
    return ReplicaInfo(
        version=replica.version,
        ordinal=replica.ordinal,
        state=replica.state,
        pid=replica.pid,
        restarts=replica.restarts,
        last_exit=replica.last_exit,
        memory_mb=round(replica.rss_bytes / 2**20, 1),
        started_at=started,
        ready_at=ready,
        start_seconds=(ready - started).total_seconds() if started and ready else None,
        engine=EngineResult.from_json(replica.engine) if replica.engine else None,
    )


def revision_info(revision: Revision) -> RevisionInfo:
    """The values of one revision."""
    return RevisionInfo(
        seq=revision.seq,
        action=revision.action,
        model=revision.model,
        version=revision.version,
        reason=revision.reason,
        by=revision.by,
        at=revision.at,
    )
