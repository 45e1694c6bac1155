"""Gates before a stage: each is a pure function from Evidence to a Verdict, with its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins

if TYPE_CHECKING:
    from pilothouse.registry.evidence import Evidence, MeasurementFact

Outcome = Literal["passed", "failed", "inconclusive"]
UNMEASURED = "not measured yet: measure the version"
CHAMPION_DIFFERENCE = "champion_difference"  # the measurement that compares with the champion


@dataclass(frozen=True)
class Verdict:
    """What a gate says: the figure it looked at, the limit it compared it with, and why."""

    gate: str
    outcome: Outcome
    figure: float | None
    limit: float | None
    message: str

    @property
    def passed(self) -> bool:
        """Whether the gate lets the version through."""
        return self.outcome == "passed"

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        """A stored verdict; before revision 0012 its message was stored as `words`."""
        stored = dict(value)
        if "words" in stored:
            stored["message"] = stored.pop("words")
        return cls(**stored)


def foreign_metric(gate: str, evidence: Evidence, metric: str) -> Verdict | None:
    """The verdict on a metric that does not belong to the candidate's kind of model, or None."""
    if not evidence.is_foreign(metric) or evidence.task is None:
        return None
    own = evidence.task.primary
    message = (
        f"{metric_kind(metric).title} does not belong to a model of the kind {evidence.task.title}"
    )
    if own:
        message += f"; {evidence.kind(own).title} does: leave the gate's metric empty"
    return Verdict(gate, "inconclusive", None, None, message)


@dataclass(frozen=True)
class Need:
    """A measurement that a gate asks for: its kind and the parameters that it is made with."""

    kind: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Uses:
    """Which measurement a gate judges, and those of the gate's parameters that it is made with.

    One that is `against_champion` is made anew for each champion. One `of_training` repeats the
    training of the version, which is known only where Pilothouse's trainers made it.
    """

    kind: str
    names: tuple[str, ...] = ()
    against_champion: bool = False
    of_training: bool = False

    def need(self, params: Mapping[str, Any], champion: str = "") -> Need | None:
        """The measurement of a rule; None when there is no champion to measure against."""
        if not self.against_champion:
            return Need(self.kind, {name: params[name] for name in self.names})
        return Need(self.kind, {"champion": champion}) if champion else None

    def find(self, gate: str, evidence: Evidence, params: Params) -> MeasurementFact | Verdict:
        """What was measured; without it the inconclusive verdict that says how to get it."""
        champion = evidence.champion.version if evidence.champion else ""
        need = self.need(params, champion)
        fact = None if need is None else evidence.measured(need.kind, need.params)
        if fact is not None and not fact.message:
            return fact
        message = UNMEASURED if fact is None else fact.message
        return Verdict(gate, "inconclusive", None, None, message)


def at_most(gate: str, figure: float, limit: float, message: str) -> Verdict:
    """Passed when the figure does not exceed the limit."""
    return Verdict(gate, "passed" if figure <= limit else "failed", figure, limit, message)


class Gate(Protocol):
    """Judges a promotion. Forms, tables and the docs are made from what it says of itself.

    One that judges a measurement has the attribute `uses`, a `Uses`.
    """

    @property
    def title(self) -> str:
        """Its name for people, as a condition: "Not worse than the champion"."""
        ...

    @property
    def description(self) -> str:
        """When it lets a version through, in a sentence or two."""
        ...

    @property
    def unit(self) -> str:
        """The unit of a verdict's figure and limit; "" when it is that of a metric or none."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What people may set; each has a default."""
        ...

    def evaluate(self, evidence: Evidence, params: Params) -> Verdict:
        """The verdict: a pure function of the evidence and of checked parameters."""
        ...


METRIC = Parameter(
    "metric", "text", "", help="The metric that is compared; empty for the model's primary one."
)
gates: Plugins[Gate] = Plugins(__name__, "gate")
