"""Policies for tests: the gates before a stage, for every model, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from pilothouse.registry.policy import Approvals, GateRule, Policy, PolicyInfo
from pilothouse.workspace import Workspace


def set_gates(
    workspace: Workspace,
    stage: str,
    gates: Sequence[GateRule],
    approvals: Approvals | None = None,
) -> PolicyInfo:
    """Make these the gates before a stage, in the policy of the stage's name."""
    policy = Policy(stage, stage, gates=tuple(gates), approvals=approvals or Approvals())
    return workspace.policies.save(policy, "a test")
