"""What became of a promotion: its promise, the windows that count, and the decision about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.live_windows import DAY, METRIC, answered, promoted
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.workspace import Workspace

GOOD, BAD = (0.75, 0.76, 0.75, 0.74) * 8, (0.66, 0.67, 0.65, 0.66)


def test_it_is_not_yet_known_until_enough_windows_have_labels(workspace: Workspace) -> None:
    promotion = promoted(workspace.store)
    outcome = workspace.governance.outcome(promotion)
    assert (outcome.state, outcome.live) == ("not yet known", None)
    assert "enough labels" in outcome.message
    answered(workspace.store, GOOD[:2])
    assert "too few windows" in workspace.governance.outcome(promotion).message


def test_a_kept_promise_says_both_figures_and_the_labels(workspace: Workspace) -> None:
    promotion = promoted(workspace.store)
    answered(workspace.store, GOOD)
    outcome = workspace.governance.outcome(promotion)
    assert (outcome.state, outcome.metric) == ("kept", METRIC)
    assert outcome.live is not None
    assert outcome.live.labels == 800 * len(GOOD)
    assert "promised 0.75" in outcome.message
    assert f"{800 * len(GOOD):,} labels" in outcome.message
    assert not workspace.attention.items()


def test_a_contradicted_promise_needs_a_person_until_somebody_keeps_it(
    workspace: Workspace, clock: FixedClock
) -> None:
    promotion = promoted(workspace.store)
    answered(workspace.store, BAD)
    outcome = workspace.governance.outcome(promotion)
    assert (outcome.state, outcome.needs_decision) == ("contradicted", True)
    assert outcome.since == clock.now() + DAY + timedelta(days=21)  # the end of the third window
    (item,) = workspace.attention.items()
    assert (item.kind, item.ref, item.state) == ("promotion", promotion, "contradicted")
    assert "promised 0.75" in item.message
    timeline = workspace.governance.timeline("shop", kinds=["promotion"])
    (event,) = timeline[timeline["event"] == "contradicted"].to_dict("records")
    assert (event["at"], event["ref"], event["by"]) == (outcome.since, promotion, "monitoring")
    assert workspace.governance.timeline_count("shop", kinds=["promotion"]) == len(timeline)
    assert "contradicted" in set(workspace.governance.timeline()["event"])

    with pytest.raises(Invalid):
        workspace.governance.keep(promotion, " ")
    later = workspace.acting_as("grace").governance.keep(promotion, "the season ends next week")
    assert (later.state, later.kept_by) == ("contradicted", "grace")
    assert not workspace.attention.items()
    entry = workspace.activity.entries().iloc[0]
    assert (entry["verb"], entry["ref"], entry["reason"]) == (
        "kept in production", promotion, "the season ends next week",
    )  # fmt: skip
    with pytest.raises(Conflict):
        workspace.governance.keep(promotion, "again")
    assert workspace.governance.outcomes("shop")["kept_by"].tolist() == ["grace"]


def test_a_version_that_left_production_waits_for_nobody(workspace: Workspace) -> None:
    promoted(workspace.store)
    answered(workspace.store, BAD)
    workspace.registry.archive("shop", 2, "worse than promised")
    assert not workspace.attention.items()
    assert workspace.governance.outcome("p1").state == "contradicted"
    assert workspace.governance.production_outcomes() == []


def test_windows_before_the_decision_without_labels_or_twice_do_not_count(
    workspace: Workspace, clock: FixedClock
) -> None:
    promotion, store = promoted(workspace.store), workspace.store
    answered(store, BAD, since=clock.now() - timedelta(days=60))
    answered(store, BAD, since=clock.now() + timedelta(days=300), status="insufficient")
    answered(store, GOOD, step=timedelta(days=1))  # of a week each, every day: five do not overlap
    live = workspace.governance.outcome(promotion).live
    assert live is not None
    assert live.windows == -(-len(GOOD) // 7)


def test_the_gain_over_the_champion_is_what_was_promised(workspace: Workspace) -> None:
    comparison = {
        "against": "shop@1", "candidate": {METRIC: 0.75}, "champion": {METRIC: 0.70},
        "rows": "900 labelled rows", "interval": {"metric": METRIC, "low": 0.02, "high": 0.08},
    }  # fmt: skip
    promotion = promoted(workspace.store, comparison=comparison)
    answered(workspace.store, GOOD)
    outcome = workspace.governance.outcome(promotion)
    assert outcome.promise is not None
    assert outcome.promise.gain == pytest.approx(0.05)
    assert outcome.promise.floor == pytest.approx(0.72 - 1.96 * 0.01)
    assert outcome.state == "kept"


def test_only_promotions_to_production_have_an_outcome(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        workspace.governance.outcome("nothing")
