"""Whether the requests of today suffice for the verdicts of a rollout, told before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.judge import AnalysisSettings, criterion_level
from pilothouse.deployments.analysis.traffic_needed import MAX_REQUESTS, RequestShares
from pilothouse.deployments.analysis.variant_samples import FIRST_FAILED, FIRST_REFUSED
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.strategies import RolloutPlan, RolloutStep
from pilothouse.deployments.traffic_split import BUCKETS

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class StepTraffic:
    """What a compared step can expect: requests of the version that gets fewest, and what it needs.

    `wait_seconds` is how long the step lasts at this traffic when that is longer than it should.
    """

    number: int
    title: str
    seconds: int
    expected: int
    wait_seconds: int | None


@dataclass(frozen=True)
class RolloutTraffic:
    """The requests of the last hour, and how many of each version a verdict needs.

    `needed` is at least that many in every compared step, `because` what needs most of them.
    `open_criteria` are those whose number depends on the answers or the labels.
    """

    hourly: int
    needed: int
    because: str
    open_criteria: tuple[str, ...]
    steps: tuple[StepTraffic, ...]

    @property
    def messages(self) -> tuple[str, ...]:
        """The same in sentences, for people."""
        if self.needed >= MAX_REQUESTS:
            return (
                f"A verdict on “{self.because}” needs more than {MAX_REQUESTS:,} requests: its "
                "limit is too strict for what becomes of requests today.",
            )
        need = (
            f"Each compared step needs about {self.needed:,} requests of each version "
            f"({self.because}, when the candidate is as good)."
        )
        if not self.hourly:
            return (need, "No request came in the last hour: a verdict needs requests.")
        more = [f"How many “{title}” needs cannot be told." for title in self.open_criteria]
        return (need, *map(self._step, self.steps), *more)

    def _step(self, step: StepTraffic) -> str:
        text = (
            f"“{step.title}”: about {step.expected:,} requests of the version with the fewest in "
            f"{duration(step.seconds)} at the traffic of the last hour"
        )
        if step.wait_seconds is None:
            return f"{text}, which suffices."
        return f"{text}; it is held until there are enough, about {duration(step.wait_seconds)}."


def rollout_traffic(
    workspace: Path, deployment: str, plan: RolloutPlan, candidates: int, now: datetime
) -> RolloutTraffic | None:
    """What a plan needs and may expect; None for one that compares nothing."""
    compared = [(i, s) for i, s in enumerate(plan.steps, 1) if s.analysis]
    if not compared:
        return None
    frame = log.requests(workspace, deployment, now - HOUR, now)
    hourly, statuses = len(frame), frame["status"]
    today = RequestShares()
    if hourly:
        failed, not_answered = statuses >= FIRST_FAILED, statuses >= FIRST_REFUSED
        today = RequestShares(float(failed.mean()), float((not_answered & ~failed).mean()))
    settings = AnalysisSettings.from_json(plan.settings.get("analysis") or {})
    level = criterion_level(settings, candidates, len(compared))
    needed, because, open_criteria = _needed(settings, level, today)
    steps = tuple(_step(number, step, hourly, needed) for number, step in compared)
    return RolloutTraffic(hourly, needed, because, open_criteria, steps)


def _needed(
    settings: AnalysisSettings, level: float, today: RequestShares
) -> tuple[int, str, tuple[str, ...]]:
    """The largest need of a criterion that must be decided, and whose it is."""
    needed, because = settings.min_requests, "the fewest of any verdict"
    open_criteria: list[str] = []
    for chosen in settings.criteria:
        if chosen.dry_run or not chosen.required:
            continue
        criterion = criteria.get(chosen.kind)
        own = criterion.requests_needed(chosen.params, level, today)
        if own is None:
            open_criteria.append(criterion.title)
        elif own > needed:
            needed, because = own, criterion.title
    return needed, because, tuple(open_criteria)


def _step(number: int, step: RolloutStep, hourly: int, needed: int) -> StepTraffic:
    stable = BUCKETS - sum(step.weights)
    shares = step.mirrors or (*step.weights, *([stable] if stable else []))
    share = min(shares) / BUCKETS
    expected = round(hourly * share * step.seconds / HOUR.total_seconds())
    wait = None
    if expected < needed and hourly:
        wait = round(needed / (hourly * share) * HOUR.total_seconds())
    return StepTraffic(number, step.title, step.seconds, expected, wait)


def duration(seconds: int) -> str:
    """A span in the largest unit that fits."""
    for length, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
