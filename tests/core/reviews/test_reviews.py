"""Reviews: an agenda of what waits, and minutes that say what happened and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pilothouse.activity import record
from pilothouse.jobs.tables import FAILED, Job
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.reviews import ReviewInfo
from pilothouse.storage import Store
from pilothouse.workspace import Workspace

MINUTE = timedelta(minutes=1)


def add_job(store: Store, name: str) -> None:
    with store.write() as session:
        session.add(
            Job(
                id=name,
                kind="train",
                title=f"Train {name}",
                status=FAILED,
                error="out of *luck*",
                requested_by="ada",
                created_at=store.now(),
                ended_at=store.now(),
            )
        )


@pytest.fixture
def held(workspace: Workspace, store: Store, clock: FixedClock) -> ReviewInfo:
    """A review of two failed jobs, the newest first."""
    for name in ("first", "second"):
        add_job(store, name)
        clock.advance(MINUTE)
    return workspace.reviews.start("Models on Monday", ["grace"])


def test_the_agenda_is_what_waits_and_does_not_change_while_it_is_held(
    workspace: Workspace, store: Store, held: ReviewInfo
) -> None:
    assert [item.ref for item in held.agenda] == ["second", "first"]
    assert held.people == ("ada", "grace")
    add_job(store, "third")
    workspace.attention.dismiss([held.agenda[0].id], "known")
    assert workspace.reviews.review(held.id).agenda == held.agenda
    assert [item.ref for item in workspace.reviews.agenda()] == ["third", "first"]


def test_one_review_is_held_at_a_time(workspace: Workspace, held: ReviewInfo) -> None:
    with pytest.raises(Conflict, match="Models on Monday"):
        workspace.reviews.start("another")
    assert workspace.reviews.current() == held
    workspace.reviews.end(held.id)
    assert workspace.reviews.current() is None
    assert workspace.reviews.start("another").title == "another"


@pytest.mark.parametrize("title", ["", "  ", "x" * 121])
def test_a_title_is_needed(workspace: Workspace, title: str) -> None:
    with pytest.raises(Invalid, match="title"):
        workspace.reviews.start(title)


def test_minutes_have_what_people_did_in_the_meeting(
    workspace: Workspace, store: Store, clock: FixedClock, held: ReviewInfo
) -> None:
    first, second = held.agenda
    clock.advance(MINUTE)
    workspace.attention.dismiss([first.id], "a known fault")
    workspace.reviews.note(held.id, second.id, "wait for the *labels* of May")
    with store.acting_as("worker").write() as session:  # what happens by itself is no decision
        record(session, store.acting_as("worker"), "ended", second.kind, second.ref)
    clock.advance(MINUTE)
    workspace.reviews.end(held.id)
    clock.advance(MINUTE)
    workspace.attention.restore([first.id])  # after the end: not in the minutes

    minutes = workspace.reviews.minutes(held.id)
    decided, left = minutes.points
    assert [(remark.by, remark.verb, remark.text) for remark in decided.decisions] == [
        ("ada", "dismissed", "a known fault")
    ]
    assert (decided.outcome, left.outcome, minutes.decided) == ("dismissed", "left open", 1)
    assert [note.text for note in left.notes] == ["wait for the *labels* of May"]


def test_the_written_minutes_are_kept_and_literal(workspace: Workspace, held: ReviewInfo) -> None:
    workspace.reviews.note(held.id, held.agenda[0].id, "see <script>alert(1)</script> | [x](y)")
    ended = workspace.reviews.end(held.id)
    text = workspace.reviews.minutes_markdown(held.id)
    assert ended.minutes is not None
    assert workspace.store.artifacts.read(ended.minutes).decode().splitlines()[0] == (
        "# Models on Monday"
    )
    assert "out of \\*luck\\*" in text
    assert "\\<script\\>" in text
    page = workspace.reviews.minutes_html(held.id).decode()
    assert "<script>alert" not in page
    assert "0 of 2" in page
    entry = workspace.activity.entries(kind="review").iloc[0]
    assert (entry["verb"], entry["after"]) == ("ended", {"minutes": ended.minutes})


def test_the_next_review_says_what_changed_in_between(
    workspace: Workspace, clock: FixedClock, held: ReviewInfo
) -> None:
    workspace.reviews.end(held.id)
    clock.advance(MINUTE)
    workspace.attention.dismiss([held.agenda[0].id], "known")
    clock.advance(MINUTE)
    following = workspace.reviews.start("Models on Tuesday")
    assert workspace.reviews.minutes(following.id).changes == (("job dismissed", 1),)


def test_an_ended_review_takes_no_notes(workspace: Workspace, held: ReviewInfo) -> None:
    workspace.reviews.end(held.id)
    with pytest.raises(Conflict, match="has ended"):
        workspace.reviews.note(held.id, held.agenda[0].id, "late")
    with pytest.raises(Conflict, match="has ended"):
        workspace.reviews.end(held.id)
    with pytest.raises(NotFound):
        workspace.reviews.review("another")
    with pytest.raises(NotFound, match="agenda"):
        workspace.reviews.review(held.id).item("job:another")
