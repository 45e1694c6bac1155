"""Data and one dataset version: default, filtered, empty, refused, and by address."""

from __future__ import annotations

import pandas as pd
import pytest

from pilothouse.workspace import Workspace


@pytest.fixture
def flights(workspace: Workspace) -> str:
    frame = pd.DataFrame(
        {
            "at": pd.date_range("2013-01-01", periods=60, freq="h", tz="UTC"),
            "carrier": ["UA", "AA", "DL"] * 20,
            "distance": [float(number * 10) for number in range(60)],
            "late": [0, 1] * 30,
        }
    )
    first = workspace.data.register(
        "flights", frame, origin="New York", licence="CC0-1.0", event_time="at"
    )
    workspace.data.register("boats", frame[["carrier", "late"]], origin="Oslo")
    return first.ref


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def test_without_data_the_next_step_is_said(visit):
    page = visit("data")
    assert not page.exception
    assert "No datasets yet" in shown(page)


def test_datasets_are_listed_and_the_first_is_opened_below(visit, flights):
    page = visit("data")
    assert not page.exception
    assert list(page.dataframe[0].value["name"]) == ["boats", "flights"]
    assert list(page.dataframe[1].value["column"]) == ["carrier", "late"]


def test_a_search_in_the_address_filters(visit, flights):
    page = visit("data", data_q="york")
    assert list(page.dataframe[0].value["name"]) == ["flights"]


def test_a_search_without_a_match_says_so(visit, flights):
    page = visit("data", data_q="nowhere")
    assert not page.exception
    assert "No datasets match" in shown(page)


def test_a_version_shows_the_shape_of_its_columns(visit, flights):
    page = visit("dataset", ref=flights)
    assert not page.exception
    columns = page.dataframe[0].value
    assert list(columns["column"]) == ["at", "carrier", "distance", "late"]
    assert list(columns["type"]) == ["time", "text", "number", "whole number"]
    assert len(page.get("plotly_chart")) == 1


@pytest.mark.parametrize("view", ["Rows", "Contract", "Versions", "Runs"])
def test_every_view_of_a_version_can_be_addressed(visit, flights, view):
    page = visit("dataset", ref=flights, dataset_view=view)
    assert not page.exception
    assert not page.error


def test_the_newest_version_answers_to_the_name_alone(visit, flights):
    assert visit("dataset", ref="flights").header[0].value == "flights"


def test_an_unknown_dataset_is_said_in_words(visit):
    page = visit("dataset", ref="nowhere@1")
    assert not page.exception
    assert "nowhere" in page.error[0].value


def test_the_dialog_of_a_training_offers_the_dataset_and_its_columns(visit, flights):
    page = visit("dataset", ref=flights)
    page.button(key="train").click().run()
    assert not page.exception
    assert page.selectbox(key="train_dataset").value == flights
    assert "late" in page.selectbox(key="train_target").options
    assert page.button(key="train_go").disabled


def test_the_dialog_of_a_registration_asks_for_a_file_first(visit, flights):
    page = visit("data")
    page.button(key="register_data").click().run()
    assert not page.exception
    assert page.button(key="data_go").disabled
