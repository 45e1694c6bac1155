"""Events: the empty page, the list with what was set aside, and the form with its look."""

from __future__ import annotations

from typing import Any

import pytest

from harness.mock_broker import external_deployment
from pilothouse.interop.events import set_aside, states
from pilothouse.interop.events.api import Events
from pilothouse.interop.events.connections import ConnectionSpec
from pilothouse.interop.events.messages import IncomingMessage, PreviewedMessage
from pilothouse.kit.errors import Unavailable
from pilothouse.workspace import Workspace
from pilothouse_app.components.table import table_key

SETTINGS = {"brokers": "kafka:9092", "topic": "outcomes"}


@pytest.fixture
def connection(workspace: Workspace) -> str:
    external_deployment(workspace, "late")
    info = workspace.events.add(ConnectionSpec("outcomes", "labels", "kafka", "late", SETTINGS))
    message = IncomingMessage("outcomes", 0, 7, "p1", b"{broken")
    with workspace.store.write() as session:
        states.count(session, workspace.store, info.id, 3, 2)
        set_aside.add(session, workspace.store, info.id, message, "it is not JSON.")
    states.fails(workspace.store, info.id, "the broker cannot be used: it is gone.")
    return info.id


def form_script() -> None:
    """The form, open at every run."""
    from pilothouse_app.features.events.connection_form import add_dialog

    add_dialog()


def test_an_empty_page_says_what_a_connection_is(visit: Any) -> None:
    page = visit("events")
    assert not page.exception
    assert any("No messages come or leave yet" in item.value for item in page.markdown)


def test_the_list_has_states_and_the_chosen_one_its_error_and_messages(
    visit: Any, connection: str
) -> None:
    page = visit("events")
    [frame] = [item.value for item in page.dataframe]
    assert list(frame["state"].astype(str).str.lower().str.contains("retrying")) == [True]
    key = table_key("event_connections", [connection])
    page.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.run()
    assert not page.exception
    assert any("it is gone" in item.value for item in page.error)
    aside = page.dataframe[1].value
    assert list(aside["place"]) == ["outcomes 0:7"]


def test_a_look_shows_messages_and_a_connection_is_added(
    visit: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamlit.testing.v1 import AppTest

    external_deployment(workspace, "late")
    answers: list[Any] = [
        Unavailable("the broker cannot be used: nobody answers."),
        [PreviewedMessage("p1", "{}", "it has no label.", False)],
    ]

    def preview(_self: Events, _spec: ConnectionSpec) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: workspace)
    monkeypatch.setattr(Events, "preview", preview)
    page = AppTest.from_function(form_script, default_timeout=30).run()
    assert page.button(key="events_add_go").disabled
    page.text_input(key="events_kafka_brokers").set_value("kafka:9092")
    page.text_input(key="events_kafka_topic").set_value("outcomes")
    page.text_input(key="events_name").set_value("outcomes").run()
    page.button(key="events_try").click().run()
    assert any("nobody answers" in item.value for item in page.error)
    page.button(key="events_try").click().run()
    assert "set aside" in str(page.dataframe[0].value["Result"].iloc[0])
    page.button(key="events_add_go").click().run()
    [info] = workspace.events.connections()
    assert (info.name, info.flow, info.address) == ("outcomes", "labels", "outcomes at kafka:9092")
