"""People: who decides, with which rights, and that the account of the system never does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound, PersonNeeded, Refused
from pilothouse.kit.settings import Settings
from pilothouse.people import require_person, require_right
from pilothouse.people.persons import initials
from pilothouse.people.rights import APPROVE, EDIT_POLICIES, OVERRIDE, RIGHTS
from pilothouse.workspace import Workspace, open_workspace


@pytest.fixture
def unnamed(new_folder: Path, clock: FixedClock) -> Iterator[Workspace]:
    opened = open_workspace(settings=Settings(workspace=new_folder, actor=""), clock=clock)
    yield opened
    opened.store.engine.dispose()


def decide(workspace: Workspace, right: str = "") -> str:
    with workspace.store.write() as session:
        if right:
            return require_right(session, workspace.store, right, "it is decided").name
        return require_person(session, workspace.store, "it is decided").name


class TestDeciding:
    def test_the_account_of_the_system_decides_nothing(self, unnamed: Workspace) -> None:
        with pytest.raises(PersonNeeded, match="people choose NAME"):
            decide(unnamed)
        with pytest.raises(PersonNeeded):
            unnamed.registry.promote("late", 1, "staging", "please")
        assert unnamed.people.people() == []

    def test_the_first_person_is_added_with_every_right(self, workspace: Workspace) -> None:
        assert decide(workspace, OVERRIDE) == "ada"
        assert workspace.people.people()[0].rights == tuple(RIGHTS)
        assert list(workspace.activity.entries(kind="person")["actor"]) == ["ada"]

    def test_an_unknown_name_decides_nothing_where_there_are_people(
        self, workspace: Workspace
    ) -> None:
        workspace.people.add("ada")
        with pytest.raises(NotFound, match="people add"):
            decide(workspace.acting_as("bo"))

    def test_a_part_of_the_program_decides_nothing(self, workspace: Workspace) -> None:
        with pytest.raises(Refused, match="not by retraining"):
            decide(workspace.acting_as("retraining"))

    def test_whoever_has_left_decides_nothing(self, workspace: Workspace) -> None:
        workspace.people.add("ada")
        workspace.people.add("Bo", rights=[APPROVE])
        workspace.people.change("Bo", active=False, reason="has left")
        with pytest.raises(Refused, match="no longer active"):
            decide(workspace.acting_as("Bo"))


class TestRights:
    def test_one_person_alone_has_every_right(self, workspace: Workspace) -> None:
        workspace.people.add("ada")
        workspace.people.change("ada", rights=[APPROVE, EDIT_POLICIES])
        assert workspace.people.may(OVERRIDE)
        workspace.people.add("Bo")
        assert not workspace.people.may(OVERRIDE)

    def test_the_others_have_those_that_were_given(self, workspace: Workspace) -> None:
        workspace.people.add("ada")
        workspace.people.add("Bo")
        bo = workspace.acting_as("Bo")
        with pytest.raises(Refused, match="Those who have it: ada"):
            decide(bo, APPROVE)
        with pytest.raises(Refused):
            bo.people.change("Bo", rights=list(RIGHTS))
        workspace.people.change("Bo", rights=[APPROVE], reason="joins the team")
        assert decide(bo, APPROVE) == "Bo"

    def test_rights_are_not_given_by_whoever_has_none(self, workspace: Workspace) -> None:
        workspace.people.add("ada")
        workspace.people.add("Bo")
        with pytest.raises(Refused):
            workspace.acting_as("Bo").people.add("Cy", rights=[APPROVE])
        with pytest.raises(Invalid, match="no right"):
            workspace.people.add("Cy", rights=["everything"])

    def test_somebody_always_may_approve_and_give_rights(self, workspace: Workspace) -> None:
        workspace.people.add("ada")
        workspace.people.add("Bo")
        workspace.people.add("Cy")
        with pytest.raises(Conflict, match="nobody would be left"):
            workspace.people.change("ada", rights=[APPROVE])
        with pytest.raises(Conflict, match="nobody would be left"):
            workspace.people.change("ada", active=False)

    def test_own_address_needs_no_right(self, workspace: Workspace) -> None:
        workspace.people.add("ada")
        workspace.people.add("Bo")
        bo = workspace.acting_as("Bo")
        assert bo.people.change("Bo", email="bo@example.org").email == "bo@example.org"
        with pytest.raises(Refused):
            bo.people.change("ada", email="x@example.org")


class TestNames:
    @pytest.mark.parametrize("name", ["", " a", "a  b", "@a", "worker", "a\nb", "x" * 61])
    def test_what_cannot_be_a_name_is_said(self, workspace: Workspace, name: str) -> None:
        with pytest.raises(Invalid, match="cannot be called"):
            workspace.people.add(name)

    def test_a_name_is_taken_in_any_case(self, workspace: Workspace) -> None:
        workspace.people.add("Ada Lovelace")
        with pytest.raises(Conflict, match="Ada Lovelace"):
            workspace.people.add("ada lovelace")

    def test_an_address_has_an_at_sign(self, workspace: Workspace) -> None:
        with pytest.raises(Invalid, match="e-mail"):
            workspace.people.add("ada", "nowhere")

    def test_initials_are_those_of_the_first_and_the_last_word(self) -> None:
        assert [initials(name) for name in ("Ada", "Ada King Lovelace")] == ["A", "AL"]


class TestChoice:
    def test_commands_of_an_account_act_as_the_person_chosen(self, unnamed: Workspace) -> None:
        assert unnamed.people.chosen() is None
        assert unnamed.people.choose("Ada").rights == tuple(RIGHTS)
        assert unnamed.people.chosen().name == "Ada"
        with pytest.raises(NotFound):
            unnamed.people.choose("Bo")

    def test_whoever_has_left_is_not_chosen_any_more(self, unnamed: Workspace) -> None:
        unnamed.people.choose("Ada")
        ada = unnamed.acting_as("Ada")
        ada.people.add("Bo", rights=list(RIGHTS))
        ada.people.change("Ada", active=False)
        assert unnamed.people.chosen() is None
