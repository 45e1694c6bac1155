"""What a rollout does next: a pure function of where it stands and of what is known.

It is asked again and again; what it says depends on the present only, so that a worker that was
killed continues where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pilothouse.deployments.rollouts.rollout_states import APPROVAL, INCONCLUSIVE, PERSON
from pilothouse.deployments.strategies import RolloutStep

Action = Literal[
    "wait", "smoke_test", "begin_step", "compare", "next_step", "hold", "roll_back", "finish"
]


@dataclass(frozen=True)
class RolloutPosition:
    """Where a rollout stands: its current step, since when, and why it is held, if it is."""

    step: RolloutStep
    is_last: bool
    step_started_at: datetime | None = None
    hold: str = ""
    candidates: int = 1


@dataclass(frozen=True)
class AnalysisFact:
    """The newest smoke test or comparison of the current step."""

    at: datetime
    outcome: str
    message: str


@dataclass(frozen=True)
class RolloutFacts:
    """What is known of the candidates: `fault` is why they may not get requests any longer.

    `unready_seconds` is how long one of them has had no ready process, 0 when all are ready.
    """

    now: datetime
    fault: str = ""
    unready_seconds: float = 0.0
    start_seconds: float = 300.0
    interval: timedelta = timedelta(seconds=60)
    smoke_test: AnalysisFact | None = None
    comparison: AnalysisFact | None = None
    compared_at: datetime | None = None


@dataclass(frozen=True)
class RolloutDecision:
    """The next action and why, for people; `hold` says what a held rollout waits for."""

    action: Action
    message: str = ""
    hold: str = ""


def decide(position: RolloutPosition, facts: RolloutFacts) -> RolloutDecision:
    """The next action of a rollout."""
    if facts.fault:
        return RolloutDecision("roll_back", facts.fault)
    if facts.comparison is not None and facts.comparison.outcome == "failed":
        return RolloutDecision("roll_back", facts.comparison.message)
    if facts.unready_seconds > facts.start_seconds:
        limit = f"{facts.start_seconds:g} s"
        return RolloutDecision("roll_back", f"the candidate was not ready within {limit}")
    if facts.unready_seconds > 0:
        return RolloutDecision("wait", "waiting until the candidate is ready")
    if position.step.smoke_test and (facts.smoke_test is None):
        return RolloutDecision("smoke_test", "the candidate answers the input example")
    if position.step.smoke_test and facts.smoke_test and facts.smoke_test.outcome == "failed":
        return RolloutDecision("roll_back", facts.smoke_test.message)

    began = position.step_started_at
    if began is None or facts.now < began:  # or the clock was set back: the step begins again
        return RolloutDecision("begin_step", position.step.title)
    return _within_step(position, facts, began)


def _within_step(
    position: RolloutPosition, facts: RolloutFacts, began: datetime
) -> RolloutDecision:
    """The decision in a step that has begun, with candidates that are ready."""
    step, end = position.step, began + timedelta(seconds=position.step.seconds)
    if step.analysis and _is_comparison_due(facts, began, end):
        return RolloutDecision("compare")
    if position.hold == PERSON:
        return RolloutDecision("wait")
    if facts.now < end:
        return RolloutDecision("wait", f"{step.title} until the step is over")
    if step.analysis and (facts.comparison is None or facts.comparison.at < end):
        return RolloutDecision("wait")  # for the comparison that was asked for above

    if step.analysis and facts.comparison and facts.comparison.outcome != "passed":
        if position.hold == APPROVAL:
            return RolloutDecision("wait")
        return RolloutDecision("hold", facts.comparison.message, INCONCLUSIVE)
    if step.approval:
        awaited = "a person chooses the version" if position.candidates > 1 else "a person decides"
        return RolloutDecision("hold", f"{step.title} is over: {awaited}", APPROVAL)
    return RolloutDecision("finish" if position.is_last else "next_step")


def _is_comparison_due(facts: RolloutFacts, began: datetime, end: datetime) -> bool:
    """At each interval, and when the step is over: what was known before does not end it."""
    last = facts.compared_at
    if last is None or last > facts.now:
        return facts.now - began >= min(facts.interval, end - began)
    return facts.now - last >= facts.interval or last < end <= facts.now
