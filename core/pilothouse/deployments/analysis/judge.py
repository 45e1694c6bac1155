"""The verdict of a rollout at one look: every criterion together.

The level is divided among the criteria that decide, the candidates and the steps that compare, so
that all of them together are wrong in at most that share of rollouts, however often they are looked
at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.criterion_result import CriterionResult, Outcome
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Params, read_params

LEVEL, MIN_REQUESTS = 0.05, 50


@dataclass(frozen=True)
class ChosenCriterion:
    """A criterion with its parameters. One on a dry run is shown and decides nothing; a rollout
    waits for a `required` one; `failure_limit` failures in a row are forgiven."""

    kind: str
    params: Params
    dry_run: bool = False
    required: bool = False
    failure_limit: int = 0

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ChosenCriterion:
        """Read and check what `to_json` wrote or a person gave.

        Raises NotFound for an unknown kind, Invalid for parameters it does not have.
        """
        if unknown := sorted(
            set(content) - {"kind", "params", "dry_run", "required", "failure_limit"}
        ):
            raise Invalid(f"a criterion has no {', '.join(map(repr, unknown))}.")
        criterion = criteria.get(str(content.get("kind", "")))
        forgiven = content.get("failure_limit", 0)
        if type(forgiven) is not int or not 0 <= forgiven <= 100:
            raise Invalid("failure_limit must be a whole number from 0 to 100.")
        return cls(
            kind=str(content["kind"]),
            params=read_params(criterion.title, criterion.parameters, content.get("params") or {}),
            dry_run=bool(content.get("dry_run", False)),
            required=bool(content.get("required", criterion.required)),
            failure_limit=forgiven,
        )

    def to_json(self) -> dict[str, Any]:
        """The criterion as JSON values."""
        return {
            "kind": self.kind,
            "params": dict(self.params),
            "dry_run": self.dry_run,
            "required": self.required,
            "failure_limit": self.failure_limit,
        }


@dataclass(frozen=True)
class AnalysisSettings:
    """What a rollout is judged by. `min_requests` are needed of each variant before any verdict."""

    criteria: tuple[ChosenCriterion, ...]
    min_requests: int = MIN_REQUESTS
    level: float = LEVEL

    @classmethod
    def default(cls, kinds: Sequence[str] | None = None) -> AnalysisSettings:
        """Every criterion, or those of some kinds, with its own defaults."""
        names = criteria.names() if kinds is None else kinds
        return cls(tuple(ChosenCriterion.from_json({"kind": name}) for name in names))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> AnalysisSettings:
        """Read and check settings. Raises Invalid with what is allowed."""
        if unknown := sorted(set(content) - {"criteria", "min_requests", "level"}):
            raise Invalid(f"an analysis has no setting {', '.join(map(repr, unknown))}.")
        if "criteria" not in content:
            chosen = cls.default().criteria
        else:
            chosen = tuple(map(ChosenCriterion.from_json, content["criteria"]))
        kinds = [one.kind for one in chosen if not one.dry_run]
        if not kinds:
            raise Invalid("an analysis needs a criterion that is not on a dry run.")
        requests, level = content.get("min_requests", MIN_REQUESTS), content.get("level", LEVEL)
        if type(requests) is not int or not 1 <= requests <= 1_000_000:
            raise Invalid("min_requests must be a whole number from 1 to 1,000,000.")
        if type(level) is not float or not 0.0001 <= level <= 0.2:
            raise Invalid("level must be a number from 0.0001 to 0.2.")
        return cls(chosen, requests, level)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return {
            "criteria": [one.to_json() for one in self.criteria],
            "min_requests": self.min_requests,
            "level": self.level,
        }


@dataclass(frozen=True)
class RolloutVerdict:
    """One look at a rollout: the outcome, why, and the result of each criterion."""

    outcome: Outcome
    message: str
    results: tuple[CriterionResult, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return {
            "outcome": self.outcome,
            "message": self.message,
            "results": [one.to_json() for one in self.results],
        }


def judge_rollout(
    settings: AnalysisSettings,
    stable: VariantSample,
    candidate: VariantSample,
    *,
    candidates: int = 1,
    steps: int = 1,
    failures_before: Mapping[str, int] | None = None,
) -> RolloutVerdict:
    """Compare a candidate with the stable version on requests of the same time.

    `candidates` and `steps` divide the level among the candidates of one rollout and its steps that
    compare. `failures_before` says how often in a row each criterion has failed at the looks before
    this one.
    """
    level = criterion_level(settings, candidates, steps)
    results = tuple(_compare(one, stable, candidate, level) for one in settings.criteria)
    fewest = min(stable.requests, candidate.requests)
    if candidate.mirrored or not stable.requests:
        fewest = candidate.requests  # a shadow gets copies: nothing is taken from the stable one

    if failed := _failures(settings, results, failures_before or {}):
        title = criteria.get(failed.criterion).title
        return RolloutVerdict("failed", f"{title}: {failed.message}", results)
    if fewest < settings.min_requests:
        message = f"{fewest:,} requests so far; {settings.min_requests:,} of each version needed"
        return RolloutVerdict("inconclusive", message, results)
    open_results = [one for one in results if _is_open(one)]
    if open_results:
        titles = ", ".join(criteria.get(one.criterion).title for one in open_results)
        return RolloutVerdict("inconclusive", f"not decided yet: {titles}", results)
    return RolloutVerdict("passed", "within every limit", results)


def criterion_level(settings: AnalysisSettings, candidates: int, steps: int) -> float:
    """The level of one criterion, for one candidate in one step: all parts add up to the whole."""
    deciding = sum(not one.dry_run for one in settings.criteria)
    return settings.level / max(deciding, 1) / max(candidates, 1) / max(steps, 1)


def _compare(
    chosen: ChosenCriterion, stable: VariantSample, candidate: VariantSample, level: float
) -> CriterionResult:
    result = criteria.get(chosen.kind).compare(stable, candidate, chosen.params, level)
    return replace(result, required=chosen.required, dry_run=chosen.dry_run)


def _failures(
    settings: AnalysisSettings, results: Sequence[CriterionResult], before: Mapping[str, int]
) -> CriterionResult | None:
    """The first criterion that has failed more often in a row than is forgiven."""
    for chosen, result in zip(settings.criteria, results, strict=True):
        is_failure = result.outcome == "failed" and not result.dry_run
        if is_failure and before.get(chosen.kind, 0) >= chosen.failure_limit:
            return result
    return None


def _is_open(result: CriterionResult) -> bool:
    """Whether a rollout must wait for this result."""
    if result.dry_run or result.outcome == "passed":
        return False
    return result.required or (result.has_data and result.outcome == "failed")
