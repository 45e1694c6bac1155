"""Policies as a YAML file: written, read with every fault named, and compared with what holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.kit.yaml_file import Document, FaultReader, Path, file_error, read_yaml
from pilothouse.registry.policy import EVERY, Approvals, GateRule, Policy, PolicyInfo
from pilothouse.registry.policy_check import checked
from pilothouse.registry.stage_ladder import BUILT_IN_NAMES

ADDED, CHANGED, REMOVED, SAME = "added", "changed", "removed", "same"
FIELDS = ("name", "stage", "models", "gates", "approvals")
GATE_FIELDS = ("gate", "params")
APPROVAL_FIELDS = ("needed", "four_eyes")


@dataclass(frozen=True)
class PolicyChange:
    """What a file changes of one policy: `kind` is added, changed, removed or same.

    `lines` are the changed fields, a line each: `- ` before and `+ ` after.
    """

    name: str
    kind: str
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The change for people."""
        return "\n".join([f"{self.name}: {self.kind}", *(f"  {line}" for line in self.lines)])


def to_yaml(policies: Sequence[Policy]) -> str:
    """The file that `from_yaml` reads back; equal policies make equal files."""
    import yaml

    values = [_plain(policy) for policy in policies]
    return yaml.safe_dump(
        {"policies": values}, sort_keys=False, allow_unicode=True, default_flow_style=False
    )


def from_yaml(text: str, stages: Sequence[str] = BUILT_IN_NAMES) -> tuple[Policy, ...]:
    """The policies of a file, before the stages of a workspace.

    Raises Invalid with every fault, its field and its line.
    """
    try:
        reader = _Reader(read_yaml(text), stages)
    except Invalid as wrong:
        hint = "A pattern with * is written in quotes: '*'." if "*" in text else wrong.hint
        raise Invalid(wrong.message, hint=hint) from None
    policies = reader.policies()
    if reader.faults:
        raise file_error(reader.faults)
    return tuple(policies)


def changes(
    current: Sequence[PolicyInfo], policies: Sequence[Policy], *, prune: bool = False
) -> tuple[PolicyChange, ...]:
    """What storing `policies` changes; with `prune`, those that are not among them are removed."""
    held = {info.name: info.policy for info in current}
    result = [change(held.get(policy.name), policy) for policy in policies]
    names = {policy.name for policy in policies}
    if prune:
        gone = [policy for name, policy in held.items() if name not in names]
        result += [PolicyChange(policy.name, REMOVED, _lines(policy, None)) for policy in gone]
    return tuple(result)


def change(before: Policy | None, after: Policy) -> PolicyChange:
    """What a policy becomes."""
    if before is None:
        return PolicyChange(after.name, ADDED, _lines(None, after))
    if before == after:
        return PolicyChange(after.name, SAME)
    return PolicyChange(after.name, CHANGED, _lines(before, after))


def _lines(before: Policy | None, after: Policy | None) -> tuple[str, ...]:
    old, new = _entries(before), _entries(after)
    lines = []
    for entry in dict.fromkeys([*old, *new]):
        left, right = old.count(entry), new.count(entry)
        if left > right:
            lines += [f"- {entry}"] * (left - right)
        elif right > left:
            lines += [f"+ {entry}"] * (right - left)
    return tuple(lines) or ("the order of the gates changes",)


def _entries(policy: Policy | None) -> list[str]:
    """The fields of a policy, a line each."""
    if policy is None:
        return []
    return [
        f"stage: {policy.stage}",
        f"models: {', '.join(policy.models)}",
        f"approvals: {approvals_text(policy.approvals)}",
        *(f"gate: {rule_text(rule)}" for rule in policy.gates),
    ]


def approvals_text(approvals: Approvals) -> str:
    """How many people accept, as a phrase."""
    people = "1 person" if approvals.needed == 1 else f"{approvals.needed} people"
    return f"{people}, none of them the author" if approvals.four_eyes else people


def rule_text(rule: GateRule) -> str:
    """A gate with the parameters that were set: `beats_champion margin=0.01`."""
    return " ".join([rule.gate, *(f"{name}={value}" for name, value in rule.params.items())])


def _plain(policy: Policy) -> dict[str, Any]:
    """The policy without what is the default anyway."""
    value = policy.to_json()
    for rule in value["gates"]:
        if not rule["params"]:
            del rule["params"]
    return value


class _Reader(FaultReader):
    """Reads the policies of a file, which stand before the stages of a workspace."""

    def __init__(self, document: Document, stages: Sequence[str]) -> None:
        super().__init__(document)
        self._stages = stages

    def policies(self) -> list[Policy]:
        root = self.document.value
        entries = root.get("policies") if isinstance(root, dict) else None
        if not isinstance(entries, list):
            self.fault((), "the file needs a list under `policies`")
            return []
        self.refuse_unknown(root, (), ("policies",))
        policies = [self._policy(entry, ("policies", index)) for index, entry in enumerate(entries)]
        readable = [policy for policy in policies if policy is not None]
        names = [policy.name for policy in readable]
        for index, policy in enumerate(readable):
            if policy.name in names[:index]:
                self.fault(("policies", index, "name"), f"{policy.name!r} is there twice")
        return readable

    def _policy(self, value: Any, path: Path) -> Policy | None:
        if not isinstance(value, dict):
            self.fault(path, "must be an object")
            return None
        self.refuse_unknown(value, path, FIELDS)
        before = len(self.faults)
        policy = Policy(
            name=self.text(value, path, "name"),
            stage=self.text(value, path, "stage"),
            models=tuple(self._texts(value, path)),
            gates=tuple(self._gates(value.get("gates", []), (*path, "gates"))),
            approvals=self._approvals(value.get("approvals", {}), (*path, "approvals")),
        )
        if len(self.faults) > before:
            return None
        try:
            return checked(policy, self._stages)
        except Invalid as wrong:
            for field, message in (wrong.fields or {}).items():
                self.fault((*path, *_path(field)), message)
            return None

    def _gates(self, values: Any, path: Path) -> list[GateRule]:
        if not isinstance(values, list):
            self.fault(path, "must be a list")
            return []
        return [self._gate(value, (*path, index)) for index, value in enumerate(values)]

    def _gate(self, value: Any, path: Path) -> GateRule:
        if isinstance(value, str):
            return GateRule(value)
        if not isinstance(value, dict):
            self.fault(path, "must be a gate's name, or an object with gate and params")
            return GateRule("")
        self.refuse_unknown(value, path, GATE_FIELDS)
        params = value.get("params", {})
        if not isinstance(params, dict):
            self.fault((*path, "params"), "must be an object")
            params = {}
        return GateRule(self.text(value, path, "gate"), params)

    def _approvals(self, value: Any, path: Path) -> Approvals:
        if not isinstance(value, dict):
            self.fault(path, "must be an object")
            return Approvals()
        self.refuse_unknown(value, path, APPROVAL_FIELDS)
        return Approvals(**{name: value[name] for name in APPROVAL_FIELDS if name in value})

    def _texts(self, value: Mapping[str, Any], path: Path) -> list[str]:
        texts = value.get("models", [EVERY])
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self.fault((*path, "models"), "must be a list of names or patterns")
            return []
        return texts


def _path(field: str) -> Path:
    """The path of a field that `checked` names."""
    parts: list[str | int] = []
    for part in field.replace("[", ".[").split("."):
        parts.append(int(part[1:-1]) if part.startswith("[") else part)
    return tuple(parts)
