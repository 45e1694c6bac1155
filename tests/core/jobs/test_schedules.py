"""Schedules: each time once, an outage caught up by one job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pilothouse.jobs.schedules import next_time, submit_due
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.workspace import Workspace


def fire(workspace: Workspace) -> list[str]:
    with workspace.store.write() as session:
        return submit_due(session, workspace.store)


@pytest.fixture
def hourly(workspace: Workspace) -> Workspace:
    workspace.jobs.add_schedule(
        "hourly", "0 * * * *", "evaluate", {"n": 1}, title="Evaluate", subject=("deployment", "d")
    )
    return workspace


def test_a_schedule_fires_once_for_each_time_it_names(hourly: Workspace, clock: FixedClock) -> None:
    assert fire(hourly) == []
    clock.advance(timedelta(hours=1))
    [first] = fire(hourly)
    assert fire(hourly) == []
    clock.advance(timedelta(minutes=59, seconds=59))
    assert fire(hourly) == []
    clock.advance(timedelta(seconds=1))
    [second] = fire(hourly)
    assert first != second
    job = hourly.jobs.job(second)
    assert (job.kind, job.args, job.requested_by) == ("evaluate", {"n": 1}, "schedule")
    assert (job.subject_kind, job.subject_ref) == ("deployment", "d")


def test_an_outage_is_caught_up_by_one_job(hourly: Workspace, clock: FixedClock) -> None:
    clock.advance(timedelta(days=2, minutes=30))
    assert len(fire(hourly)) == 1
    assert fire(hourly) == []
    [row] = hourly.jobs.schedules().to_dict("records")
    assert row["next_at"] == clock.now() + timedelta(minutes=30)
    assert row["last_at"] == clock.now()


def test_a_paused_schedule_rests_and_goes_on_from_now(hourly: Workspace, clock: FixedClock) -> None:
    hourly.jobs.pause_schedule("hourly", "maintenance")
    clock.advance(timedelta(hours=5))
    assert fire(hourly) == []
    hourly.jobs.resume_schedule("hourly")
    assert fire(hourly) == []
    clock.advance(timedelta(hours=1))
    assert len(fire(hourly)) == 1
    verbs = list(hourly.activity.entries(kind="schedule", ref="hourly")["verb"])
    assert verbs == ["resumed", "paused", "scheduled"]


def test_a_removed_schedule_leaves_its_jobs(hourly: Workspace, clock: FixedClock) -> None:
    clock.advance(timedelta(hours=1))
    [job_id] = fire(hourly)
    hourly.jobs.remove_schedule("hourly")
    assert hourly.jobs.schedules().empty
    assert hourly.jobs.job(job_id).title == "Evaluate"
    with pytest.raises(NotFound, match="hourly"):
        hourly.jobs.pause_schedule("hourly")


def test_a_name_is_taken_once_and_needed(hourly: Workspace) -> None:
    with pytest.raises(Conflict, match="hourly"):
        hourly.jobs.add_schedule("hourly", "0 6 * * *", "evaluate", {}, title="Again")
    with pytest.raises(Invalid) as needed:
        hourly.jobs.add_schedule(" ", "0 6 * * *", "evaluate", {}, title="Nameless")
    assert needed.value.fields == {"name": "needed"}


@pytest.mark.parametrize("cron", ["", "often", "61 * * * *", "* * * *", "0 0 30 2 *"])
def test_a_bad_cron_expression_is_invalid_in_words(workspace: Workspace, cron: str) -> None:
    with pytest.raises(Invalid, match="not a cron expression") as bad:
        workspace.jobs.add_schedule("bad", cron, "evaluate", {}, title="Bad")
    assert "cron" in bad.value.fields
    assert workspace.jobs.schedules().empty


def test_times_are_utc_and_strictly_later() -> None:
    monday = datetime(2026, 3, 2, 6, tzinfo=UTC)
    assert next_time("0 6 * * 1", monday) == monday + timedelta(days=7)
    assert next_time("0 6 * * 1", monday - timedelta(microseconds=1)) == monday
    assert next_time("0 6 * * 1", monday).tzinfo is not None
