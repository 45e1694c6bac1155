"""Comments: written, edited and removed with a trace; mentions and assignments reach people."""

from __future__ import annotations

import pytest

from pilothouse.comments.mentions import mentioned
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.people.rights import APPROVE
from pilothouse.workspace import Workspace

NAMES = ("Bo", "Bo Derek", "ada")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ada and @Bo.", ("ada", "Bo")),
        ("@bo derek, look", ("Bo Derek",)),
        ("@Bob and a@ada and ada", ()),
        ("@ADA @ada", ("ada",)),
        ("(@Bo) @nobody", ("Bo",)),
    ],
)
def test_names_behind_an_at_sign_are_mentions(text: str, names: tuple[str, ...]) -> None:
    assert mentioned(text, NAMES) == names


@pytest.fixture
def run(workspace: Workspace) -> str:
    workspace.people.add("ada")
    workspace.people.add("Bo", rights=[APPROVE])
    return workspace.experiments.start("shop")


@pytest.fixture
def bo(workspace: Workspace, run: str) -> Workspace:
    return workspace.acting_as("Bo")


def mine(workspace: Workspace, person: str) -> list[str]:
    return [item.title for item in workspace.attention.items(person=person)]


class TestComments:
    def test_a_comment_is_kept_with_its_author(self, workspace: Workspace, run: str) -> None:
        comment = workspace.comments.add("run", run, "**fine**, @Bo")
        assert (comment.author, comment.mentions) == ("ada", ("Bo",))
        assert workspace.comments.comments("run", run) == [comment]
        entry = workspace.activity.entries(verb="commented").iloc[0]
        assert (entry["kind"], entry["ref"], entry["actor"]) == ("run", run, "ada")

    def test_the_log_keeps_what_stood_there_before(self, workspace: Workspace, run: str) -> None:
        comment = workspace.comments.add("run", run, "the first")
        edited = workspace.comments.edit(comment.id, "the second")
        assert edited.text == "the second"
        assert edited.edited_at is not None
        workspace.comments.remove(comment.id, "a mistake")
        (removed,) = workspace.comments.comments("run", run)
        assert (removed.text, removed.author) == ("", "ada")
        texts = [
            (entry["before"] or {}).get("text")
            for _, entry in workspace.activity.entries(kind="run").iterrows()
        ]
        assert texts[:2] == ["the second", "the first"]
        with pytest.raises(Conflict):
            workspace.comments.edit(comment.id, "again")

    def test_only_the_author_changes_it(
        self, workspace: Workspace, bo: Workspace, run: str
    ) -> None:
        comment = workspace.comments.add("run", run, "mine")
        with pytest.raises(Refused):
            bo.comments.edit(comment.id, "yours")
        with pytest.raises(Refused):
            bo.comments.remove(comment.id)

    def test_what_cannot_be_commented_on_is_said(self, workspace: Workspace, run: str) -> None:
        with pytest.raises(Invalid, match="nobody comments"):
            workspace.comments.add("job", "x", "why")
        for kind, ref in (("run", "x"), ("version", "late"), ("version", "late@1"), ("alert", "")):
            with pytest.raises(NotFound):
                workspace.comments.add(kind, ref, "why")
        for text in (" ", "x" * 10_001):
            with pytest.raises(Invalid):
                workspace.comments.add("run", run, text)


class TestInbox:
    def test_a_mention_waits_for_its_person_until_it_is_answered(
        self, workspace: Workspace, bo: Workspace, run: str
    ) -> None:
        workspace.comments.add("run", run, "@Bo please look")
        assert mine(workspace, "Bo") == ["ada mentions Bo"]
        assert mine(workspace, "ada") == []
        bo.comments.add("run", run, "done")
        assert mine(workspace, "Bo") == []

    def test_a_mention_is_dismissed_and_goes_with_its_comment(
        self, workspace: Workspace, run: str
    ) -> None:
        comment = workspace.comments.add("run", run, "@Bo please look")
        (item,) = workspace.attention.items(person="Bo")
        workspace.attention.dismiss([item.id], "seen")
        assert mine(workspace, "Bo") == []
        (gone,) = workspace.attention.items(dismissed=True, person="Bo")
        assert gone.dismissal.reason == "seen"
        workspace.comments.remove(comment.id)
        assert workspace.attention.items(dismissed=True) == []

    def test_only_promotions_and_alerts_are_assigned(self, workspace: Workspace, run: str) -> None:
        with pytest.raises(Invalid, match="not assigned"):
            workspace.attention.assign("run", run, "Bo")
        with pytest.raises(NotFound):
            workspace.attention.assign("alert", "x", "Bo")
