"""The part of the worker that moves rollouts on: it looks at the facts, decides, and acts.

All that a rollout needs is in the database, so that another worker continues it. An action is
written in one transaction, and only if nobody has changed the rollout since it was read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity.actors import CONTROLLER
from pilothouse.deployments import commands
from pilothouse.deployments.prediction_log.log import journal_folder
from pilothouse.deployments.replica_states import CRASH_LOOP, FAILED, READY, is_looping
from pilothouse.deployments.rollouts import rollout_commands
from pilothouse.deployments.rollouts.comparison_process import ComparisonProcesses
from pilothouse.deployments.rollouts.recent_requests import RecentRequests, error_burst
from pilothouse.deployments.rollouts.rollout_decision import (
    AnalysisFact,
    RolloutDecision,
    RolloutFacts,
    RolloutPosition,
    decide,
)
from pilothouse.deployments.rollouts.rollout_info import message_of
from pilothouse.deployments.rollouts.rollout_states import ACTIVE, COMPARISON, SMOKE_TEST
from pilothouse.deployments.rollouts.smoke_test import smoke_test
from pilothouse.deployments.tables import (
    Deployment,
    Replica,
    Rollout,
    RolloutAnalysis,
    RolloutCandidate,
)
from pilothouse.kit.clock import EPOCH
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.rollouts")
GUARD_CRASHES = 3  # right after the start, one after another
MEGABYTE = 2**20
Compare = Callable[[Store, str, datetime], dict[str, Any] | None]
SmokeTest = Callable[[RolloutCandidate, Replica], str]


@dataclass
class _Situation:
    """A rollout as it was read: its rows, and the newest analyses of its step."""

    rollout: Rollout
    deployment: Deployment
    replicas: list[Replica]
    candidates: list[RolloutCandidate]
    smoke_test: RolloutAnalysis | None
    comparison: RolloutAnalysis | None

    @property
    def mark(self) -> tuple[Any, ...]:
        """What nobody may have changed when an action is written."""
        row = self.rollout
        return row.state, row.hold, row.step, row.step_started_at, self.deployment.desired_state


@dataclass
class RolloutController:
    """Moves the rollouts of one workspace on; `tick` is called about twice a second.

    `compare` begins a comparison, or returns it once it is there; it does not wait.
    """

    store: Store
    compare: Compare | None = None
    smoke_test: SmokeTest = smoke_test
    monotonic: Callable[[], float] = time.monotonic
    _recent: dict[str, RecentRequests] = field(default_factory=dict)
    _unready_since: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = self.store.acting_as(CONTROLLER)
        self._processes = ComparisonProcesses()
        self._compare = self.compare or self._processes.compare

    def tick(self) -> None:
        """Take the next action of every rollout that is under way."""
        situations = self._read()
        active = {situation.rollout.id for situation in situations}
        for rollout_id in {*self._recent, *self._unready_since} - active:
            self._recent.pop(rollout_id, None)
            self._unready_since.pop(rollout_id, None)
        for situation in situations:
            position = _position(situation)
            decision = decide(position, self._facts(situation))
            self._act(situation, decision)

    def close(self) -> None:
        """End the child processes that compare."""
        self._processes.close()

    def _read(self) -> list[_Situation]:
        with self.store.read() as session:
            query = select(Rollout).where(col(Rollout.state).in_(ACTIVE))
            return [
                _Situation(
                    rollout=rollout,
                    deployment=commands.require(session, rollout.deployment),
                    replicas=list(commands.replicas_of(session, rollout.deployment)),
                    candidates=_candidates(session, rollout),
                    smoke_test=rollout_commands.newest_analysis(session, rollout, SMOKE_TEST),
                    comparison=rollout_commands.newest_analysis(session, rollout, COMPARISON),
                )
                for rollout in session.exec(query.order_by(Rollout.id)).all()
            ]

    def _facts(self, situation: _Situation) -> RolloutFacts:
        settings = rollout_commands.plan_of_rollout(situation.rollout).settings
        return RolloutFacts(
            now=self.store.now(),
            fault=self._fault(situation, settings),
            unready_seconds=self._unready_seconds(situation),
            start_seconds=settings.number("start_seconds"),
            interval=timedelta(seconds=settings.get("interval_seconds") or 60),
            smoke_test=_fact(situation.smoke_test),
            comparison=_fact(situation.comparison),
            compared_at=situation.rollout.analysed_at,
        )

    def _unready_seconds(self, situation: _Situation) -> float:
        """How long a candidate has had fewer ready processes than the step needs."""
        rollout, ready = situation.rollout, [r for r in situation.replicas if r.state == READY]
        needed = situation.deployment.replicas if rollout.step_started_at is None else 1
        if all(sum(r.version == v for r in ready) >= needed for v in rollout.candidates):
            self._unready_since.pop(rollout.id, None)
            return 0.0
        since = self._unready_since.setdefault(rollout.id, self.monotonic())
        return max(self.monotonic() - since, 1e-6)

    def _fault(self, situation: _Situation, settings: Any) -> str:
        """Why a candidate may get no more requests; empty while nothing speaks against it."""
        rollout = situation.rollout
        if situation.deployment.desired_state == "stopped":
            return "the deployment was stopped"
        for replica in situation.replicas:
            if replica.version in rollout.candidates:
                reason = _process_fault(replica, settings.get("max_memory_mb"))
                if reason:
                    return reason
        max_percent = settings.get("max_error_percent")
        if max_percent is None or rollout.step_started_at is None:
            return ""
        folder = journal_folder(self.store.folder, rollout.deployment)
        recent = self._recent.setdefault(rollout.id, RecentRequests(folder))
        counts = recent.counts((rollout.started_at - EPOCH) // timedelta(microseconds=1))
        bursts = (
            error_burst(counts, rollout.stable_version, version, float(max_percent))
            for version in rollout.candidates
        )
        return next(filter(None, bursts), "")

    def _act(self, situation: _Situation, decision: RolloutDecision) -> None:
        if decision.action == "smoke_test":
            self._run_smoke_test(situation)
        elif decision.action == "compare":
            self._run_comparison(situation)
        elif decision.action != "wait":
            ends = decision.action in ("roll_back", "finish")
            with self.store.write(durable=ends) as session:
                rollout = self._unchanged(session, situation)
                if rollout is not None:
                    self._write(session, rollout, decision, situation)

    def _write(
        self,
        session: Session,
        rollout: Rollout,
        decision: RolloutDecision,
        situation: _Situation,
    ) -> None:
        if decision.action == "roll_back":
            figures = _figures(situation.comparison)
            rollout_commands.roll_back(session, self.store, rollout, decision.message, figures)
            log.warning(
                "the rollout of %s is rolled back: %s", rollout.deployment, decision.message
            )
        elif decision.action == "begin_step":
            rollout_commands.begin_step(session, self.store, rollout)
        elif decision.action == "next_step":
            rollout_commands.next_step(session, self.store, rollout)
        elif decision.action == "hold":
            rollout_commands.hold_for(session, self.store, rollout, decision.hold, decision.message)
        elif decision.action == "finish":
            plan = rollout_commands.plan_of_rollout(rollout)
            rollout_commands.finish(session, self.store, rollout, plan)

    def _unchanged(self, session: Session, situation: _Situation) -> Rollout | None:
        """The rollout's row; None when somebody has changed it since it was read."""
        rollout = rollout_commands.require(session, situation.rollout.id)
        deployment = commands.require(session, rollout.deployment)
        now = (
            *(rollout.state, rollout.hold, rollout.step, rollout.step_started_at),
            deployment.desired_state,
        )
        return rollout if now == situation.mark else None

    def _run_smoke_test(self, situation: _Situation) -> None:
        verdicts: list[dict[str, Any]] = []
        for candidate in situation.candidates:
            ready = [
                replica
                for replica in situation.replicas
                if replica.version == candidate.version and replica.state == READY
            ]
            message = self.smoke_test(candidate, ready[0]) if ready else "no process is ready"
            verdicts.append(
                {
                    "version": candidate.version,
                    "outcome": "failed" if message else "passed",
                    "message": message or "it answers its example",
                    "results": [],
                }
            )
        outcome = "failed" if any(v["outcome"] == "failed" for v in verdicts) else "passed"
        self._store(situation, SMOKE_TEST, outcome, verdicts)

    def _run_comparison(self, situation: _Situation) -> None:
        comparison = self._compare(self.store, situation.rollout.id, self.store.now())
        if comparison is not None:
            outcome, verdicts = comparison["outcome"], comparison["verdicts"]
            self._store(situation, COMPARISON, outcome, verdicts)

    def _store(
        self, situation: _Situation, kind: str, outcome: str, verdicts: list[dict[str, Any]]
    ) -> None:
        with self.store.write() as session:
            rollout = self._unchanged(session, situation)
            if rollout is None:
                return
            traffic = commands.require(session, rollout.deployment).traffic or {}
            rollout_commands.add_analysis(
                session,
                RolloutAnalysis(
                    rollout=rollout.id,
                    step=rollout.step,
                    kind=kind,
                    at=self.store.now(),
                    traffic=traffic,
                    outcome=outcome,
                    verdicts=verdicts,
                ),
            )


def _candidates(session: Session, rollout: Rollout) -> list[RolloutCandidate]:
    query = select(RolloutCandidate).where(RolloutCandidate.rollout == rollout.id)
    return list(session.exec(query.order_by(col(RolloutCandidate.version))))


def _position(situation: _Situation) -> RolloutPosition:
    rollout = situation.rollout
    steps = rollout_commands.plan_of_rollout(rollout).steps
    return RolloutPosition(
        step=steps[rollout.step],
        is_last=rollout.step + 1 == len(steps),
        step_started_at=rollout.step_started_at,
        hold=rollout.hold,
        candidates=len(rollout.candidates),
    )


def _fact(row: RolloutAnalysis | None) -> AnalysisFact | None:
    if row is None:
        return None
    return AnalysisFact(row.at, row.outcome, message_of(row.outcome, row.verdicts))


def _process_fault(replica: Replica, max_memory_mb: int | None) -> str:
    """Why a process of a candidate ends a rollout at once."""
    crashes = replica.fast_crashes if replica.state in (FAILED, CRASH_LOOP) else 0
    if is_looping(replica) or crashes >= GUARD_CRASHES:
        return (
            f"version {replica.version} does not stay up: it ended {crashes} times right after "
            f"its start, the last time with {replica.last_exit}"
        )
    if max_memory_mb is not None and replica.rss_bytes > max_memory_mb * MEGABYTE:
        used = replica.rss_bytes // MEGABYTE
        return (
            f"a process of version {replica.version} takes {used:,} MB; "
            f"{max_memory_mb:,} MB are allowed"
        )
    return ""


def _figures(comparison: RolloutAnalysis | None) -> dict[str, Any]:
    """The figures of the newest comparison, for the log."""
    if comparison is None:
        return {}
    return {"figures": comparison.verdicts}
