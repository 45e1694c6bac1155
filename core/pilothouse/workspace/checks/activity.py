"""The activity log: its chain, and the anchor that says how long it is."""

from __future__ import annotations

from pilothouse.activity.chain import verify_anchored
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks


@checks.register("activity")
def activity(store: Store) -> CheckVerdict:
    """No entry of the activity log was changed, removed, cut off or rewritten."""
    chain = verify_anchored(store)
    return CheckVerdict(chain.intact, chain.message)
