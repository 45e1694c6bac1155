"""People: the page, the name in the menu, and names that dialogs ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace
from pilothouse_app import server
from pilothouse_app.components.workspace import ENVIRONMENT, PERSON

MAIN = Path(server.__file__).parent / "main.py"


@pytest.fixture
def unnamed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    """The same folder, opened where nobody is chosen."""
    settings = Settings(workspace=workspace.folder, actor="")
    opened = open_workspace(settings=settings, clock=workspace.store.clock)
    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: opened)
    yield opened
    opened.store.engine.dispose()


def confirm_script() -> None:
    """A dialog with one command, open at every run."""
    from pilothouse_app.components.confirm import confirm
    from pilothouse_app.components.workspace import workspace

    confirm(
        *("Create", ""),
        verb="Create",
        command=lambda _: workspace().experiments.create("confirmed"),
        done="done",
        needs_reason=False,
    )


def button_script() -> None:
    """A button whose callback is a command."""
    import streamlit as st

    from pilothouse_app.components.dialogs import run_from_callback
    from pilothouse_app.components.person import ask_for_pending
    from pilothouse_app.components.workspace import workspace

    ask_for_pending()
    command = lambda: workspace().experiments.create("direct")  # noqa: E731
    st.button("direct", key="direct", on_click=lambda: run_from_callback(command))


def add_script() -> None:
    """The dialog that adds a person."""
    from pilothouse_app.features.people.forms import add_dialog

    add_dialog()


def page_of(script) -> AppTest:
    return AppTest.from_function(script, default_timeout=30).run()


def signers(workspace: Workspace) -> set[tuple[str, str]]:
    entries = workspace.activity.entries()
    return set(zip(entries["name"], entries["actor"], strict=True))


def test_a_dialog_asks_for_the_name_and_signs_with_it(unnamed):
    unnamed.acting_as("Ada").people.add("Ada")
    page = page_of(confirm_script)
    assert page.button(key="confirm_go").disabled
    page.selectbox(key="confirm_person").set_value("Ada").run()
    page.button(key="confirm_go").click().run()
    assert not page.exception
    assert ("confirmed", "Ada") in signers(unnamed)
    assert page.session_state[PERSON] == "Ada"
    assert not page.run().selectbox  # asked once


def test_a_press_without_a_dialog_asks_first_and_is_done_after_that(unnamed):
    unnamed.acting_as("Ada").people.add("Ada")
    page = page_of(button_script)
    page.button(key="direct").click().run()
    assert "direct" not in dict(signers(unnamed))
    page.selectbox(key="pending_person").set_value("Ada").run()
    page.button(key="pending_person_go").click().run()
    assert not page.exception
    assert ("direct", "Ada") in signers(unnamed)


def choose_script() -> None:
    """Whoever is typed acts from then on."""
    import streamlit as st

    from pilothouse_app.components.person import choose

    for number, name in enumerate(("@ada", "Grace  Hopper")):
        st.button(name, key=f"choose_{number}", on_click=choose, args=(name,))


def test_a_new_name_becomes_a_person_and_one_that_cannot_be_does_not(unnamed):
    page = page_of(choose_script)
    page.button(key="choose_0").click().run()
    assert not page.session_state[PERSON]
    page.button(key="choose_1").click().run()
    assert not page.exception
    assert page.session_state[PERSON] == "Grace Hopper"
    assert ("Grace Hopper", "Grace Hopper") in signers(unnamed)


def test_the_menu_has_the_name_that_the_browser_keeps(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    workspace.people.add("Ada Lovelace")
    monkeypatch.setenv(ENVIRONMENT, str(workspace.folder))
    monkeypatch.delenv("PILOTHOUSE_ACTOR")
    for cookie, label in (("Ada Lovelace", "Lovelace"), ("gone", "Choose your name")):
        monkeypatch.setattr(
            "pilothouse_app.components.workspace.cookie_name", lambda cookie=cookie: cookie
        )
        page = AppTest.from_file(str(MAIN), default_timeout=30).run()
        assert not page.exception
        assert label in page.button(key="person").label
    st.cache_resource.clear()


def test_nobody_has_a_name_yet(visit):
    page = visit("people")
    assert not page.exception
    assert any("Nobody has a name yet" in str(item.value) for item in page.markdown)


def test_people_are_listed(visit, workspace: Workspace):
    workspace.people.add("ada")
    workspace.people.add("Bo", rights=["approve"])
    page = visit("people")
    assert not page.exception
    rows = page.dataframe[0].value
    assert list(rows["name"]) == ["Bo", "ada (you)"]
    assert rows["rights"].iloc[0] == "Approve"
    assert page.button(key="change_person").disabled


def test_a_person_is_added_with_rights(visit, workspace: Workspace):
    workspace.people.add("ada")
    visit("people")  # for its workspace
    page = page_of(add_script)
    page.text_input(key="person_name").input("Bo").run()
    page.multiselect(key="person_rights").set_value(["approve"]).run()
    page.button(key="person_add_go").click().run()
    assert not page.exception
    assert workspace.people.people()[0].rights == ("approve",)


def test_whoever_may_not_give_rights_is_not_offered_to(visit, workspace: Workspace):
    workspace.people.add("ada")
    workspace.people.add("Bo", rights=["approve", "edit_policies"])
    workspace.people.change("ada", rights=[])
    visit("people")
    assert page_of(add_script).multiselect(key="person_rights").disabled
