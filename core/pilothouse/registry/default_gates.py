"""The gates of the built-in policy: what a version meets where no policy was made.

It has two editions. The basic one has a few gates that need no measurement, the same for every
version. The recommended one asks more before production, by the kind of model: each task brings the
gates that suit its answers, and gates that a version can never pass or fail are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import BringsGates, DefaultGate, task_of
from pilothouse.registry.gates import Uses, gates
from pilothouse.registry.policy import BUILT_IN, GateRule, Policy, PolicyInfo
from pilothouse.registry.tables import PRODUCTION, STAGING

BASIC, RECOMMENDED = "basic", "recommended"
EDITIONS = (RECOMMENDED, BASIC)
BASIC_GATES: Mapping[str, tuple[GateRule, ...]] = {  # other stages have those of staging
    STAGING: (GateRule("has_contract"),),
    PRODUCTION: (
        GateRule("metric_threshold"),
        GateRule("beats_champion", {"margin": 0.005}),
        GateRule("not_worse_beyond_chance"),
        GateRule("has_contract"),
    ),
}
OF_EVERY_MODEL = (
    GateRule("metric_threshold"),
    GateRule("has_contract"),
    GateRule("artifact_safety"),
    GateRule("latency", {"p95": 250.0}),
    GateRule("memory", {"limit": 2000.0}),
    GateRule("model_size"),
)
OF_METRICS = (GateRule("not_worse_beyond_chance"), GateRule("watched_metrics"))
OF_TRAINING = (GateRule("no_leakage", {"overlap": 0.2}),)  # equal rows are usual of few inputs
FROM_ELSEWHERE = "the training of a version from elsewhere is not known"


@dataclass(frozen=True)
class GatedVersion:
    """What decides which gates suit a version: what it answers, and whether it was trained here."""

    signature: Signature
    trained_here: bool


def built_in(stage: str, edition: str, version: GatedVersion | None = None) -> PolicyInfo:
    """What holds before a stage where no policy was made; without a version, what every one meets.

    Only the recommended edition depends on the version, and only before production.
    """
    if edition == BASIC or stage != PRODUCTION:
        own = BASIC_GATES.get(stage, BASIC_GATES[STAGING])
        return PolicyInfo(Policy(BUILT_IN, stage, gates=own))
    if version is None:
        return PolicyInfo(Policy(BUILT_IN, stage, gates=OF_EVERY_MODEL))
    suitable = [*OF_EVERY_MODEL, *_of_task(version.signature), *OF_TRAINING]
    left_out = {} if version.trained_here else {
        rule.gate: FROM_ELSEWHERE for rule in suitable if _needs_training(rule)
    }  # fmt: skip
    rules = tuple(rule for rule in suitable if rule.gate not in left_out)
    return PolicyInfo(Policy(BUILT_IN, stage, gates=rules), left_out=left_out)


def _of_task(signature: Signature) -> Iterable[GateRule]:
    """Those that judge metrics, where the task has some, and those that it brings itself."""
    task = task_of(signature)
    brought: tuple[DefaultGate, ...] = ()
    if isinstance(task, BringsGates):
        brought = task.default_gates(signature)
    own = [GateRule(item.gate, dict(item.params)) for item in brought]
    names = {rule.gate for rule in own}
    compared = [rule for rule in OF_METRICS if rule.gate not in names] if task.metrics else []
    return (*compared, *own)


def _needs_training(rule: GateRule) -> bool:
    uses = getattr(gates.get(rule.gate), "uses", None)
    return isinstance(uses, Uses) and uses.of_training
