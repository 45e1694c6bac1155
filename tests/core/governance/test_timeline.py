"""The timeline: every kind of event once, by page, kind and date, of one model and of all."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from harness.synthetic_history import BEGAN, SyntheticHistory
from pilothouse.activity import record
from pilothouse.data.tables import Dataset, DatasetVersion
from pilothouse.deployments.tables import Deployment
from pilothouse.governance.event_sources import KINDS
from pilothouse.jobs.tables import Job
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.monitoring.tables import Alert, AlertEvent, AlertRule, Window
from pilothouse.pipelines.tables import RetrainingDecision
from pilothouse.workspace import Workspace

MODEL = "model_0001"
DEPLOYMENT = f"serves_{MODEL}"


@pytest.fixture
def past(workspace: Workspace, clock: FixedClock) -> Workspace:
    """A history of three models, and an event of each other kind for one of them."""
    store, now = workspace.store, clock.now()
    SyntheticHistory(models=3, versions=20).insert(store)
    with store.write() as session:
        session.add(Dataset(name="visits", created_at=now, created_by="ada"))
        session.flush()
        session.add(
            DatasetVersion(
                dataset="visits", version=1, content_hash="a", digest="0" * 64, rows=1200,
                columns=2, bytes=3, created_at=now, created_by="ada",
            )
        )  # fmt: skip
        session.add(
            Job(id="j1", kind="retrain", title="Retrain", subject_ref=DEPLOYMENT, status="failed",
                error="no rows", requested_by="ada", created_at=now)
        )  # fmt: skip
        session.add(
            RetrainingDecision(id="d1", deployment=DEPLOYMENT, trigger="alert", reason="drift",
                               outcome="declined", decided_by="grace", at=now)
        )  # fmt: skip
        _alert(session, now)
        record(session, store, "changed", "gate_policy", "production", reason="stricter")
        record(session, store, "evaluated", "window", "w1")
    return workspace


def _alert(session, now) -> None:
    window = Window(
        id="w1", deployment=DEPLOYMENT, model=MODEL, version=1, start=now, end=now, rows=9,
        labelled=9, status="fail", drift_status="fail", performance_status="ok", columns=1,
        judged=1, drifted=1, profile="", content="", created_at=now, evaluated_at=now,
    )  # fmt: skip
    rule = AlertRule(
        id="r1", deployment=DEPLOYMENT, name="any drift", signal="feature_drift",
        check="drifted_share", condition="above", threshold=0.2, created_at=now, created_by="ada",
    )  # fmt: skip
    session.add_all([window, rule])
    session.flush()
    alert = Alert(
        id="a1", fingerprint="f", rule_id="r1", deployment=DEPLOYMENT, name="any drift",
        severity="warning", action="none", state="resolved", breaches=2, message="0.4 > 0.2",
        first_window="w1", last_window="w1", opened_at=now, fired_at=now,
    )  # fmt: skip
    session.add(alert)
    session.flush()
    for before, after in (("", "pending"), ("pending", "firing"), ("firing", "resolved")):
        at = now + timedelta(hours=len(after))
        session.add(AlertEvent(alert_id="a1", at=at, before=before, after=after, by="monitor"))


def titles(frame: pd.DataFrame) -> list[str]:
    return list(frame["title"])


def test_each_kind_of_event_stands_in_words_with_its_address(past: Workspace) -> None:
    store = past.store
    with store.write() as session:
        session.get_one(Deployment, DEPLOYMENT)
        session.connection().exec_driver_sql(
            f"UPDATE registry_version SET dataset = 'visits@1' WHERE model = '{MODEL}'"
        )
    newest = past.governance.timeline(MODEL, since=store.now() - timedelta(minutes=1))
    assert set(titles(newest)) == {
        f"Any drift (feature drift) on {DEPLOYMENT} fired".replace("Any", "any"),
        f"any drift (feature drift) on {DEPLOYMENT} was resolved",
        f"A retraining of {DEPLOYMENT} was started",
        f"A retraining of {DEPLOYMENT} was asked for, and declined",
        "visits 1 was registered, 1,200 rows",
        "Gate policy production was changed",
    }
    assert set(newest["object_kind"]) == {"alert", "job", "deployment", "dataset", "gate_policy"}
    everything = past.governance.timeline(MODEL, size=1_000)
    assert set(everything["kind"]) == set(KINDS)
    assert set(everything["model"]) <= {MODEL, ""}
    assert everything["at"].is_monotonic_decreasing


def test_pages_and_kinds_divide_the_events_without_a_rest(past: Workspace) -> None:
    governance = past.governance
    for model in (None, MODEL):
        whole = governance.timeline(model, size=10_000)
        assert len(whole) == governance.timeline_count(model)
        pages = [governance.timeline(model, page=page, size=7) for page in range(1, 60)]
        assert titles(pd.concat(pages)) == titles(whole)[: 7 * 59]
        by_kind = [governance.timeline_count(model, kinds=[kind]) for kind in KINDS]
        assert sum(by_kind) == len(whole)
        assert [int((whole["kind"] == kind).sum()) for kind in KINDS] == by_kind


def test_a_week_has_what_happened_in_it_and_no_routine(past: Workspace) -> None:
    since, until = BEGAN + timedelta(days=30), BEGAN + timedelta(days=37)
    governance = past.governance
    week = governance.timeline(since=since, until=until, size=1_000)
    whole = governance.timeline(size=10_000)
    within = whole[(whole["at"] >= since) & (whole["at"] < until)]
    assert titles(week) == titles(within)
    assert governance.timeline_count(since=since, until=until) == len(week) > 5
    assert "w1" not in set(whole["ref"])


def test_an_unknown_model_and_an_unknown_kind_are_refused(past: Workspace) -> None:
    with pytest.raises(NotFound):
        past.governance.timeline("nothing")
    with pytest.raises(Invalid, match="gossip"):
        past.governance.timeline(kinds=["gossip"])
