"""What needs a person stays until it is dealt with or dismissed, and comes back when it recurs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pilothouse.activity import record
from pilothouse.deployments.replica_states import CRASH_LOOP_AFTER, CRASH_LOOPED
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.jobs.tables import CANCELLED, FAILED, SUCCEEDED, Job
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import NotFound
from pilothouse.storage import Store
from pilothouse.workspace import Workspace

HOUR = timedelta(hours=1)


def add_job(store: Store, name: str, status: str = FAILED, *, of: str = "Train a forest") -> None:
    with store.write() as session:
        now = store.now()
        session.add(
            Job(
                id=name,
                kind="train",
                title=of,
                status=status,
                error="out of luck",
                requested_by="ada",
                created_at=now,
                ended_at=now,
            )
        )


def titles(workspace: Workspace, *, dismissed: bool = False) -> list[str]:
    return [item.title for item in workspace.attention.items(dismissed=dismissed)]


def test_every_failed_job_stays_however_many_follow(
    workspace: Workspace, store: Store, clock: FixedClock
) -> None:
    for number in range(12):
        add_job(store, f"j{number}", of=f"Train no. {number}")
        clock.advance(HOUR)
        add_job(store, f"good{number}", SUCCEEDED, of=f"Train no. {number}")
        add_job(store, f"gone{number}", CANCELLED, of=f"Train no. {number}")
    assert titles(workspace) == [f"Train no. {number}" for number in reversed(range(12))]


def test_the_same_work_that_fails_again_and_again_is_one_item(
    workspace: Workspace, store: Store, clock: FixedClock
) -> None:
    for number in range(3):
        add_job(store, f"j{number}")
        clock.advance(HOUR)
    (item,) = workspace.attention.items()
    assert (item.ref, item.count, item.message) == ("j2", 3, "out of luck")


def test_a_job_that_was_tried_again_has_been_dealt_with(workspace: Workspace, store: Store) -> None:
    add_job(store, "first")
    workspace.jobs.retry("first", "once more")
    assert titles(workspace) == []


def test_dismissing_is_kept_with_who_and_why_and_written_down(
    workspace: Workspace, store: Store
) -> None:
    add_job(store, "first")
    (item,) = workspace.attention.items()
    assert workspace.acting_as("grace").attention.dismiss([item.id], "known") == 1
    assert titles(workspace) == []
    (gone,) = workspace.attention.items(dismissed=True)
    assert gone.dismissal is not None
    assert (gone.dismissal.by, gone.dismissal.reason) == ("grace", "known")
    entry = workspace.activity.entries().iloc[0]
    assert (entry["actor"], entry["verb"], entry["kind"], entry["ref"]) == (
        "grace", "dismissed", "job", "first",
    )  # fmt: skip
    assert workspace.activity.verify().intact

    workspace.attention.restore([item.id])
    assert titles(workspace) == ["Train a forest"]
    assert workspace.activity.entries().iloc[0]["verb"] == "put back"


def test_what_was_dismissed_comes_back_when_it_happens_again(
    workspace: Workspace, store: Store, clock: FixedClock
) -> None:
    add_job(store, "first")
    workspace.attention.dismiss([workspace.attention.items()[0].id])
    clock.advance(HOUR)
    add_job(store, "second")
    (item,) = workspace.attention.items()
    assert (item.ref, item.count) == ("second", 2)


def test_what_is_not_on_the_list_cannot_be_dismissed(workspace: Workspace, store: Store) -> None:
    add_job(store, "first")
    (item,) = workspace.attention.items()
    with pytest.raises(NotFound, match="job:nothing"):
        workspace.attention.dismiss([item.id, "job:nothing"])
    assert titles(workspace) == ["Train a forest"]  # nothing of it was done
    workspace.attention.dismiss([item.id])
    with pytest.raises(NotFound, match="needs a person"):
        workspace.attention.dismiss([item.id])


def deploy(store: Store) -> None:
    with store.write() as session:
        now = store.now()
        session.add(
            Deployment(
                name="late",
                model="late",
                version=2,
                created_at=now,
                created_by="ada",
                updated_at=now,
            )
        )
        session.flush()
        session.add(Replica(deployment="late", version=2, ordinal=0, state="starting"))


def crash(store: Store, *, noted: bool = True) -> None:
    with store.write() as session:
        replica = session.get_one(Replica, 1)
        replica.state, replica.fast_crashes = "crash_loop", CRASH_LOOP_AFTER
        replica.last_exit = "exit code 1"
        if noted:
            by = store.acting_as("controller")
            record(session, by, CRASH_LOOPED, "deployment", "late", reason="exit code 1")


def change(store: Store, **values: object) -> None:
    with store.write() as session:
        for name, value in values.items():
            setattr(session.get_one(Replica, 1), name, value)


@pytest.mark.parametrize("noted", [True, False])  # older programs did not note it
def test_a_crash_loop_is_on_the_list_with_its_last_end(
    workspace: Workspace, store: Store, clock: FixedClock, noted: bool
) -> None:
    deploy(store)
    clock.advance(HOUR)
    crash(store, noted=noted)
    (item,) = workspace.attention.items()
    assert (item.kind, item.ref, item.state) == ("deployment", "late", "crash_loop")
    assert item.message == "exit code 1"


def test_a_crash_loop_that_ended_by_itself_stays_until_somebody_acts(
    workspace: Workspace, store: Store, clock: FixedClock
) -> None:
    deploy(store)
    clock.advance(HOUR)
    crash(store)
    change(store, state="ready", fast_crashes=0)
    (item,) = workspace.attention.items()
    assert item.state == "recovered"
    clock.advance(HOUR)
    with store.write() as session:
        session.get_one(Deployment, "late").updated_at = store.now()  # as a swap does
    assert workspace.attention.items() == []


def test_a_dismissed_crash_loop_comes_back_with_the_next_one(
    workspace: Workspace, store: Store, clock: FixedClock
) -> None:
    deploy(store)
    clock.advance(HOUR)
    crash(store)
    workspace.attention.dismiss(["deployment:late"], "the data team is on it")
    assert workspace.attention.items() == []
    clock.advance(HOUR)
    change(store, state="ready", fast_crashes=0)
    assert workspace.attention.items() == []
    crash(store)
    assert titles(workspace) == ["late: version 2 keeps ending"]
