"""Commands on rollouts: start, hold, continue, roll back, cancel; and the steps of the worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.deployments.rollouts.rollout_states import (
    ACTIVE,
    CANCELLED,
    COMPARISON,
    HELD,
    PERSON,
    ROLLED_BACK,
    RUNNING,
    SUCCEEDED,
)
from pilothouse.deployments.strategies import RolloutPlan, plan_of
from pilothouse.deployments.tables import Deployment, Rollout, RolloutAnalysis, RolloutCandidate
from pilothouse.deployments.traffic_split import BUCKETS, TrafficSplit
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store


def plan_of_rollout(rollout: Rollout) -> RolloutPlan:
    """The plan that a rollout follows."""
    return plan_of(rollout.strategy, rollout.settings, len(rollout.candidates))


def find_active(session: Session, deployment: str) -> Rollout | None:
    """The rollout of a deployment that is running or held."""
    query = select(Rollout).where(Rollout.deployment == deployment, col(Rollout.state).in_(ACTIVE))
    return session.exec(query).first()


def require_active(session: Session, deployment: str) -> Rollout:
    """The rollout of a deployment that is running or held. Raises Conflict without one."""
    commands.require(session, deployment)
    rollout = find_active(session, deployment)
    if rollout is None:
        raise Conflict(f"{deployment!r} has no rollout under way.")
    return rollout


def newest_rollout(session: Session, deployment: str) -> Rollout | None:
    """The rollout of a deployment that started last, whatever became of it."""
    return session.exec(_rollouts_of(deployment).limit(1)).first()


def rollouts_of(session: Session, deployment: str) -> Sequence[Rollout]:
    """The rollouts of a deployment, newest first."""
    return session.exec(_rollouts_of(deployment)).all()


def _rollouts_of(deployment: str) -> SelectOfScalar[Rollout]:
    query = select(Rollout).where(Rollout.deployment == deployment)
    return query.order_by(col(Rollout.started_at).desc(), col(Rollout.id).desc())


def require_idle(session: Session, deployment: str) -> None:
    """Raises Conflict while a rollout is under way, which decides about the version."""
    rollout = find_active(session, deployment)
    if rollout is not None:
        versions = ", ".join(map(str, rollout.candidates))
        raise Conflict(
            f"a rollout of version {versions} of {deployment!r} is {rollout.state}.",
            hint="Continue it, roll it back or cancel it first.",
        )


def start(
    session: Session,
    store: Store,
    name: str,
    candidates: Sequence[VersionInfo],
    plan: RolloutPlan,
    reason: str,
) -> None:
    """Begin to try versions beside the one that serves. Raises Conflict while another one runs."""
    deployment = check_start(session, name, [version.version for version in candidates])
    rollout = Rollout(
        id=uuid7(),
        deployment=name,
        strategy=plan.strategy,
        settings=dict(plan.settings),
        model=deployment.model,
        stable_version=deployment.version,
        candidates=[version.version for version in candidates],
        state=RUNNING,
        reason=reason,
        message="starting",
        by=store.actor,
        started_at=store.now(),
    )
    session.add(rollout)
    session.flush()
    session.add_all(_candidate(rollout, version) for version in candidates)
    # A rollout of the same version that just ended may have left processes that crashed.
    tried = [r for r in commands.replicas_of(session, name) if r.version in rollout.candidates]
    commands.forget_crashes(tried)
    commands.split_requests(session, store, deployment, _before_start(rollout))
    after = {"strategy": plan.strategy, "versions": [version.ref for version in candidates]}
    record(session, store, "rollout started", "deployment", name, after=after, reason=reason)


def check_start(session: Session, name: str, versions: Sequence[int]) -> Deployment:
    """The deployment on which a rollout may start. Raises NotFound, Conflict, Invalid."""
    deployment = commands.require(session, name)
    commands.refuse_external(deployment)
    require_idle(session, name)
    if deployment.desired_state == "stopped":
        raise Conflict(f"{deployment.name!r} is stopped.", hint="Resume it first.")
    if deployment.serving_version != deployment.version:
        raise Conflict(
            f"{deployment.name!r} does not serve version {deployment.version} yet.",
            hint="Wait until it is ready.",
        )
    if deployment.version in versions:
        raise Conflict(f"{deployment.name!r} serves version {deployment.version} already.")
    if len(set(versions)) != len(versions):
        raise Invalid("a version is named twice.", fields={"versions": "named twice"})
    return deployment


def _candidate(rollout: Rollout, version: VersionInfo) -> RolloutCandidate:
    return RolloutCandidate(
        rollout=rollout.id,
        version=version.version,
        model=version.model,
        digest=version.digest,
        signature=version.signature.to_json(),
        example=[dict(row) for row in version.input_example],
    )


def _before_start(rollout: Rollout) -> TrafficSplit:
    """The candidates have processes and get nothing."""
    none = tuple((version, 0) for version in rollout.candidates)
    return TrafficSplit(rollout.id, (*none, (rollout.stable_version, BUCKETS)))


def hold(session: Session, store: Store, name: str, reason: str) -> None:
    """Keep a rollout in its step until a person continues it. Raises Conflict when it is held."""
    rollout = require_active(session, name)
    if rollout.hold == PERSON:
        raise Conflict(f"the rollout of {name!r} is held already.")
    rollout.state, rollout.hold = HELD, PERSON
    rollout.message = f"held by {store.actor}" + (f": {reason}" if reason else "")
    _note(session, store, rollout, "rollout held", reason)


def resume(
    session: Session, store: Store, name: str, reason: str, version: int | None = None
) -> None:
    """Go on with a held rollout: in its step when a person held it, else with the next step.

    After the last step the candidate takes over; of several a person names one. Raises Conflict
    for a rollout that is not held, Invalid for a version that is not one of its own.
    """
    rollout = require_active(session, name)
    if rollout.state != HELD:
        raise Conflict(
            f"the rollout of {name!r} is running: it goes on by itself.",
            hint="Hold it, or wait until its step is over.",
        )
    if rollout.hold == PERSON:
        rollout.state, rollout.hold, rollout.message = RUNNING, "", f"continued by {store.actor}"
        _note(session, store, rollout, "rollout continued", reason)
        return
    plan = plan_of_rollout(rollout)
    if rollout.step + 1 < len(plan.steps):
        _note(session, store, rollout, "rollout continued", reason)
        next_step(session, store, rollout)
        return
    rollout.chosen_version = _chosen(rollout, version)
    _note(session, store, rollout, "rollout continued", reason)
    finish(session, store, rollout, plan, reason or f"decided by {store.actor}")


def _chosen(rollout: Rollout, version: int | None) -> int:
    """The version that stays after the last step."""
    allowed = [*rollout.candidates, rollout.stable_version]
    if version is None and len(rollout.candidates) == 1:
        return rollout.candidates[0]
    if version not in allowed:
        names = ", ".join(map(str, allowed))
        raise Invalid(
            f"choose the version that stays: {names}.", fields={"version": f"one of {names}"}
        )
    return version


def cancel(session: Session, store: Store, name: str, reason: str) -> None:
    """End a rollout as if it had not begun: the stable version gets all requests again."""
    rollout = require_active(session, name)
    _end(session, store, rollout, CANCELLED, reason or f"cancelled by {store.actor}")
    _note(session, store, rollout, "rollout cancelled", reason)


def roll_back(
    session: Session,
    store: Store,
    rollout: Rollout,
    reason: str,
    figures: Mapping[str, Any] | None = None,
) -> None:
    """End a rollout because of its candidate: the stable version gets all requests again.

    It is only a pointer: the stable version's processes have been kept. `figures` are noted with
    the reason.
    """
    _end(session, store, rollout, ROLLED_BACK, reason)
    _note(session, store, rollout, "rollout rolled back", reason, figures)


def begin_step(session: Session, store: Store, rollout: Rollout) -> None:
    """Split the requests as the current step says, from now on."""
    deployment = commands.require(session, rollout.deployment)
    step = plan_of_rollout(rollout).steps[rollout.step]
    traffic = step.traffic(rollout.id, rollout.stable_version, rollout.candidates)
    if deployment.traffic != traffic.to_json():
        commands.split_requests(session, store, deployment, traffic)
    rollout.step_started_at, rollout.analysed_at = store.now(), None
    rollout.message = step.title
    _note(session, store, rollout, "rollout advanced", "")


def next_step(session: Session, store: Store, rollout: Rollout) -> None:
    """Go to the next step, which begins when the candidates are ready."""
    rollout.step += 1
    rollout.step_started_at = rollout.analysed_at = None
    rollout.state, rollout.hold = RUNNING, ""
    session.add(rollout)


def hold_for(session: Session, store: Store, rollout: Rollout, cause: str, message: str) -> None:
    """Keep a rollout in its step until analyses pass or a person decides."""
    if rollout.hold == cause and rollout.message == message:
        return
    is_news = rollout.hold != cause
    rollout.state, rollout.hold, rollout.message = HELD, cause, message
    session.add(rollout)
    if is_news:
        _note(session, store, rollout, "rollout held", message)


def finish(
    session: Session, store: Store, rollout: Rollout, plan: RolloutPlan, reason: str = ""
) -> None:
    """End a rollout after its last step: the candidate takes over where the strategy says so."""
    chosen = rollout.chosen_version or rollout.candidates[0]
    if not plan.replaces or chosen == rollout.stable_version:
        stays = f"version {rollout.stable_version} stays"
        _end(session, store, rollout, SUCCEEDED, f"{reason or 'every step has passed'}; {stays}")
        _note(session, store, rollout, "rollout completed", reason)
        return
    rollout.chosen_version = chosen
    candidate = session.get_one(RolloutCandidate, (rollout.id, chosen))
    deployment = commands.require(session, rollout.deployment)
    why = reason or rollout.reason or "every step of its rollout has passed"
    commands.roll_out(session, store, deployment, candidate, why)
    _close(store, rollout, SUCCEEDED, f"version {chosen} has taken over")
    session.add(rollout)


def add_analysis(session: Session, analysis: RolloutAnalysis) -> None:
    """Keep what was found of the candidates; a comparison counts from when it was made."""
    session.add(analysis)
    rollout = session.get_one(Rollout, analysis.rollout)
    rollout.analysed_at = analysis.at
    session.add(rollout)


def newest_analysis(session: Session, rollout: Rollout, kind: str) -> RolloutAnalysis | None:
    """The newest analysis of a kind in the current step of a rollout."""
    query = select(RolloutAnalysis).where(
        RolloutAnalysis.rollout == rollout.id,
        RolloutAnalysis.step == rollout.step,
        RolloutAnalysis.kind == kind,
    )
    if rollout.step_started_at is not None and kind == COMPARISON:
        query = query.where(col(RolloutAnalysis.at) >= rollout.step_started_at)
    return session.exec(query.order_by(col(RolloutAnalysis.id).desc()).limit(1)).first()


def comparisons(session: Session, rollout: Rollout) -> list[RolloutAnalysis]:
    """The comparisons of the current step, newest first."""
    query = select(RolloutAnalysis).where(
        RolloutAnalysis.rollout == rollout.id,
        RolloutAnalysis.step == rollout.step,
        RolloutAnalysis.kind == COMPARISON,
    )
    return list(session.exec(query.order_by(col(RolloutAnalysis.id).desc())))


def trials_between(
    session: Session, deployment: str, start: datetime, end: datetime
) -> list[tuple[frozenset[int], datetime, datetime]]:
    """The versions that rollouts tried in a span, each with its first and last instant in it."""
    query = select(Rollout).where(Rollout.deployment == deployment, Rollout.started_at < end)
    return [
        (frozenset(row.candidates), max(row.started_at, start), min(row.ended_at or end, end))
        for row in session.exec(query)
        if (row.ended_at or end) > start
    ]


def require(session: Session, rollout_id: str) -> Rollout:
    """A rollout by its id. Raises NotFound."""
    rollout = session.get(Rollout, rollout_id)
    if rollout is None:
        raise NotFound(f"there is no rollout {rollout_id!r}.")
    return rollout


def _end(session: Session, store: Store, rollout: Rollout, state: str, message: str) -> None:
    deployment = commands.require(session, rollout.deployment)
    commands.split_requests(session, store, deployment, None)
    _close(store, rollout, state, message)
    session.add(rollout)


def _close(store: Store, rollout: Rollout, state: str, message: str) -> None:
    rollout.state, rollout.hold, rollout.message = state, "", message
    rollout.ended_at = store.now()


def _note(
    session: Session,
    store: Store,
    rollout: Rollout,
    verb: str,
    reason: str,
    figures: Mapping[str, Any] | None = None,
) -> None:
    session.add(rollout)
    after: dict[str, Any] = {
        "rollout": rollout.id,
        "versions": [f"{rollout.model}@{version}" for version in rollout.candidates],
        "step": rollout.step + 1,
        "state": rollout.state,
    }
    after |= figures or {}
    record(session, store, verb, "deployment", rollout.deployment, after=after, reason=reason)
