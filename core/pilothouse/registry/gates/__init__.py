"""Gates before a stage: each is a pure function from Evidence to a Verdict, with its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins

if TYPE_CHECKING:
    from pilothouse.registry.evidence import Evidence

Outcome = Literal["passed", "failed", "inconclusive"]


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


class Gate(Protocol):
    """Judges a promotion. Forms, tables and the docs are made from what it says of itself."""

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
