"""Which gates stand before which stage: data, with a default, that people may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Params, read_params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates
from pilothouse.registry.tables import GATED, PRODUCTION, STAGING, GatePolicy
from pilothouse.storage import Store


@dataclass(frozen=True)
class GateRule:
    """A gate with its parameters; those not given keep the gate's defaults."""

    gate: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def evaluate(self, evidence: Evidence) -> Verdict:
        """The gate's verdict. Raises NotFound for an unknown gate, Invalid for a parameter."""
        return gates.get(self.gate).evaluate(evidence, self.read())

    def read(self) -> Params:
        """Every parameter of the gate, checked. Raises NotFound, or Invalid that names it."""
        return read_params(f"the gate {self.gate}", gates.get(self.gate).parameters, self.params)

    def checked(self) -> GateRule:
        """The same rule with its own parameters in their types. Raises NotFound, or Invalid."""
        params = self.read()
        return replace(self, params={name: params[name] for name in self.params})

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"gate": self.gate, "params": dict(self.params)}


DEFAULT: Mapping[str, tuple[GateRule, ...]] = {
    STAGING: (GateRule("has_contract"),),
    PRODUCTION: (
        GateRule("metric_threshold"),
        GateRule("beats_champion", {"margin": 0.005}),
        GateRule("not_worse_beyond_chance"),
        GateRule("has_contract"),
    ),
}


@dataclass(frozen=True)
class GateDecision:
    """What all gates before a stage say together of one version."""

    evidence: Evidence
    verdicts: tuple[Verdict, ...]

    @property
    def accepted(self) -> bool:
        """Whether every gate passed: one that cannot tell does not let through."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def message(self) -> str:
        """Which gates stand in the way, and by how much."""
        standing = [verdict for verdict in self.verdicts if not verdict.passed]
        return "; ".join(f"{verdict.gate}: {verdict.message}" for verdict in standing)


def assess(evidence: Evidence, rules: Sequence[GateRule]) -> GateDecision:
    """The verdict of every rule on the evidence."""
    return GateDecision(evidence, tuple(rule.evaluate(evidence) for rule in rules))


def rules(session: Session, stage: str) -> tuple[GateRule, ...]:
    """The gates before a stage: what people set, or the default."""
    _check_stage(stage)
    policy = session.get(GatePolicy, stage)
    if policy is None:
        return DEFAULT[stage]
    return tuple(GateRule(rule["gate"], rule["params"]) for rule in policy.gates)


def set_rules(
    session: Session, store: Store, stage: str, chosen: Sequence[GateRule], reason: str
) -> None:
    """Change the gates before a stage. Raises NotFound for a gate, Invalid for a parameter."""
    before = [rule.to_json() for rule in rules(session, stage)]
    after = [rule.checked().to_json() for rule in chosen]
    session.merge(
        GatePolicy(stage=stage, gates=after, changed_at=store.now(), changed_by=store.actor)
    )
    record(
        session,
        store,
        "changed",
        "gate_policy",
        stage,
        name=f"gates before {stage}",
        before={"gates": before},
        after={"gates": after},
        reason=reason,
    )


def _check_stage(stage: str) -> None:
    if stage not in GATED:
        raise Invalid(
            f"no version is promoted to {stage!r}.",
            hint=f"Choose {' or '.join(GATED)}.",
            fields={"stage": f"must be {' or '.join(GATED)}"},
        )
