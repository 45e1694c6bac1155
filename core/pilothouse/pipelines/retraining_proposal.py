"""What every retraining does: it keeps the newest rows for judging, and proposes its version."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pilothouse.activity.actors import RETRAINING
from pilothouse.deployments.controller.trial import try_version
from pilothouse.registry import Registry
from pilothouse.registry.evidence import ChampionComparison
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

EVENT_TIME = "event_at"  # of a prediction, in the log
LEAST_NEWEST, MOST_NEWEST = 0.05, 0.5  # of all rows


def newest_share(times: pd.Series[Any], days: int) -> float:
    """The share of the rows of the last days, between a twentieth and half."""
    newest = times > times.max() - timedelta(days=days)
    return min(max(float(newest.mean()), LEAST_NEWEST), MOST_NEWEST)


def newest_rows(count: int) -> str:
    """The rows that both versions were judged on, for the evidence."""
    return f"the newest {count:,} labelled rows"


def propose_retrained(
    store: Store, ref: str, evidence: ChampionComparison, run: str, reason: str
) -> dict[str, Any]:
    """Leave the promotion of a version to production, with both results, to a person.

    The proposal of a run exists once: a step that is repeated finds it.
    """
    model, _, version = ref.rpartition("@")
    promotion = Registry(store.acting_as(RETRAINING), try_version).propose(
        model,
        int(version),
        "production",
        reason or "retrained on the newest labelled rows",
        evidence,
        origin="retraining",
        promotion_id=f"retraining-{run[:12]}",
    )
    return {"version": int(version), "promotion": promotion.id}
