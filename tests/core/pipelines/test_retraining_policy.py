"""Retraining policies: settings, triggers, what holds a retraining back, and who is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from harness import serving
from pilothouse.jobs.tables import Job
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring.alert_rules import RETRAIN
from pilothouse.monitoring.tables import Alert, AlertRule, Window
from pilothouse.pipelines.automatic_retraining import consider
from pilothouse.pipelines.retraining_policy import RetrainingPolicy, policy_of
from pilothouse.pipelines.triggers import JudgedWindow, TriggerFacts, triggers
from pilothouse.workspace import Workspace

NAME = "late"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(weeks=1)
AddWindow = Callable[..., None]


@pytest.fixture
def deployed(workspace: Workspace) -> Workspace:
    """A monitored deployment whose champion was registered just now."""
    serving.register(workspace.store, NAME, serving.trained())
    workspace.deployments.launch(NAME, NAME, 1, "to be retrained")
    workspace.pipelines.monitor(NAME)
    return workspace


def judged(weeks_ago: int, drift: str = "fail", rows: int = 1000, labelled: int = 900) -> Window:
    """A judged window that ended so many weeks ago."""
    end = NOW - weeks_ago * WEEK
    return Window(
        id=f"w{weeks_ago}",
        deployment=NAME,
        model=NAME,
        version=1,
        start=end - WEEK,
        end=end,
        rows=rows,
        labelled=labelled,
        status=drift,
        drift_status=drift,
        performance_status="ok",
        columns=1,
        judged=1,
        drifted=1,
        profile="",
        content="",
        created_at=NOW,
        evaluated_at=NOW,
    )


@pytest.fixture
def window(deployed: Workspace) -> AddWindow:
    """Adds a judged window that ended so many weeks ago."""

    def add(weeks_ago: int, **about: Any) -> None:
        with deployed.store.write() as session:
            session.add(judged(weeks_ago, **about))

    return add


def fire(workspace: Workspace, message: str = "ROC AUC is 0.61", number: int = 1) -> str:
    """A firing alert whose rule asks for a retraining."""
    with workspace.store.write() as session:
        query = select(AlertRule).where(
            AlertRule.deployment == NAME, AlertRule.name == "performance"
        )
        if session.get(Window, "w60") is None:
            session.add(judged(60))
            session.flush()
        alert = Alert(
            id=uuid7(number),
            fingerprint=f"performance {number}",
            rule_id=session.exec(query).one().id,
            deployment=NAME,
            name="performance",
            severity="critical",
            action=RETRAIN,
            state="firing",
            breaches=2,
            message=message,
            first_window="w60",
            last_window="w60",
            opened_at=NOW,
            fired_at=NOW,
        )
        session.add(alert)
        session.flush()
        return alert.id


def decisions(workspace: Workspace) -> list[tuple[str, str, str]]:
    frame = workspace.pipelines.retraining_decisions(NAME)
    return list(zip(frame["trigger"], frame["outcome"], frame["obstacle"], strict=True))


def retrainings(workspace: Workspace) -> list[dict[str, Any]]:
    jobs = workspace.jobs.jobs(kind="retrain")
    return [workspace.jobs.job(job).args for job in jobs["id"]]


def end_jobs(workspace: Workspace, status: str = "succeeded") -> None:
    for job in workspace.jobs.jobs(kind="retrain", status="queued")["id"]:
        with workspace.store.write() as session:
            row = session.get_one(Job, job)
            row.status = status
            session.add(row)


def test_without_a_policy_an_alert_retrains_on_eight_weeks_as_ever(deployed: Workspace) -> None:
    policy = deployed.pipelines.retraining_policy(NAME)
    assert policy == RetrainingPolicy()
    assert (policy.mode, policy.rows, policy.weeks) == ("auto", "weeks", 8)
    assert policy.start(NOW) == NOW - 8 * WEEK
    alert = fire(deployed)
    end = NOW - timedelta(days=1)
    job = consider(deployed.store, NAME, [alert], end)
    assert job == f"retrain-{alert}"
    (args,) = retrainings(deployed)
    assert args["reason"] == "performance: ROC AUC is 0.61"
    assert args["until_ms"] == int(end.timestamp() * 1000)
    assert deployed.jobs.job(job).requested_by == "alert"
    # The step that fired it is repeated after a kill: nothing is started twice.
    assert consider(deployed.store, NAME, [alert], end) == job
    assert len(retrainings(deployed)) == 1
    assert decisions(deployed) == [("alert", "started", "")]
    assert deployed.registry.promotions().empty


def test_settings_are_checked_and_changes_are_in_the_log(deployed: Workspace) -> None:
    pipelines = deployed.pipelines
    changed = pipelines.set_retraining_policy(
        NAME,
        "labels are dear",
        mode="propose",
        triggers=["schedule", "alert"],
        cooldown_days=7,
        rows="since",
        since="2026-01-05",
        half_life_days=30,
    )
    assert changed == pipelines.retraining_policy(NAME)
    assert changed.triggers == {"alert": {}, "schedule": {"days": 28.0}}
    assert changed.start(NOW) == datetime(2026, 1, 5, tzinfo=UTC)
    assert changed.min_rows == 500
    assert policy_of(changed.to_json()) == changed
    entry = deployed.activity.entries(verb="changed the retraining policy").iloc[0]
    assert entry["reason"] == "labels are dear"
    assert pipelines.set_retraining_policy(NAME, rows="all").start(NOW) is None

    wrong = {"mode": "always", "weeks": 0, "cooldown_days": -1, "monthly_budget": 0}
    with pytest.raises(Invalid) as refused:
        pipelines.set_retraining_policy(NAME, **wrong)
    assert set(refused.value.fields) == set(wrong)
    with pytest.raises(Invalid, match="since"):
        policy_of({"rows": "since"})
    with pytest.raises(Invalid, match="no setting"):
        policy_of({"window": 3})
    texts = {"weeks": "8", "monthly_budget": 1.5, "min_rows": None, "half_life_days": "ten"}
    with pytest.raises(Invalid, match="weeks must be a whole number") as mistyped:
        policy_of(texts)
    assert set(mistyped.value.fields) == set(texts)
    with pytest.raises(Invalid, match="no choice of triggers"):
        policy_of({"triggers": "alert"})
    with pytest.raises(NotFound, match="retraining trigger"):
        policy_of({"triggers": ["moon"]})
    with pytest.raises(Invalid, match="days"):
        policy_of({"triggers": {"schedule": {"days": 0}}})


@pytest.mark.parametrize(
    ("name", "params", "facts", "fires"),
    [
        ("schedule", {"days": 28}, {"last_trained": NOW - timedelta(days=28)}, True),
        ("schedule", {"days": 28}, {"last_trained": NOW - timedelta(days=27.9)}, False),
        ("new_data", {"rows": 100}, {"new_labels": 100}, True),
        ("new_data", {"rows": 100}, {"new_labels": 99}, False),
        ("alert", {}, {"alerts": ("AUC",)}, True),
        ("manual", {}, {"alerts": ("AUC",), "new_labels": 10**6}, False),
    ],
)
def test_a_trigger_fires_at_its_limit(
    name: str, params: dict[str, Any], facts: dict[str, Any], fires: bool
) -> None:
    assert (
        bool(triggers.get(name).reason(replace(TriggerFacts(NOW, NOW), **facts), params)) is fires
    )


def test_drift_is_a_share_of_the_newest_windows() -> None:
    drift = triggers.get("drift")
    params = {"windows": 4, "share": 0.5}
    for failed, fires in (("OOFF", True), ("OOOF", False), ("FFFOOO", False), ("FF", False)):
        windows = tuple(
            JudgedWindow(NOW, NOW, "fail" if letter == "F" else "ok", "ok") for letter in failed
        )
        facts = TriggerFacts(NOW, NOW, windows)
        assert bool(drift.reason(facts, params)) is fires, failed


def test_drift_starts_a_retraining_once_and_needs_new_windows_for_the_next(
    deployed: Workspace, window: AddWindow
) -> None:
    deployed.pipelines.set_retraining_policy(NAME, triggers={"drift": {"windows": 2}})
    window(3)
    assert consider(deployed.store, NAME) is None
    window(2)
    assert consider(deployed.store, NAME) is not None
    end_jobs(deployed)
    assert consider(deployed.store, NAME) is None
    window(1)
    assert consider(deployed.store, NAME) is None
    window(0)
    assert consider(deployed.store, NAME) is not None
    assert decisions(deployed) == [("drift", "started", "")] * 2


def test_new_labels_since_the_last_training_start_a_retraining(
    deployed: Workspace, clock: FixedClock
) -> None:
    deployed.pipelines.set_retraining_policy(NAME, triggers={"new_data": {"rows": 3}})
    ids = [uuid7(n) for n in range(3)]
    deployed.deployments.label(NAME, ids[:2], [1, 0])
    assert consider(deployed.store, NAME) is None
    deployed.deployments.label(NAME, ids, [1, 0, 1])
    clock.advance(timedelta(days=4000))  # labels are stamped by the machine's clock
    assert consider(deployed.store, NAME) is not None
    end_jobs(deployed)
    assert consider(deployed.store, NAME) is None


def test_what_holds_a_retraining_back_is_written_once(
    deployed: Workspace, clock: FixedClock
) -> None:
    pipelines, store = deployed.pipelines, deployed.store
    pipelines.set_retraining_policy(
        NAME, triggers={"schedule": {"days": 1}}, cooldown_days=10, monthly_budget=2
    )
    clock.advance(timedelta(days=1))
    assert consider(store, NAME) is not None
    clock.advance(timedelta(days=1))
    assert consider(store, NAME) is None
    assert consider(store, NAME) is None
    end_jobs(deployed)
    clock.advance(timedelta(hours=1))
    assert consider(store, NAME) is None
    clock.advance(timedelta(days=9))
    assert consider(store, NAME) is not None
    end_jobs(deployed)
    clock.advance(timedelta(days=10))
    assert consider(store, NAME) is None
    assert decisions(deployed) == [
        ("schedule", "held", "budget"),
        ("schedule", "started", ""),
        ("schedule", "held", "cooldown"),
        ("schedule", "held", "running"),
        ("schedule", "started", ""),
    ]
    entries = deployed.activity.entries(verb="held back a retraining")
    assert len(entries) == 3
    clock.advance(timedelta(days=20))  # April
    assert consider(store, NAME) is not None


def test_missing_labels_hold_an_alert_back_until_they_come(
    deployed: Workspace, window: AddWindow
) -> None:
    deployed.pipelines.set_retraining_policy(NAME, min_labelled_share=0.5)
    window(0, rows=2000, labelled=600)
    alert = fire(deployed)
    assert consider(deployed.store, NAME, [alert], NOW) is None
    message = deployed.pipelines.retraining_decisions(NAME)["message"][0]
    assert message == "30% of the rows of the last 8 weeks have a label, 50% are needed"
    assert consider(deployed.store, NAME) is None
    with deployed.store.write() as session:
        session.get_one(Window, "w0").labelled = 1500
    assert consider(deployed.store, NAME) == f"retrain-{alert}"


def test_an_alert_that_another_retraining_held_back_is_done_with(
    deployed: Workspace, clock: FixedClock
) -> None:
    job = deployed.pipelines.retrain(NAME, "by hand")
    clock.advance(timedelta(hours=1))
    alert = fire(deployed)
    assert consider(deployed.store, NAME, [alert]) is None
    end_jobs(deployed)
    assert consider(deployed.store, NAME) is None
    assert decisions(deployed) == [("alert", "held", "running"), ("manual", "started", "")]
    assert deployed.jobs.job(job).args == {"deployment": NAME, "reason": "by hand"}


def test_a_person_is_asked_and_starts_or_declines_it(
    deployed: Workspace, clock: FixedClock
) -> None:
    pipelines, store = deployed.pipelines, deployed.store
    pipelines.set_retraining_policy(NAME, mode="propose", triggers={"schedule": {"days": 7}})
    clock.advance(WEEK)
    assert consider(store, NAME) is None
    assert consider(store, NAME) is None
    assert retrainings(deployed) == []
    (item,) = deployed.attention.items()
    assert (item.kind, item.ref, item.state) == ("retraining", NAME, "asked")
    assert item.message == "7 days have passed since the last training"

    pipelines.decline_retraining(NAME, "the source is being repaired")
    assert deployed.attention.items() == []
    assert consider(store, NAME) is None
    clock.advance(WEEK)
    assert consider(store, NAME) is None
    job = pipelines.approve_retraining(NAME, "repaired")
    assert deployed.jobs.job(job).args["reason"] == "7 days have passed since the last training"
    frame = pipelines.retraining_decisions(NAME)
    newest = frame[frame["decided_by"] == "ada"]
    assert newest["outcome"].tolist() == ["started", "declined"]
    with pytest.raises(NotFound, match="waits for an answer"):
        pipelines.decline_retraining(NAME)


def test_a_decline_holds_until_the_alert_breaches_again(
    deployed: Workspace, window: AddWindow, clock: FixedClock
) -> None:
    pipelines, store = deployed.pipelines, deployed.store
    pipelines.set_retraining_policy(NAME, mode="propose", cooldown_days=3)
    window(1)
    alert = fire(deployed)
    assert consider(store, NAME, [alert]) is None
    pipelines.decline_retraining(NAME, "the source is being repaired")
    assert consider(store, NAME, [alert]) is None  # a step that is repeated after a kill
    assert decisions(deployed) == [("alert", "declined", "")]

    clock.advance(timedelta(days=4))
    assert consider(store, NAME) is None
    assert len(decisions(deployed)) == 1
    window(0)
    breach_again(deployed, alert, "w0")
    consider(store, NAME)
    assert decisions(deployed) == [("alert", "asked", ""), ("alert", "declined", "")]
    pipelines.decline_retraining(NAME, "not yet repaired")
    window(-1)
    breach_again(deployed, alert, "w-1")
    consider(store, NAME)
    assert len(decisions(deployed)) == 2  # within the cool-down
    clock.advance(timedelta(days=3))
    consider(store, NAME)
    assert decisions(deployed)[0] == ("alert", "asked", "")


def breach_again(workspace: Workspace, alert: str, window: str) -> None:
    with workspace.store.write() as session:
        row = session.get_one(Alert, alert)
        row.last_window, row.message = window, f"ROC AUC is 0.60 in {window}"


def test_a_decline_blocks_no_other_cause(
    deployed: Workspace, window: AddWindow, clock: FixedClock
) -> None:
    pipelines, store = deployed.pipelines, deployed.store
    pipelines.set_retraining_policy(
        NAME,
        mode="propose",
        triggers={"alert": {}, "drift": {"windows": 1}, "schedule": {"days": 7}},
    )
    window(2)
    consider(store, NAME)
    assert decisions(deployed) == [("drift", "asked", "")]
    alert = fire(deployed)
    clock.advance(timedelta(minutes=1))
    consider(store, NAME, [alert])
    assert decisions(deployed)[0] == ("alert", "held", "asked")
    pipelines.decline_retraining(NAME, "drift of the season")
    clock.advance(timedelta(minutes=1))
    consider(store, NAME)
    assert decisions(deployed)[0] == ("alert", "asked", "")
    pipelines.decline_retraining(NAME, "known")
    # The days since the last training are counted on, whatever else was declined.
    clock.advance(WEEK)
    consider(store, NAME)
    assert decisions(deployed)[0] == ("schedule", "asked", "")

    # A retraining takes care of the alerts that waited for it; they do not start another one.
    other = fire(deployed, number=2)
    clock.advance(timedelta(minutes=1))
    consider(store, NAME, [other])
    pipelines.approve_retraining(NAME)
    end_jobs(deployed)
    clock.advance(timedelta(minutes=1))
    consider(store, NAME)
    assert decisions(deployed)[0] == ("alert", "held", "asked")


def test_switching_off_withdraws_the_request(deployed: Workspace, clock: FixedClock) -> None:
    pipelines, store = deployed.pipelines, deployed.store
    pipelines.set_retraining_policy(NAME, mode="propose", triggers={"schedule": {"days": 7}})
    clock.advance(WEEK)
    consider(store, NAME)
    pipelines.set_retraining_policy(NAME, "the season is over", mode="off")
    assert deployed.attention.items() == []
    assert decisions(deployed) == [("schedule", "withdrawn", "")]
    entry = deployed.activity.entries(verb="withdrew a request for a retraining").iloc[0]
    assert (entry["reason"], entry["actor"]) == ("the season is over", "ada")
    with pytest.raises(NotFound, match="waits for an answer"):
        pipelines.approve_retraining(NAME, "repaired")
    # What was withdrawn was not answered: switched on again, the schedule asks again.
    pipelines.set_retraining_policy(NAME, mode="propose")
    clock.advance(timedelta(minutes=1))
    consider(store, NAME)
    assert decisions(deployed)[0] == ("schedule", "asked", "")


def test_the_budget_counts_neither_failed_retrainings_nor_those_by_hand(
    deployed: Workspace, clock: FixedClock
) -> None:
    pipelines, store = deployed.pipelines, deployed.store
    pipelines.set_retraining_policy(
        NAME, triggers={"schedule": {"days": 1}, "manual": {}}, monthly_budget=1
    )
    pipelines.retrain(NAME, "by hand")
    end_jobs(deployed)
    clock.advance(timedelta(days=1))
    assert consider(store, NAME) is not None
    end_jobs(deployed, "failed")
    clock.advance(timedelta(days=1))
    assert consider(store, NAME) is not None
    end_jobs(deployed)
    clock.advance(timedelta(days=1))
    assert consider(store, NAME) is None
    assert decisions(deployed)[0] == ("schedule", "held", "budget")


def test_off_means_never(deployed: Workspace) -> None:
    pipelines = deployed.pipelines
    pipelines.set_retraining_policy(NAME, mode="off")
    alert = fire(deployed)
    assert consider(deployed.store, NAME, [alert]) is None
    assert decisions(deployed) == [("alert", "held", "off")]
    with pytest.raises(Conflict, match="is off"):
        pipelines.retrain(NAME, "by hand")
    assert "is off" in pipelines.reason_not_retrained(NAME)  # a form offers no button
    pipelines.set_retraining_policy(NAME, mode="auto", triggers=["alert"])
    with pytest.raises(Conflict, match="by hand"):
        pipelines.retrain(NAME, "by hand")
    assert "by hand" in pipelines.reason_not_retrained(NAME)


def test_one_retraining_is_under_way_at_a_time(deployed: Workspace) -> None:
    job = deployed.pipelines.retrain(NAME, "by hand")
    with pytest.raises(Conflict, match="under way") as refused:
        deployed.pipelines.retrain(NAME, "again")
    assert job in refused.value.hint
    assert "under way" in deployed.pipelines.reason_not_retrained(NAME)
