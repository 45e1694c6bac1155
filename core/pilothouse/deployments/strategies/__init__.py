"""Strategies of a rollout: which share of the requests a candidate gets, step by step.

A strategy is a pure plan: from checked settings to steps. The worker follows the steps; it waits
for the candidate, looks at its errors and compares it with the stable version in every one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pilothouse.deployments.traffic_split import BUCKETS, TrafficSplit
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params, read_params
from pilothouse.kit.plugins import Plugins

MAX_SECONDS = 30 * 86_400
MAX_STEPS = 20

START_SECONDS = Parameter(
    "start_seconds", "integer", 300, 10, 3_600, unit="s", title="Time to start",
    help="Rolled back when the candidate is not ready by then.",
)  # fmt: skip
GUARDS = (
    Parameter(
        "max_error_percent", "number", 20, 0.1, 100, unit="%", title="Errors that end it at once",
        help="Rolled back without waiting for an analysis when certainly more of the candidate's "
        "requests of the last minute fail, from five failed ones on.",
    ),
    Parameter(
        "max_memory_mb", "integer", None, 16, 1 << 20, unit="MB", title="Memory of a process",
        help="Rolled back at once when a process of the candidate takes more; empty for no limit.",
    ),
)  # fmt: skip
ANALYSIS = (
    Parameter(
        "interval_seconds", "integer", 60, 1, 86_400, unit="s", title="Compare every",
        help="How often the candidate is compared with the stable version.",
    ),
    Parameter(
        "analysis", "object", {}, title="Analysis",
        help="What is compared, with which limits; empty for the defaults.",
    ),
)  # fmt: skip
COMPARED = (*ANALYSIS, *GUARDS, START_SECONDS)  # of every strategy that compares versions
SMOKE_TEST = Parameter(
    "smoke_test", "boolean", True, title="Smoke test",
    help="The candidate answers the model's input example before it gets a request.",
)  # fmt: skip


@dataclass(frozen=True)
class RolloutStep:
    """One step: the candidates' shares of the requests, and what must hold before the next step.

    `weights` and `mirrors` are basis points, one for each candidate in their order; the stable
    version answers the rest. With `previews` a request that names a candidate reaches it. A step
    with `approval` waits for a person once its `seconds` are over.
    """

    title: str
    weights: tuple[int, ...]
    mirrors: tuple[int, ...] = ()
    previews: bool = False
    seconds: int = 0
    analysis: bool = False
    approval: bool = False
    smoke_test: bool = False

    def traffic(self, salt: str, stable: int, candidates: Sequence[int]) -> TrafficSplit:
        """The split of requests during the step."""
        shares = tuple(zip(candidates, self.weights, strict=True))
        mirrors = zip(candidates, self.mirrors, strict=False)
        return TrafficSplit(
            salt=salt,
            weights=(*shares, (stable, BUCKETS - sum(self.weights))),
            mirrors=tuple((version, share) for version, share in mirrors if share),
            previews=tuple(candidates) if self.previews else (),
        )


class Strategy(Protocol):
    """A way to replace a version. Forms, the docs and the command line are made from it."""

    @property
    def title(self) -> str:
        """Its name for people: "Canary"."""
        ...

    @property
    def description(self) -> str:
        """What it does, in a sentence or two."""
        ...

    @property
    def max_candidates(self) -> int:
        """How many versions it can try at once."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What people may set; each has a default, and no other setting is accepted."""
        ...

    def steps(self, settings: Params, candidates: int) -> tuple[RolloutStep, ...]:
        """The steps for so many candidates: a pure function of checked settings.

        Raises Invalid for settings that contradict each other.
        """
        ...

    def replaces(self, settings: Params) -> bool:
        """Whether the candidate becomes the deployment's version after the last step."""
        ...


strategies: Plugins[Strategy] = Plugins(__name__, "rollout strategy")


@dataclass(frozen=True)
class RolloutPlan:
    """A strategy with checked settings, for some number of candidates."""

    strategy: str
    settings: Params
    steps: tuple[RolloutStep, ...]
    replaces: bool

    @property
    def answers(self) -> bool:
        """Whether a candidate ever answers a caller; one that only gets copies does not."""
        return self.replaces or any(any(step.weights) or step.previews for step in self.steps)

    @property
    def compared_steps(self) -> int:
        """How many of its steps compare the versions."""
        return sum(step.analysis for step in self.steps)


def plan_of(strategy: str, settings: Mapping[str, Any], candidates: int = 1) -> RolloutPlan:
    """The plan of a strategy.

    Raises NotFound for an unknown strategy; Invalid for a setting that it does not have or cannot
    honour, and for more candidates than it can try.
    """
    kind = strategies.get(strategy)
    if not 1 <= candidates <= kind.max_candidates:
        allowed = "one version" if kind.max_candidates == 1 else f"1 to {kind.max_candidates}"
        raise Invalid(
            f"{kind.title} tries {allowed}; {candidates} were given.", fields={"versions": allowed}
        )
    checked = read_params(strategy, kind.parameters, settings)
    steps = kind.steps(checked, candidates)
    return RolloutPlan(strategy, checked, steps, kind.replaces(checked))


def basis_points(percent: object, name: str) -> int:
    """A share in percent as basis points. Raises Invalid unless it is above 0 and at most 100."""
    is_number = isinstance(percent, int | float) and not isinstance(percent, bool)
    if not is_number or not 0.01 <= float(percent) <= 100:  # type: ignore[arg-type]
        needed = "a percentage from 0.01 to 100"
        raise Invalid(f"{name} must hold {needed}.", fields={f"params.{name}": needed})
    return round(float(percent) * 100)  # type: ignore[arg-type]
