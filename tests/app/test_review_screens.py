"""Reviews: the list, one question at a time, and the minutes."""

from __future__ import annotations

import pytest

from pilothouse.registry.policy import Approvals, GateRule, Policy
from pilothouse.workspace import Workspace


def text_of(page) -> str:
    drawn = (*page.title, *page.header, *page.markdown, *page.caption)
    return "\n".join(str(each.value) for each in drawn)


def press(page, label: str):
    return next(each for each in page.button if each.label == label).click().run()


@pytest.fixture
def held(served: Workspace, answering: None) -> str:
    """A review of a promotion and an alert."""
    served.registry.propose("late", 2, "production", "better in april")
    return served.reviews.start("Models on Monday").id


def test_without_a_review_the_page_says_what_one_is(visit):
    page = visit("reviews")
    assert not page.exception
    assert "No review was held yet" in text_of(page)
    assert "Start a review" in [each.label for each in page.button]


def test_a_review_that_is_open_is_gone_on_with(tour, held):
    page = tour("reviews")
    assert not page.exception
    assert "Go on" in [each.label for each in page.button]
    assert [list(each) for each in page.dataframe[0].value["state"]] == [["Open"]]


def test_the_agenda_lists_what_is_to_be_decided(tour, held):
    page = tour("review", id=held)
    assert not page.exception
    labels = [each.label for each in page.button if each.label[0].isdigit()]
    assert labels[0] == "1. late 2 to production"
    assert all("Alert" in label for label in labels[1:])


def test_a_promotion_is_asked_about_with_its_figures(tour, served, held):
    page = tour("review", id=held, item="1")
    assert not page.exception
    text = text_of(page)
    assert "Promote late 2 to production?" in text
    assert "becomes the champion" in text
    assert page.metric


def test_an_alert_is_asked_about_with_its_sentences(tour, served, held):
    kinds = [item.kind for item in served.reviews.review(held).agenda]
    page = tour("review", id=held, item=str(kinds.index("alert") + 1))
    assert not page.exception
    assert "what do we do?" in text_of(page)
    assert "Acknowledge" in [each.label for each in page.button]


def test_a_note_is_written_down(tour, served, held):
    page = tour("review", id=held, item="1")
    page.text_area[0].input("wait for the labels of May").run()
    assert not press(page, "Add the note").exception
    (note,) = served.reviews.minutes(held).points[0].notes
    assert note.text == "wait for the labels of May"


@pytest.mark.parametrize("item", ["99", "-1", "one", ""])
def test_an_item_that_is_not_there_is_the_nearest_one(tour, held, item):
    assert not tour("review", id=held, item=item).exception


def test_an_ended_review_shows_its_minutes(tour, served, held):
    promotion = served.reviews.review(held).agenda[0].ref
    served.registry.decide(promotion, False, "not before the summer")
    served.reviews.end(held)
    page = tour("review", id=held)
    assert not page.exception
    text = text_of(page)
    assert "rejected" in text
    assert "not before the summer" in text
    assert "left open" in text


def test_a_review_without_an_id_leads_back(visit):
    page = visit("review")
    assert not page.exception
    assert "Which review?" in text_of(page)


def test_a_promotion_that_needs_another_vote_is_left_open(tour, served, held):
    served.people.add("grace", rights=["approve"])
    two = Approvals(needed=2)
    gates = (GateRule("beats_champion"),)
    served.policies.save(Policy("two-people", "production", ("late",), gates, two), "it matters")
    promotion = served.reviews.review(held).agenda[0].ref
    served.acting_as("grace").registry.decide(promotion, True, "the labels of May are in")
    (point, *_) = served.reviews.minutes(held).points
    assert point.outcome == "left open"
    assert [(each.by, each.verb, each.text) for each in point.decisions] == [
        ("grace", "voted to approve", "the labels of May are in")
    ]
