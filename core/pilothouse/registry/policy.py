"""What a policy is: the gates before a stage and the approvals, for the models that it names."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from pilothouse.kit.parameters import Params, read_params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

EVERY = "*"
BUILT_IN = "default"  # the name of what holds where no policy was made


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


@dataclass(frozen=True)
class Approvals:
    """How many people accept a promotion before it counts.

    With `four_eyes` the person who asked for it is none of them.
    """

    needed: int = 1
    four_eyes: bool = False

    @property
    def by_author(self) -> bool:
        """Whether whoever asks for a promotion may decide on it alone."""
        return self.needed == 1 and not self.four_eyes


@dataclass(frozen=True)
class Policy:
    """What is asked of a version before a stage.

    `models` are names or patterns in which `*` is any text; the most specific one decides which
    policy applies to a model.
    """

    name: str
    stage: str
    models: tuple[str, ...] = (EVERY,)
    gates: tuple[GateRule, ...] = ()
    approvals: Approvals = Approvals()

    @property
    def guards(self) -> bool:
        """Whether it asks for anything but the trial that every version goes through."""
        return bool(self.gates) or not self.approvals.by_author

    @property
    def digest(self) -> str:
        """A hash of its content: equal policies have equal digests, whatever their version."""
        text = json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "name": self.name,
            "stage": self.stage,
            "models": list(self.models),
            "gates": [rule.to_json() for rule in self.gates],
            "approvals": asdict(self.approvals),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Policy:
        """A stored policy."""
        return cls(
            name=value["name"],
            stage=value["stage"],
            models=tuple(value["models"]),
            gates=tuple(GateRule(rule["gate"], rule["params"]) for rule in value["gates"]),
            approvals=Approvals(**value["approvals"]),
        )

    def pattern_for(self, model: str) -> str:
        """The most specific of its patterns that names the model; "" when none does."""
        matching = [pattern for pattern in self.models if names_model(pattern, model)]
        return max(matching, key=specificity, default="")


@dataclass(frozen=True)
class PolicyInfo:
    """One version of a policy, and who made it when and why; version 0 is the built-in one.

    The built-in one leaves out gates that a version can never pass or fail: `left_out` names them
    with the reason.
    """

    policy: Policy
    version: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""
    reason: str = ""
    removed: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.name

    @property
    def stage(self) -> str:
        """The stage that it stands before."""
        return self.policy.stage

    @property
    def models(self) -> tuple[str, ...]:
        """The names and patterns of the models that it is for."""
        return self.policy.models

    @property
    def gates(self) -> tuple[GateRule, ...]:
        """The gates with their parameters."""
        return self.policy.gates

    @property
    def approvals(self) -> Approvals:
        """Who must accept a promotion."""
        return self.policy.approvals

    @property
    def built_in(self) -> bool:
        """Whether it is the default, which nobody made."""
        return self.version == 0

    @property
    def ref(self) -> str:
        """Its name and version: `strict@3`."""
        return f"{self.name}@{self.version}" if self.version else self.name

    def reference(self) -> dict[str, Any]:
        """What a promotion keeps of the policy that judged it: name, version and digest."""
        return {"name": self.name, "version": self.version, "digest": self.policy.digest}

    def why(self, model: str) -> str:
        """Why it is the one that applies to a model, as a clause."""
        pattern = self.policy.pattern_for(model)
        if self.built_in:
            return f"no policy before {self.stage} is for this model, so the built-in one holds"
        if pattern == model:
            return "it names this model"
        if pattern == EVERY:
            return "it is for all models, and none is more specific"
        return f"its pattern {pattern} is the most specific one that fits"


def names_model(pattern: str, model: str) -> bool:
    """Whether a pattern is a model's name, or fits it; only `*` has a meaning."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return pattern == model or fnmatch.fnmatchcase(model, literal)


def specificity(pattern: str) -> tuple[bool, int, str]:
    """Orders patterns: a name before any pattern, then the one with more characters."""
    return "*" not in pattern, len(pattern.replace("*", "")), pattern


def most_specific(policies: Iterable[PolicyInfo], model: str) -> PolicyInfo | None:
    """The policy whose pattern for a model is the most specific; None when none fits."""
    fitting = [(info.policy.pattern_for(model), info) for info in policies]
    fitting = [(pattern, info) for pattern, info in fitting if pattern]
    return max(fitting, key=lambda pair: specificity(pair[0]), default=("", None))[1]


@dataclass(frozen=True)
class GateDecision:
    """What the gates of a policy say together of one version."""

    evidence: Evidence
    verdicts: tuple[Verdict, ...]
    policy: PolicyInfo | None = None

    @property
    def accepted(self) -> bool:
        """Whether every gate passed: one that cannot tell does not let through."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def message(self) -> str:
        """Which gates stand in the way, and by how much."""
        standing = [verdict for verdict in self.verdicts if not verdict.passed]
        return "; ".join(f"{verdict.gate}: {verdict.message}" for verdict in standing)


def assess(
    evidence: Evidence, rules: Sequence[GateRule], policy: PolicyInfo | None = None
) -> GateDecision:
    """The verdict of every rule on the evidence."""
    return GateDecision(evidence, tuple(rule.evaluate(evidence) for rule in rules), policy)
