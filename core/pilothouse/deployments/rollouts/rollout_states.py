"""States of rollouts, and why one is held."""

from __future__ import annotations

RUNNING, HELD = "running", "held"
SUCCEEDED, ROLLED_BACK, CANCELLED = "succeeded", "rolled_back", "cancelled"
ACTIVE = (RUNNING, HELD)
ENDED = (SUCCEEDED, ROLLED_BACK, CANCELLED)

INCONCLUSIVE, APPROVAL, PERSON = "inconclusive", "approval", "person"  # why a rollout is held

SMOKE_TEST, COMPARISON = "smoke_test", "comparison"  # kinds of analyses
