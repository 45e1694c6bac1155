"""What a rollout would do and what speaks against it, told before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from pilothouse.deployments import commands, stage_rules
from pilothouse.deployments.analysis.criteria.disagreement import KIND as DISAGREEMENT
from pilothouse.deployments.analysis.judge import AnalysisSettings
from pilothouse.deployments.rollouts import rollout_commands
from pilothouse.deployments.rollouts.rollout_info import RolloutPreview, step_infos
from pilothouse.deployments.rollouts.rollout_traffic import duration, rollout_traffic
from pilothouse.deployments.servable_versions import prepare_to_serve
from pilothouse.deployments.strategies import RolloutPlan, plan_of, strategies
from pilothouse.kit.errors import Invalid, PilothouseError, Refused
from pilothouse.models.signature import Signature
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

MAX_NAMES = 5


def checked_plan(strategy: str, settings: Mapping[str, Any], candidates: int) -> RolloutPlan:
    """The plan of a strategy whose analysis is checked too. Raises NotFound, Invalid."""
    plan = plan_of(strategy, settings, candidates)
    chosen = plan.settings.get("analysis")
    if not chosen:
        return plan
    analysis = AnalysisSettings.from_json(chosen)
    pairs = any(step.mirrors for step in plan.steps)
    if any(one.kind == DISAGREEMENT for one in analysis.criteria) and not pairs:
        title = strategies.get(strategy).title
        needed = "only with copies of requests, as in a shadow"
        raise Invalid(
            f"{title} cannot compare answers pair by pair: {needed}.",
            fields={"params.analysis": needed},
        )
    return plan


def check_settings(
    session: Session, name: str, candidates: Sequence[VersionInfo], plan: RolloutPlan
) -> None:
    """Raise Refused for a candidate that callers must not get.

    It does not stand in the deployment's stage, or would refuse the requests they send today.
    """
    if plan.answers:
        for version in candidates:
            stage_rules.require_in_stage(session, name, version)
    if not any(step.analysis for step in plan.steps):
        return  # such as a direct rollout: callers change with the version, as they do today
    deployment = commands.require(session, name)
    stable = commands.signature_of(session, name, deployment.model, deployment.version)
    for version in candidates:
        reason = _mismatch(stable, version.signature)
        if reason:
            raise Refused(
                f"{version.ref} cannot be tried beside version {deployment.version}: {reason}.",
                hint="Use the strategy direct, and change the callers with it.",
            )


def _mismatch(stable: Signature, candidate: Signature) -> str:
    """Why requests to one version cannot be answered by another one; empty when they can."""
    if stable.task != candidate.task:
        return f"it is of another task ({candidate.task}, not {stable.task})"
    types = {field.name: field.type for field in stable.inputs}
    added = [f.name for f in candidate.inputs if f.required and f.name not in types]
    changed = [f.name for f in candidate.inputs if types.get(f.name, f.type) != f.type]
    removed = [name for name in types if name not in candidate.names]
    for names, problem in (
        (added, "it needs columns that callers do not send"),
        (changed, "columns have another type"),
        (removed, "it does not take columns that callers send"),
    ):
        if names:
            return f"{problem}: {', '.join(names[:MAX_NAMES])}"
    return ""


def preview(
    store: Store,
    name: str,
    versions: Sequence[int],
    strategy: str,
    settings: Mapping[str, Any],
    *,
    traffic: bool = False,
) -> RolloutPreview:
    """The steps of a rollout, and every reason against it. Raises NotFound without the deployment
    or the strategy. With `traffic` the log of the last hour is read too."""
    kind = strategies.get(strategy)
    with store.read() as session:
        deployment = commands.require(session, name)
    fields: dict[str, str] = {}
    refusals: list[str] = []
    plan: RolloutPlan | None = None
    try:
        plan = checked_plan(strategy, settings, len(versions))
    except PilothouseError as refused:
        refusals.append(str(refused))
        fields = dict(refused.fields) if isinstance(refused, Invalid) else {}
    refusals += _against_versions(store, name, deployment.model, versions, plan)
    stable = deployment.version
    needs = None
    if traffic and plan is not None:
        needs = rollout_traffic(store.folder, name, plan, len(versions), store.now())
    return RolloutPreview(
        strategy=strategy,
        strategy_title=kind.title,
        settings=dict(settings if plan is None else plan.settings),
        stable_version=stable,
        candidates=tuple(versions),
        steps=() if plan is None else step_infos(plan, stable, versions),
        replaces=plan is not None and plan.replaces,
        refusals=tuple(dict.fromkeys(refusals)),
        fields=fields,
        notes=_notes(plan, deployment.replicas, versions, stable),
        traffic=needs,
    )


def _against_versions(
    store: Store, name: str, model: str, versions: Sequence[int], plan: RolloutPlan | None
) -> list[str]:
    """Why the versions cannot be tried now."""
    refusals = []
    for version in versions:
        try:
            prepare_to_serve(store, model, version)
        except PilothouseError as refused:
            refusals.append(str(refused))
    if refusals:
        return refusals
    try:
        with store.read() as session:
            rollout_commands.check_start(session, name, versions)
            if plan is not None:
                infos = [
                    commands.require_servable(session, store, model, version)
                    for version in versions
                ]
                check_settings(session, name, infos, plan)
    except PilothouseError as refused:
        refusals.append(str(refused))
    return refusals


def _notes(
    plan: RolloutPlan | None, replicas: int, versions: Sequence[int], stable: int
) -> tuple[str, ...]:
    if plan is None:
        return ()
    added = replicas * len(versions)
    processes = "1 more process runs" if added == 1 else f"{added} more processes run"
    notes = [f"{processes} until the rollout ends."]
    seconds = sum(step.seconds for step in plan.steps)
    if seconds:
        notes.append(f"It takes at least {duration(seconds)}.")
    if any(step.analysis for step in plan.steps):
        notes.append(
            "Where the figures prove neither that the candidate is good nor that it is bad, the "
            "rollout is held and a person is told."
        )
    if any(step.approval for step in plan.steps):
        notes.append("It waits for a person before it ends.")
    if not plan.replaces:
        notes.append(f"Version {stable} stays, whatever is found.")
    return tuple(notes)
