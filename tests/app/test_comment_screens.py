"""Comments on a page, what waits for the person of the browser, and assignees."""

from __future__ import annotations

import pytest

from pilothouse.workspace import Workspace


@pytest.fixture
def team(served: Workspace) -> Workspace:
    if not served.people.people():
        served.people.add("ada")
    served.people.add("bo")
    return served


def text_of(page) -> str:
    return "\n".join(str(item.value) for item in page.markdown).replace("\\", "")


def test_a_comment_is_written_below_a_version(tour, team):
    page = tour("version", ref="late@2")
    assert not page.exception
    page.text_area(key="comment_version_late@2_0").input("**fine**, @bo").run()
    page.button(key="comment_version_late@2_go").click().run()
    assert not page.exception
    (comment,) = team.comments.comments("version", "late@2")
    assert (comment.author, comment.mentions) == ("ada", ("bo",))
    assert "**fine**, @bo" in text_of(page.run())


def test_what_is_removed_says_only_that_it_was(tour, team):
    comment = team.comments.add("version", "late@2", "not for you")
    team.comments.remove(comment.id)
    page = tour("version", ref="late@2")
    assert "not for you" not in text_of(page)
    assert any("removed a comment" in str(item.value) for item in page.caption)


def test_every_page_with_comments_draws_them(tour, team):
    alert = team.monitoring.alerts()["id"].iloc[0]
    window = team.monitoring.windows("late")["id"].iloc[0]
    for path, kind, name, ref in (
        ("alert", "alert", "id", alert),
        ("window", "window", "id", window),
        ("deployment", "deployment", "name", "late"),
        ("run", "run", "id", f"{1:032x}"),
    ):
        team.comments.add(kind, ref, f"about the {kind}")
        page = tour(path, **{name: ref})
        assert not page.exception
        assert f"about the {kind}" in text_of(page)


def test_the_inbox_has_what_waits_for_me(tour, team):
    team.acting_as("bo").comments.add("version", "late@2", "@ada look at this")
    rows = tour("attention", attention_view="For me").dataframe[0].value
    assert list(rows["title"]) == ["bo mentions ada"]
    assert list(rows["for"]) == ["ada"]


def test_an_alert_is_assigned_on_its_page(tour, team):
    alert = team.monitoring.alerts()["id"].iloc[0]
    page = tour("alert", id=alert)
    page.selectbox(key=f"assignee_alert_{alert}_").set_value("bo").run()
    assert not page.exception
    assert team.attention.assignee("alert", alert) == "bo"
