"""What was in production on a date: against a walk through every row, and in the words of a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select

from harness.synthetic_history import BEGAN, SyntheticHistory
from pilothouse.deployments.tables import Revision
from pilothouse.kit.clock import FixedClock
from pilothouse.registry.tables import StageChange
from pilothouse.workspace import Workspace

DAY = timedelta(days=1)


def walked(workspace: Workspace, days: int) -> dict[str, set[str]]:
    """Each version in production then with what served it, by replaying the rows in order."""
    at = BEGAN + days * DAY
    stages: dict[str, str] = {}
    serving: dict[str, str] = {}
    with workspace.store.read() as session:
        for move in session.exec(select(StageChange).order_by(col(StageChange.id))):
            if move.at <= at:
                stages[f"{move.model}@{move.version}"] = move.after
        for row in session.exec(select(Revision).order_by(col(Revision.seq))):
            if row.at <= at:
                stopped = row.action == "stopped"
                serving[row.deployment] = "" if stopped else f"{row.model}@{row.version}"
    return {
        ref: {name for name, served in serving.items() if served == ref}
        for ref, stage in stages.items()
        if stage == "production"
    }


def test_every_date_is_answered_as_a_walk_through_the_history_does(workspace: Workspace) -> None:
    SyntheticHistory(models=6, versions=12).insert(workspace.store)
    sizes = set()
    for days in range(0, 120, 4):
        answer = workspace.governance.in_production(BEGAN + days * DAY)
        served = {v.ref: {item.deployment for item in v.served_by} for v in answer}
        assert served == walked(workspace, days)
        sizes.add(len(served))
    assert max(sizes) > 3
    assert min(sizes) == 0


def test_the_answer_says_who_decided_why_and_on_what(
    workspace: Workspace, clock: FixedClock
) -> None:
    SyntheticHistory(models=1, versions=8, seed=3).insert(workspace.store)
    clock.advance(DAY)
    (version,) = workspace.governance.in_production(model="model_0000")
    promotion = workspace.registry.promotion(version.promotion)
    assert (version.requested_by, version.requested_reason) == (
        promotion.requested_by, promotion.reason,
    )  # fmt: skip
    assert (version.by, version.reason) == ("grace", "checked")
    assert version.evidence == promotion.decision_evidence_hash
    assert version.since == promotion.decided_at
    assert [other.ref for other in workspace.governance.in_production(version.since)] == [
        version.ref
    ]
    before = workspace.governance.in_production(version.since - timedelta(microseconds=1))
    assert version.ref not in {other.ref for other in before}
    frame = workspace.governance.production_frame()
    assert frame.iloc[0]["version"] == version.version


@pytest.mark.parametrize("model", ["nothing", "model_0000"])
def test_one_model_is_asked_for(workspace: Workspace, model: str) -> None:
    SyntheticHistory(models=3, versions=8, seed=3).insert(workspace.store)
    versions = workspace.governance.in_production(model=model)
    assert {version.model for version in versions} <= {model}
    assert bool(versions) == (model != "nothing")
