"""Which stage's address a deployment answers, so that only versions of that stage serve there.

A stage has one deployment of a model: its address, `/stages/STAGE/…/MODEL`, then means that one.
"""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.tables import StageRule
from pilothouse.kit.errors import Conflict, Refused
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.stage_ladder import check_stage
from pilothouse.storage import Store


def stage_of(session: Session, name: str) -> str:
    """The stage whose address a deployment answers; empty for none. Raises NotFound."""
    commands.require(session, name)
    row = session.get(StageRule, name)
    return (row.stage or "") if row else ""


def stages_by_name(session: Session) -> dict[str, str]:
    """The stage of each deployment that has one."""
    rows = session.exec(select(StageRule).where(col(StageRule.stage).is_not(None)))
    return {row.deployment: row.stage or "" for row in rows}


def require_in_stage(session: Session, name: str, version: VersionInfo) -> None:
    """Raises Refused for a version that does not stand in the deployment's stage."""
    if stage := stage_of(session, name):
        _require(name, stage, version)


def enter_stage(
    session: Session, store: Store, name: str, stage: str, version: VersionInfo, reason: str
) -> None:
    """Let a deployment that serves `version` answer the address of a stage.

    Raises NotFound, Invalid for a stage that no version is promoted to, Refused when the version
    does not stand in it, Conflict when another deployment of the model has it or this one is served
    elsewhere.
    """
    deployment = commands.require(session, name)
    if stage == stage_of(session, name):
        return
    commands.refuse_external(deployment)
    check_entry(session, name, stage, version)
    _write(session, store, name, stage, reason)


def check_entry(session: Session, name: str, stage: str, version: VersionInfo) -> None:
    """Raise what `enter_stage` raises for a deployment of the version, which need not exist yet."""
    check_stage(session, stage)
    _require(name, stage, version)
    other = deployment_in(session, stage, version.model)
    if other not in ("", name):
        raise Conflict(
            f"{other!r} is the deployment of {version.model!r} in {stage} already.",
            hint=f"Switch its version, or take {other!r} out of {stage} first.",
        )


def leave_stage(session: Session, store: Store, name: str, reason: str) -> None:
    """Let a deployment answer its own address only. Raises NotFound."""
    if stage_of(session, name):
        _write(session, store, name, None, reason)


def _write(session: Session, store: Store, name: str, stage: str | None, reason: str) -> None:
    before, model = stage_of(session, name), commands.require(session, name).model
    session.merge(StageRule(deployment=name, model=model, stage=stage))
    session.flush()
    increment_generation(session)
    record(
        session,
        store,
        "stage changed",
        "deployment",
        name,
        before={"stage": before},
        after={"stage": stage or ""},
        reason=reason,
    )


def deployment_in(session: Session, stage: str, model: str) -> str:
    """The deployment of a model in a stage; empty without one."""
    query = select(StageRule.deployment).where(StageRule.stage == stage, StageRule.model == model)
    return session.exec(query).first() or ""


def _require(name: str, stage: str, version: VersionInfo) -> None:
    if version.stage != stage:
        raise Refused(
            f"{name!r} serves versions in {stage} only, and {version.ref} is in {version.stage}.",
            hint=f"Promote it to {stage} first, or serve it by another deployment.",
        )
