"""Commands on deployments: launch, switch version, roll back, stop, resume.

They write the desired state and nothing else; the controller reconciles the processes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import Session, col, func, select

from pilothouse.activity import record
from pilothouse.deployments.replica_states import CRASH_LOOP, FAILED, READY, WARM
from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.tables import Deployment, Replica, Revision, RolloutCandidate
from pilothouse.deployments.traffic_split import TrafficSplit
from pilothouse.kit import names
from pilothouse.kit.errors import Conflict, Invalid, NotFound, PilothouseError, Refused
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of
from pilothouse.registry import trust, versions
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

ARCHIVED = "archived"
MAX_REPLICAS = 8
DESCRIBE = "Describe it on its page, or with `pilothouse models describe`."


def launch(
    session: Session, store: Store, name: str, version: VersionInfo, reason: str, replicas: int
) -> None:
    """Create a deployment of a version. Raises Invalid, or Conflict for a name in use."""
    check_name(session, name)
    check_replicas(replicas)

    now = store.now()
    deployment = Deployment(
        name=name,
        model=version.model,
        version=version.version,
        replicas=replicas,
        created_at=now,
        created_by=store.actor,
        updated_at=now,
    )
    session.add(deployment)
    session.flush()
    _revise(session, store, deployment, version, "launched", reason)
    after = {"version": version.ref, "replicas": replicas}
    record(session, store, "launched", "deployment", name, after=after, reason=reason)


def switch_version(
    session: Session, store: Store, name: str, version: VersionInfo, reason: str
) -> None:
    """Serve another version of the same model; the old one serves until the new one is ready.

    Raises Conflict while a rollout is under way.
    """
    deployment = require(session, name)
    if deployment.traffic is not None:
        raise Conflict(
            f"a rollout of {name!r} is under way.", hint="Let it end or cancel it first."
        )
    if version.version == deployment.version:
        raise Conflict(f"{name!r} serves version {version.version} already.")
    before = {"version": f"{deployment.model}@{deployment.version}"}
    deployment.previous_version, deployment.version = deployment.version, version.version
    if deployment.external:
        deployment.serving_version = version.version
    mark_changed(session, store, deployment)
    _revise(session, store, deployment, version, "swapped", reason)
    after = {"version": version.ref}
    record(session, store, "swapped", "deployment", name, before=before, after=after, reason=reason)


def roll_back(session: Session, store: Store, name: str, reason: str) -> None:
    """Serve the previous version. While it is warm it serves at once: only a pointer moves."""
    deployment = require(session, name)
    refuse_external(deployment)
    if deployment.previous_version is None:
        raise Conflict(f"{name!r} has served no version before {deployment.version}.")

    served = revisions(session, name, deployment.previous_version)[0]
    _exchange(session, store, deployment, served, "rolled back", reason)


def roll_out(
    session: Session,
    store: Store,
    deployment: Deployment,
    served: Revision | RolloutCandidate,
    reason: str,
) -> None:
    """Make a candidate of a rollout the version of its deployment; the one before stays warm."""
    deployment.traffic = None
    _exchange(session, store, deployment, served, "rolled out", reason)


def _exchange(
    session: Session,
    store: Store,
    deployment: Deployment,
    served: Revision | RolloutCandidate,
    action: str,
    reason: str,
) -> None:
    """Serve another version, at once where it has a ready process; the one before stays warm."""
    name, left, target = deployment.name, deployment.version, served.version
    deployment.version, deployment.previous_version = target, left
    if any(r.state == READY and r.version == target for r in replicas_of(session, name)):
        deployment.serving_version = target
        deployment.warm_until = store.now() + WARM

    mark_changed(session, store, deployment)
    _append(session, store, deployment, served, action, reason)
    record(
        session,
        store,
        action,
        "deployment",
        name,
        before={"version": f"{deployment.model}@{left}"},
        after={"version": f"{deployment.model}@{target}"},
        reason=reason,
    )


def split_requests(
    session: Session, store: Store, deployment: Deployment, traffic: TrafficSplit | None
) -> None:
    """Split the requests of a deployment anew; None gives all to its version again."""
    deployment.traffic = None if traffic is None else traffic.to_json()
    mark_changed(session, store, deployment)


def stop(session: Session, store: Store, name: str, reason: str) -> None:
    """Serve nothing under the name; the deployment and its log remain."""
    _set_desired_state(session, store, name, "stopped", reason)


def resume(session: Session, store: Store, name: str, reason: str) -> None:
    """Serve again; processes that wait after crashes are started at once."""
    forget_crashes(replicas_of(session, name))
    _set_desired_state(session, store, name, "running", reason)


def forget_crashes(replicas: Iterable[Replica]) -> None:
    """A person's new attempt starts anew: processes that wait after crashes start at once."""
    for replica in replicas:
        if replica.state in (FAILED, CRASH_LOOP):
            replica.start_after, replica.fast_crashes = None, 0
            replica.state = FAILED


def _set_desired_state(
    session: Session, store: Store, name: str, desired: str, reason: str
) -> None:
    deployment = require(session, name)
    refuse_external(deployment)
    if deployment.desired_state == desired == "stopped":
        raise Conflict(f"{name!r} is stopped already.")

    before = {"state": deployment.desired_state}
    deployment.desired_state = desired
    if desired == "stopped":
        deployment.warm_until = None

    mark_changed(session, store, deployment)
    verb = "stopped" if desired == "stopped" else "resumed"
    served = revisions(session, name, deployment.version)[0]
    _append(session, store, deployment, served, verb, reason)
    after = {"state": desired}
    record(session, store, verb, "deployment", name, before=before, after=after, reason=reason)


def require(session: Session, name: str) -> Deployment:
    """The deployment's row. Raises NotFound that lists the existing ones."""
    deployment = session.get(Deployment, name)
    if deployment is None:
        existing = ", ".join(session.exec(select(Deployment.name).order_by(Deployment.name)))
        raise NotFound(
            f"there is no deployment {name!r}.", hint=f"Known: {existing or 'none yet'}."
        )
    return deployment


def refuse_external(deployment: Deployment) -> None:
    """Raises Conflict for a deployment that is served elsewhere."""
    if deployment.external:
        raise Conflict(
            f"{deployment.name!r} is served elsewhere: no process of this workspace answers it."
        )


def replicas_of(session: Session, name: str) -> Sequence[Replica]:
    """The replicas of a deployment, newest version first."""
    query = select(Replica).where(Replica.deployment == name)
    return session.exec(query.order_by(col(Replica.version).desc(), col(Replica.ordinal))).all()


def revisions(session: Session, name: str, version: int | None = None) -> Sequence[Revision]:
    """The revisions of a deployment, newest first."""
    query = select(Revision).where(Revision.deployment == name)
    if version is not None:
        query = query.where(Revision.version == version)
    return session.exec(query.order_by(col(Revision.seq).desc())).all()


def signature_of(session: Session, name: str, model: str, version: int) -> Signature:
    """The signature of a version that a deployment has answered by. Raises NotFound.

    It is that of the registry, or that of the deployment's revision without a registered version.
    """
    if model:
        return Signature.from_json(versions.require(session, model, version).signature)
    described = revisions(session, name, version)
    if not described:
        raise NotFound(f"{name!r} has no description {version} of its answers.")
    return Signature.from_json(described[0].signature)


def require_servable(session: Session, store: Store, model: str, version: int) -> VersionInfo:
    """The version to serve. Raises NotFound, or Refused when it is archived or cannot be served."""
    model_version = versions.find(session, model, version)
    require_described(model_version)
    trust.require_loadable(session, store, model_version)
    if model_version.stage == ARCHIVED:
        raise Refused(f"{model_version.ref} is archived.", hint="Move it out of the archive first.")
    return model_version


def require_sendable(session: Session, model: str, version: int) -> VersionInfo:
    """The version whose predictions are sent in. Raises NotFound, or Refused without a task."""
    model_version = versions.find(session, model, version)
    _require_outputs(model_version)
    if model_version.stage == ARCHIVED:
        raise Refused(f"{model_version.ref} is archived.", hint="Move it out of the archive first.")
    return model_version


def require_described(version: VersionInfo) -> None:
    """Raises Refused unless its signature says what goes in and what an answer means."""
    if not version.signature.inputs:
        raise Refused(f"{version.ref} does not say its inputs.", hint=DESCRIBE)
    _require_outputs(version)


def _require_outputs(version: VersionInfo) -> None:
    signature = version.signature
    if not signature.is_described:
        raise Refused(f"{version.ref} does not say what its answer means.", hint=DESCRIBE)
    try:
        task_of(signature).check(signature)
    except PilothouseError as incomplete:
        raise Refused(
            f"{version.ref} is not described completely: {incomplete.message}", hint=DESCRIBE
        ) from incomplete


def check_name(session: Session, name: str) -> None:
    """Raises Invalid for a name that is none, Conflict for one in use."""
    names.DEPLOYMENT.check(name)
    if session.get(Deployment, name) is not None:
        raise Conflict(f"there is a deployment {name!r} already.", hint="Swap its version instead.")


def check_replicas(replicas: int) -> None:
    """Raises Invalid for a number of processes that cannot be."""
    if not 1 <= replicas <= MAX_REPLICAS:
        allowed = f"between 1 and {MAX_REPLICAS}"
        raise Invalid(f"the number of processes must be {allowed}.", fields={"replicas": allowed})


def mark_changed(session: Session, store: Store, deployment: Deployment) -> None:
    """Count a change of the desired state, which controller and gateway follow."""
    deployment.generation += 1
    deployment.updated_at = store.now()
    deployment.asleep_since = None  # what a person changes, a person wants to see
    session.add(deployment)
    increment_generation(session)


def _revise(
    session: Session,
    store: Store,
    deployment: Deployment,
    version: VersionInfo,
    action: str,
    reason: str,
) -> None:
    served = Revision(
        deployment=deployment.name,
        seq=0,
        action=action,
        model=version.model,
        version=version.version,
        digest=version.digest,
        signature=version.signature.to_json(),
        example=[dict(row) for row in version.input_example],
        by=store.actor,
        at=store.now(),
    )
    revise(session, store, deployment, served, action, reason)


def revise(
    session: Session,
    store: Store,
    deployment: Deployment,
    served: Revision,
    action: str,
    reason: str,
) -> None:
    """Add a revision like `served`, which the gateway follows."""
    _append(session, store, deployment, served, action, reason)
    increment_generation(session)


def _append(
    session: Session,
    store: Store,
    deployment: Deployment,
    served: Revision | RolloutCandidate,
    action: str,
    reason: str,
) -> None:
    """Add a revision with the version, artifact and signature of `served`."""
    newest = select(func.max(Revision.seq)).where(Revision.deployment == deployment.name)
    served_fields: dict[str, Any] = {
        part: getattr(served, part)
        for part in ("model", "version", "digest", "signature", "example")
    }
    session.add(
        Revision(
            deployment=deployment.name,
            seq=(session.exec(newest).one() or 0) + 1,
            action=action,
            reason=reason,
            by=store.actor,
            at=store.now(),
            **served_fields,
        )
    )
    session.flush()
