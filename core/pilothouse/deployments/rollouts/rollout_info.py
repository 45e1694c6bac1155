"""What the API says of rollouts: frozen values, no live rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pilothouse.deployments.rollouts.rollout_states import ACTIVE, SUCCEEDED
from pilothouse.deployments.rollouts.rollout_traffic import RolloutTraffic
from pilothouse.deployments.strategies import RolloutPlan, plan_of, strategies
from pilothouse.deployments.tables import Deployment, Replica, Rollout, RolloutAnalysis
from pilothouse.deployments.traffic_split import TrafficSplit

PERCENT = 100  # basis points


@dataclass(frozen=True)
class VariantShare:
    """One version of a rollout: its role, its share of the requests, how many processes are ready.

    `copies` is the percentage of the requests that is copied to it; `preview` says whether a
    request that names it reaches it.
    """

    version: int
    role: str
    percent: float
    copies: float = 0.0
    preview: bool = False
    ready: int = 0


@dataclass(frozen=True)
class RolloutStepInfo:
    """One step of a rollout, with the shares of every version; state: done, current or waiting."""

    number: int
    title: str
    state: str
    shares: tuple[VariantShare, ...]
    seconds: int
    analysis: bool
    approval: bool
    smoke_test: bool


@dataclass(frozen=True)
class RolloutAnalysisInfo:
    """What was found at one time: a `smoke_test` or a `comparison`.

    `verdicts` has one entry for each candidate: its version, outcome, message and the results of
    the criteria, each with its figures, interval and limit.
    """

    step: int
    kind: str
    at: datetime
    outcome: str
    message: str
    verdicts: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class RolloutInfo:
    """A rollout: what it tries, where it stands and why, and what was found, newest first.

    State: running, held, succeeded, rolled_back or cancelled. `hold` says why it is held:
    inconclusive, approval or person. `shares` are those of now, empty once it has ended.
    """

    id: str
    deployment: str
    strategy: str
    strategy_title: str
    settings: Mapping[str, Any]
    model: str
    stable_version: int
    candidates: tuple[int, ...]
    chosen_version: int | None
    state: str
    hold: str
    message: str
    step: int
    steps: tuple[RolloutStepInfo, ...]
    step_started_at: datetime | None
    step_ends_at: datetime | None
    shares: tuple[VariantShare, ...]
    replaces: bool
    reason: str
    by: str
    started_at: datetime
    ended_at: datetime | None
    analyses: tuple[RolloutAnalysisInfo, ...]

    @property
    def is_active(self) -> bool:
        """Whether it is running or held."""
        return self.state in ACTIVE

    @property
    def needs_several(self) -> bool:
        """Whether a person has to name the version that stays, as it tries several."""
        return len(self.candidates) > 1


@dataclass(frozen=True)
class RolloutPreview:
    """What a rollout would do: its steps; `refusals` say why it cannot start, `notes` what to know.

    `fields` maps settings that are refused to what is needed. `traffic` is how many requests the
    verdicts need, where that was asked for.
    """

    strategy: str
    strategy_title: str
    settings: Mapping[str, Any]
    stable_version: int
    candidates: tuple[int, ...]
    steps: tuple[RolloutStepInfo, ...]
    replaces: bool
    refusals: tuple[str, ...]
    fields: Mapping[str, str]
    notes: tuple[str, ...]
    traffic: RolloutTraffic | None = None

    @property
    def can_start(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.refusals


def rollout_info(
    rollout: Rollout,
    deployment: Deployment,
    replicas: Sequence[Replica],
    analyses: Sequence[RolloutAnalysis],
) -> RolloutInfo:
    """The values of one rollout; `analyses` must be sorted newest first."""
    plan = plan_of(rollout.strategy, rollout.settings, len(rollout.candidates))
    step, began = plan.steps[rollout.step], rollout.step_started_at
    active = rollout.state in ACTIVE
    split = None
    if active and deployment.traffic is not None:
        split = TrafficSplit.from_json(deployment.traffic)
    return RolloutInfo(
        id=rollout.id,
        deployment=rollout.deployment,
        strategy=rollout.strategy,
        strategy_title=strategies.get(rollout.strategy).title,
        settings=dict(plan.settings),
        model=rollout.model,
        stable_version=rollout.stable_version,
        candidates=tuple(rollout.candidates),
        chosen_version=rollout.chosen_version,
        state=rollout.state,
        hold=rollout.hold,
        message=rollout.message,
        step=rollout.step + 1,
        steps=step_infos(plan, rollout.stable_version, rollout.candidates, rollout),
        step_started_at=began,
        step_ends_at=began + timedelta(seconds=step.seconds) if began and active else None,
        shares=() if split is None else shares_of(split, replicas),
        replaces=plan.replaces,
        reason=rollout.reason,
        by=rollout.by,
        started_at=rollout.started_at,
        ended_at=rollout.ended_at,
        analyses=tuple(map(analysis_info, analyses)),
    )


def step_infos(
    plan: RolloutPlan, stable: int, candidates: Sequence[int], rollout: Rollout | None = None
) -> tuple[RolloutStepInfo, ...]:
    """The steps of a plan, as far as a rollout has come."""
    return tuple(
        RolloutStepInfo(
            number=index + 1,
            title=step.title,
            state=_state_of(index, rollout),
            shares=shares_of(step.traffic("", stable, candidates)),
            seconds=step.seconds,
            analysis=step.analysis,
            approval=step.approval,
            smoke_test=step.smoke_test,
        )
        for index, step in enumerate(plan.steps)
    )


def _state_of(index: int, rollout: Rollout | None) -> str:
    if rollout is None or index > rollout.step:
        return "waiting"
    return "done" if index < rollout.step or rollout.state == SUCCEEDED else "current"


def shares_of(split: TrafficSplit, replicas: Sequence[Replica] = ()) -> tuple[VariantShare, ...]:
    """Every version of a split, the stable one first."""
    copies = dict(split.mirrors)
    return tuple(
        VariantShare(
            version=version,
            role=split.role(version),
            percent=weight / PERCENT,
            copies=copies.get(version, 0) / PERCENT,
            preview=version in split.previews,
            ready=sum(r.state == "ready" and r.version == version for r in replicas),
        )
        for version, weight in (split.weights[-1], *split.weights[:-1])
    )


def analysis_info(row: RolloutAnalysis) -> RolloutAnalysisInfo:
    """The values of one analysis."""
    return RolloutAnalysisInfo(
        step=row.step + 1,
        kind=row.kind,
        at=row.at,
        outcome=row.outcome,
        message=message_of(row.outcome, row.verdicts),
        verdicts=tuple(row.verdicts),
    )


def message_of(outcome: str, verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Why an analysis ended as it did: the messages of the candidates that decided it."""
    decisive = [verdict for verdict in verdicts if verdict["outcome"] == outcome]
    if len(verdicts) == 1:
        return str(verdicts[0]["message"])
    return "; ".join(f"version {verdict['version']}: {verdict['message']}" for verdict in decisive)
