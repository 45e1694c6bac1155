"""What a command on a version would touch, before it is given."""

from __future__ import annotations

import pytest

from harness.live_windows import promoted
from pilothouse.deployments.tables import Deployment
from pilothouse.jobs.tables import JobSchedule
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.pipelines.tables import RetrainingDecision, StoredRetrainingPolicy
from pilothouse.registry.tables import Alias, Promotion
from pilothouse.workspace import Workspace


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """Version 2 is in production and served; an external deployment serves 1, and much follows."""
    store, now = workspace.store, workspace.store.now()
    promoted(store)
    workspace.monitoring.monitor("shop")
    with store.write() as session:
        session.get_one(Deployment, "shop").desired_state = "running"
        session.get_one(Deployment, "shop").previous_version = 1
        session.add(
            Deployment(name="partner", model="shop", version=1, external=True, serving_version=1,
                       created_at=now, created_by="ada", updated_at=now)
        )  # fmt: skip
        session.add(Alias(model="shop", alias="shadow", version=1, changed_at=now, changed_by="a"))
        session.add(
            JobSchedule(name="weekly", cron="0 0 * * 1", kind="evaluate", title="Evaluate",
                        subject_ref="shop", next_at=now, created_by="ada", created_at=now)
        )  # fmt: skip
        session.add(
            StoredRetrainingPolicy(
                deployment="shop", mode="propose", triggers={}, cooldown_days=1, min_rows=1,
                min_labelled_share=0.5, rows="all", weeks=1, held_out_days=1, created_at=now,
                created_by="ada", updated_at=now,
            )
        )  # fmt: skip
        session.add(
            RetrainingDecision(id="d", deployment="shop", trigger="alert", reason="drift",
                               outcome="asked", at=now)
        )  # fmt: skip
        session.add(
            Promotion(id="waits", model="shop", version=1, stage="production", status="pending",
                      reason="back", origin="person", requested_by="ada", requested_at=now,
                      evidence={}, evidence_hash="", verdicts=[])
        )  # fmt: skip
    return workspace


def effects(objects) -> dict[str, str]:
    return {item.title: item.effect for item in objects}


def test_archiving_the_champion_names_all_that_hangs_on_it(shop: Workspace) -> None:
    touched = effects(shop.governance.affected("shop", 2, "archive"))
    assert set(touched) == {
        "alias champion", "shop", "monitor of shop", "retraining of shop",
        "request for a retraining of shop", "schedule weekly",
    }  # fmt: skip
    assert "no champion" in touched["alias champion"]
    assert touched["shop"].startswith("serves it, and goes on")


def test_a_version_to_roll_back_to_and_one_served_elsewhere_are_named(shop: Workspace) -> None:
    touched = effects(shop.governance.affected("shop", 1, "delete"))
    assert touched["shop"].startswith("can roll back to it")
    assert touched["partner"].startswith("serves it elsewhere")
    assert touched["alias shadow"] == "is removed"
    assert touched["promotion of version 1 to production"] == "is deleted"


def test_promoting_names_the_champion_that_goes_and_what_keeps_its_version(shop: Workspace) -> None:
    touched = effects(shop.governance.affected("shop", 1, "promote"))
    assert touched["alias champion"] == "moves here from version 2, which is archived"
    assert touched["shop"] == "keeps serving version 2 until it is switched"
    assert touched["partner"] == "serves it already"
    staging = effects(shop.governance.affected("shop", 1, "promote", "staging"))
    assert set(staging) == {"promotion of version 1 to production"}


def test_a_roll_back_names_the_other_version_and_the_monitor(shop: Workspace) -> None:
    touched = effects(shop.governance.affected_by_roll_back("shop"))
    assert touched["shop"] == "answers by version 1 instead of version 2, which is archived"
    assert "reference of the other version" in touched["monitor of shop"]
    assert shop.governance.affected_by_roll_back("partner") == []


def test_nothing_is_written_and_unknown_names_are_refused(shop: Workspace) -> None:
    before = shop.activity.count()
    shop.governance.affected("shop", 2, "archive")
    assert shop.activity.count() == before
    with pytest.raises(NotFound):
        shop.governance.affected("shop", 9, "archive")
    with pytest.raises(Invalid):
        shop.governance.affected("shop", 2, "burn")
