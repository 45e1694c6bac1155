"""Checking a policy before it is stored: every fault at once, each with the field it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.names import NameRule
from pilothouse.registry.policy import BUILT_IN, GateRule, Policy

POLICY = NameRule("a policy")
MAX_GATES = 50
MAX_PATTERNS = 50
MAX_PATTERN = 256
MAX_APPROVALS = 10


def checked(policy: Policy, stages: Sequence[str]) -> Policy:
    """The same policy, its parameters in their types; `stages` are those that it may stand before.

    Raises Invalid with every fault of it.
    """
    faults: dict[str, str] = {}
    _check_name(policy.name, faults)
    if policy.stage not in stages:
        faults["stage"] = f"must be {' or '.join(stages)}, not {policy.stage!r}"
    _check_models(policy.models, faults)
    _check_approvals(policy, faults)
    rules = tuple(_rule(index, rule, faults) for index, rule in enumerate(policy.gates))
    if len(rules) > MAX_GATES:
        faults["gates"] = f"at most {MAX_GATES}"
    if faults:
        raise invalid(policy.name, faults)
    return replace(policy, models=tuple(dict.fromkeys(policy.models)), gates=rules)


def invalid(name: str, faults: Mapping[str, str]) -> Invalid:
    """The error that names each field of a policy with what is wrong there."""
    problems = "; ".join(f"{field}: {message}" for field, message in faults.items())
    return Invalid(f"the policy {name!r} cannot be used: {problems}.", fields=dict(faults))


def _check_name(name: str, faults: dict[str, str]) -> None:
    if problem := POLICY.problem(name):
        faults["name"] = problem
    elif name == BUILT_IN:
        faults["name"] = f"{BUILT_IN!r} is what the built-in policy is called"


def _check_models(models: tuple[str, ...], faults: dict[str, str]) -> None:
    if not models:
        faults["models"] = "name at least one model, or * for all"
    elif len(models) > MAX_PATTERNS:
        faults["models"] = f"at most {MAX_PATTERNS}"
    for index, pattern in enumerate(models):
        if not pattern.strip():
            faults[f"models[{index}]"] = "is empty"
        elif len(pattern) > MAX_PATTERN:
            faults[f"models[{index}]"] = f"has more than {MAX_PATTERN} characters"


def _check_approvals(policy: Policy, faults: dict[str, str]) -> None:
    needed: object = policy.approvals.needed  # of files and of callers without types
    four_eyes: object = policy.approvals.four_eyes
    if isinstance(needed, bool) or not isinstance(needed, int) or not 1 <= needed <= MAX_APPROVALS:
        faults["approvals.needed"] = f"must be a whole number between 1 and {MAX_APPROVALS}"
    if not isinstance(four_eyes, bool):
        faults["approvals.four_eyes"] = "must be true or false"


def _rule(index: int, rule: GateRule, faults: dict[str, str]) -> GateRule:
    """The rule with its parameters in their types; its faults are added to the others."""
    field = f"gates[{index}]"
    try:
        return rule.checked()
    except NotFound as unknown:
        faults[f"{field}.gate"] = f"{unknown.message.rstrip('.')}. {unknown.hint}".rstrip(".")
    except Invalid as wrong:
        message = wrong.message.rstrip(".")
        for name in wrong.fields or {"params": ""}:
            faults[f"{field}.{name}"] = message
    return rule
