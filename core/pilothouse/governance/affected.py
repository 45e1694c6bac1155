"""What a command on a version touches, before it is given: deployments, aliases, and what follows.

A deployment has a version when it serves it, has it as its desired one, or can roll back to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import Session, col, select

from pilothouse.deployments import commands
from pilothouse.deployments.tables import Deployment
from pilothouse.jobs.tables import JobSchedule
from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.tables import Monitor
from pilothouse.pipelines.retraining_decisions import ASKED
from pilothouse.pipelines.retraining_policy import OFF
from pilothouse.pipelines.tables import RetrainingDecision, StoredRetrainingPolicy
from pilothouse.registry import versions
from pilothouse.registry.tables import CHAMPION, PENDING, PRODUCTION, Alias, ModelVersion, Promotion

ARCHIVE, DELETE, PROMOTE, ROLL_BACK = "archive", "delete", "promote", "roll back"
ACTIONS = (ARCHIVE, DELETE, PROMOTE)


@dataclass(frozen=True)
class AffectedObject:
    """An object that a command touches: `kind` and `ref` are its address, `effect` says how."""

    kind: str
    ref: str
    title: str
    effect: str


def affected_by(
    session: Session, model: str, version: int, action: str, stage: str = PRODUCTION
) -> list[AffectedObject]:
    """What archiving, deleting or promoting a version touches. Raises NotFound, Invalid."""
    if action not in ACTIONS:
        raise Invalid(f"no action named {action!r}.", fields={"action": ", ".join(ACTIONS)})
    row = versions.require(session, model, version)
    deployments = _deployments(session, model)
    if action == PROMOTE:
        if stage != PRODUCTION:
            return list(_promotions(session, row, action))
        own = deployments
    else:
        own = [item for item in deployments if _role(item, version)]
    return [
        *_aliases(session, row, action),
        *(_deployment(item, row, action) for item in own),
        *(item for name in (d.name for d in own) for item in _followers(session, name, action)),
        *_promotions(session, row, action),
    ]


def affected_by_roll_back(session: Session, name: str) -> list[AffectedObject]:
    """What rolling back a deployment touches. Raises NotFound."""
    row = commands.require(session, name)
    if row.previous_version is None:
        return []
    effect = f"answers by version {row.previous_version} instead of version {row.version}"
    before = session.get(ModelVersion, (row.model, row.previous_version))
    stage = f", which is {before.stage}" if before and before.stage != PRODUCTION else ""
    return [
        AffectedObject("deployment", name, name, effect + stage),
        *_followers(session, name, ROLL_BACK),
    ]


def _deployments(session: Session, model: str) -> list[Deployment]:
    query = select(Deployment).where(Deployment.model == model).order_by(col(Deployment.name))
    return list(session.exec(query))


def _role(row: Deployment, version: int) -> str:
    """What a version is to a deployment; empty when it is nothing."""
    if _has(row, version):
        if row.external:
            return "serves it elsewhere"
        return "serves it" if row.desired_state == "running" else "is stopped with it"
    return "can roll back to it" if version == row.previous_version else ""


def _has(row: Deployment, version: int) -> bool:
    return version in (row.version, row.serving_version)


def _deployment(row: Deployment, version: ModelVersion, action: str) -> AffectedObject:
    role = _role(row, version.version)
    if action == PROMOTE:
        answers = f"keeps serving version {row.version} until it is switched"
        effect = "serves it already" if _has(row, version.version) else answers
    elif action == ARCHIVE:
        goes_on = ", and goes on" if role.startswith("serves") else ""
        effect = f"{role}{goes_on}; no deployment can be switched to it any more"
    else:
        effect = f"{role}, and its revisions name a version that is gone"
    return AffectedObject("deployment", row.name, row.name, effect)


def _aliases(session: Session, version: ModelVersion, action: str) -> Iterator[AffectedObject]:
    query = select(Alias).where(Alias.model == version.model).order_by(col(Alias.alias))
    for row in session.exec(query):
        own, ref = row.version == version.version, f"{version.model}@{row.version}"
        effect = ""
        if action == PROMOTE and row.alias == CHAMPION and not own:
            effect = f"moves here from version {row.version}, which is archived"
        elif own and action == DELETE:
            effect = "is removed"
        elif own and action == ARCHIVE and row.alias == CHAMPION:
            leaves = version.stage == PRODUCTION
            effect = "is removed: the model has no champion" if leaves else "still names it"
        elif own and action == ARCHIVE:
            effect = "still names it"
        if effect:
            yield AffectedObject("version", ref, f"alias {row.alias}", effect)


def _followers(session: Session, deployment: str, action: str) -> Iterator[AffectedObject]:
    """What follows a deployment: its monitor, retraining and schedules."""
    monitor = session.get(Monitor, deployment)
    if monitor is not None and monitor.enabled:
        effect = {
            ROLL_BACK: "its next windows are held against the reference of the other version",
            PROMOTE: "its windows keep their reference until the deployment is switched",
        }.get(action, "goes on watching what it answers")
        yield AffectedObject("deployment", deployment, f"monitor of {deployment}", effect)
    policy = session.get(StoredRetrainingPolicy, deployment)
    if policy is not None and policy.mode != OFF:
        effect = {
            ARCHIVE: "the next retraining has no champion to be compared with",
            DELETE: "the next retraining has no champion to be compared with",
        }.get(action, "the next retraining is compared with the champion of then")
        yield AffectedObject("retraining", deployment, f"retraining of {deployment}", effect)
    waiting = select(RetrainingDecision).where(
        RetrainingDecision.deployment == deployment, RetrainingDecision.outcome == ASKED
    )
    for _ in session.exec(waiting):
        title = f"request for a retraining of {deployment}"
        yield AffectedObject("retraining", deployment, title, "still waits for a decision")
    scheduled = select(JobSchedule).where(
        JobSchedule.subject_ref == deployment, col(JobSchedule.enabled).is_(True)
    )
    for row in session.exec(scheduled):
        yield AffectedObject("schedule", row.name, f"schedule {row.name}", "goes on by its clock")


def _promotions(session: Session, version: ModelVersion, action: str) -> Iterator[AffectedObject]:
    query = select(Promotion.id, Promotion.version, Promotion.stage).where(
        Promotion.model == version.model, Promotion.status == PENDING
    )
    for promotion, number, stage in session.exec(query):
        own = number == version.version
        if own:
            effect = "is deleted" if action == DELETE else "still waits for a decision"
        elif action == PROMOTE and stage == PRODUCTION:
            effect = "will be compared with this version when it is decided"
        else:
            continue
        title = f"promotion of version {number} to {stage}"
        yield AffectedObject("promotion", promotion, title, effect)
