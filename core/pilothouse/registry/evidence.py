"""Evidence for gates: values of the candidate, the champion and the data, with a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pilothouse.experiments.metrics.kinds import Direction, MetricKind, metric_kind
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import MetricGoal, TaskMetric, task_of

PRIMARY = ("", "primary")  # how a rule names the metric that decides, whichever that is


@dataclass(frozen=True)
class Side:
    """One version and how good it was; `held_out` names the rows that this was measured on."""

    version: str
    digest: str
    metrics: Mapping[str, float]
    run: str = ""
    dataset: str = ""
    held_out: str = ""


@dataclass(frozen=True)
class ContractFact:
    """The schema contract of the candidate's data, and the inputs that it does not cover."""

    dataset: str
    columns: tuple[str, ...]
    uncovered: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialFact:
    """Whether a model process loaded the candidate and predicted its example; if not, why."""

    message: str

    @property
    def answered(self) -> bool:
        """Whether it did."""
        return not self.message


@dataclass(frozen=True)
class CardFact:
    """How complete the candidate's model card is: `missing` names the required parts without text.

    `carried_from` is the former version whose texts it has, None when they were saved for this
    one; `revision` and `digest` say which texts they are.
    """

    filled: int
    total: int
    missing: tuple[str, ...] = ()
    carried_from: int | None = None
    revision: int = 0
    digest: str = ""


@dataclass(frozen=True)
class MeasurementFact:
    """What a measurement of the candidate found: its `figures`, on the rows that `rows` names.

    `message` says why nothing could be measured, and is empty otherwise. `digest` is that of the
    rows.
    """

    kind: str
    params: Mapping[str, Any]
    figures: Mapping[str, Any]
    rows: str = ""
    message: str = ""
    digest: str = ""


@dataclass(frozen=True)
class ArtifactFact:
    """The candidate's files: their size, what loading them runs, and why they may not be loaded.

    The size is None and the badge empty where they are not known; `refused` is empty for files that
    may be loaded.
    """

    bytes: int | None = None
    badge: str = ""
    refused: str = ""


@dataclass(frozen=True)
class AgeFact:
    """Days since the newest row of the training's data and since the newest measurement of it.

    None where that is not known.
    """

    data_days: float | None = None
    evaluation_days: float | None = None


@dataclass(frozen=True)
class TaskFacts:
    """What the candidate's kind of model is measured by: its metrics, the primary one first.

    `goal` is what is asked of a version by default; `unit` is that of the target. Of a version
    that is not `described` nobody can say what kind it is.
    """

    title: str
    metrics: tuple[TaskMetric, ...] = ()
    goal: MetricGoal | None = None
    unit: str = ""
    described: bool = True

    @classmethod
    def of(cls, signature: Signature) -> TaskFacts:
        """The facts of a signature's task. Raises NotFound when its plugin is not installed."""
        task = task_of(signature)
        metrics, goal = tuple(task.metrics), task.goal(signature)
        return cls(task.title, metrics, goal, signature.unit, signature.is_described)

    @property
    def primary(self) -> str:
        """The key of the metric that decides; "" when there is none."""
        return self.metrics[0].key if self.metrics else ""

    def metric(self, key: str) -> TaskMetric | None:
        """The task's metric of that key."""
        return next((metric for metric in self.metrics if metric.key == key), None)


@dataclass(frozen=True)
class ChampionComparison:
    """Metrics of a candidate and of one other version, computed on the same rows.

    `against` is the other's ref ("late@1"), `rows` says which rows they are. `interval` is that of
    the difference of the metric that decides: `metric`, `delta` (candidate less champion), `low`,
    `high`, `method`, the sample size `n` in `unit`, and a `note`; None where there is none.
    """

    against: str
    candidate: Mapping[str, float]
    champion: Mapping[str, float]
    rows: str
    interval: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ChampionComparison:
        """A comparison from plain values. Raises Invalid when a part is missing."""
        try:
            return cls(
                against=str(value["against"]),
                candidate=dict(value["candidate"]),
                champion=dict(value["champion"]),
                rows=str(value["rows"]),
                interval=value.get("interval"),
            )
        except KeyError as missing:
            raise Invalid(f"the comparison has no {missing.args[0]!r}.") from missing


@dataclass(frozen=True)
class Evidence:
    """Everything a gate may look at. Gates are pure functions of it.

    `task` is that of the candidate. `incomparable` says why the champion's metrics mean something
    else than the candidate's; it is empty when they can be compared. `measurements` are those that
    the gates before the stage need. `candidates` counts the runs that were measured on the rows
    that the candidate held out.
    """

    model: str
    version: int
    stage: str
    candidate: Side
    champion: Side | None = None
    contract: ContractFact | None = None
    comparison: ChampionComparison | None = None
    inputs: tuple[str, ...] = field(default=())
    directions: Mapping[str, Direction] = field(default_factory=dict)
    trial: TrialFact | None = None
    task: TaskFacts | None = None
    incomparable: str = ""
    card: CardFact | None = None
    measurements: tuple[MeasurementFact, ...] = ()
    artifact: ArtifactFact | None = None
    age: AgeFact | None = None
    candidates: int = 1

    def measured(self, kind: str, params: Mapping[str, Any]) -> MeasurementFact | None:
        """The measurement of that kind with these parameters; None without one."""
        made = (fact for fact in self.measurements if fact.kind == kind)
        return next((fact for fact in made if dict(fact.params) == dict(params)), None)

    def tolerance(self, metric: str) -> float | None:
        """How much worse than the reference monitoring lets a metric be; None without a limit."""
        own = self.task.metric(metric) if self.task else None
        return None if own is None else own.tolerance

    def in_unit(self, metric: str, tolerance: float, reference: float) -> float:
        """A tolerance in the metric's own unit: of some metrics it is a share of the reference."""
        own = self.task.metric(metric) if self.task else None
        return tolerance * abs(reference) if own is not None and own.relative else tolerance

    def loss(self, metric: str, value: float, reference: float) -> float | None:
        """How much worse a value is than a reference; None when no direction is better."""
        sign = {"higher": 1, "lower": -1}.get(self.kind(metric).direction)
        return None if sign is None else sign * (reference - value)

    def kind(self, metric: str) -> MetricKind:
        """The kind of a metric: the task's, with the direction that people set in `directions`."""
        kind = metric_kind(metric)
        own = self.task.metric(metric) if self.task else None
        if own is not None and self.task is not None:
            unit = self.task.unit if own.in_target_unit else ""
            kind = MetricKind(metric, own.title, own.direction, own.format, unit)
        return replace(kind, direction=self.directions.get(metric, kind.direction))

    def resolve(self, metric: str) -> str:
        """The metric that a rule means: the task's primary one unless it names another."""
        return (self.task.primary if self.task else "") if metric in PRIMARY else metric

    def is_foreign(self, metric: str) -> bool:
        """Whether a metric belongs to another kind of model, and was not measured here either."""
        if self.task is None or self.task.metric(metric) is not None:
            return False
        return metric not in self.candidate.metrics and self.metric_values(metric)[0] is None

    @property
    def same_rows(self) -> bool:
        """Whether candidate and champion were measured on the same rows."""
        if self.comparison is not None:
            return True
        rows = self.candidate.held_out
        return self.champion is not None and rows != "" and rows == self.champion.held_out

    def metric_values(self, metric: str) -> tuple[float | None, float | None]:
        """A metric of candidate and champion, on the same rows when that was measured."""
        if self.comparison is not None:
            return self.comparison.candidate.get(metric), self.comparison.champion.get(metric)
        champion = None if self.champion is None else self.champion.metrics.get(metric)
        return self.candidate.metrics.get(metric), champion

    def to_json(self) -> dict[str, Any]:
        """Plain values, in the form that is stored and hashed."""
        value: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return value


def evidence_hash(evidence: Mapping[str, Any]) -> str:
    """SHA-256 in hex of the evidence's canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(evidence, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
