"""Data and one dataset version: default, filtered, empty, refused, and by address."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.jobs.tables import Job
from pilothouse.workspace import Workspace
from pilothouse_app.components.table import table_key


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


def tick(page, row: int) -> None:
    key = table_key("contract_flights@1", ["at", "carrier", "distance", "late"])
    page.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}


def test_a_rule_of_the_contract_can_be_edited_on_the_page(visit, workspace, flights):
    page = visit("dataset", ref=flights, dataset_view="Contract")
    tick(page, 1)
    key = "rule_flights@1_carrier"
    page.run()
    assert page.multiselect(key=f"{key}_values").value == ["AA", "DL", "UA"]
    page.toggle(key=f"{key}_listed").set_value(False).run()
    page.toggle(key=f"{key}_nullable").set_value(True).run()
    assert page.button(key=f"{key}_save").disabled, "a reason is needed"
    page.text_input(key=f"{key}_reason").input("any carrier may come").run()
    page.button(key=f"{key}_save").click().run()
    assert not page.exception
    rule = workspace.data.contract(flights).rule("carrier")
    assert (rule.categories, rule.nullable) == (None, True)
    assert workspace.activity.entries().iloc[0]["reason"] == "any carrier may come"


def test_an_end_of_a_range_can_be_changed_on_the_page(visit, workspace, flights):
    page = visit("dataset", ref=flights, dataset_view="Contract")
    tick(page, 2)
    key = "rule_flights@1_distance"
    page.run()
    page.number_input(key=f"{key}_high").set_value(5000.0).run()
    page.text_input(key=f"{key}_reason").input("longer routes").run()
    page.button(key=f"{key}_save").click().run()
    assert not page.exception
    rule = workspace.data.contract(flights).rule("distance")
    assert (rule.low, rule.high) == (0.0, 5000.0)


def test_a_version_that_is_not_in_use_says_so(visit, workspace, flights):
    frame = workspace.data.frame(flights)
    workspace.data.register("flights", frame.drop(columns="late"), on_breach="accept")
    page = visit("dataset", ref="flights@2")
    assert "contract violation" in shown(page)
    workspace.data.archive("flights@2", "the wrong file")
    page = visit("dataset", ref="flights@2")
    assert not page.exception
    assert "archived" in page.info[0].value
    assert list(visit("data").dataframe[0].value["latest"]) == [1, 1]
    workspace.data.restore("flights@2")
    workspace.data.supersede("flights@2", flights)
    page = visit("dataset", ref="flights@2")
    assert not page.exception
    assert "superseded" in shown(page)


def test_a_failed_retraining_offers_to_accept_the_data_and_to_edit_the_contract(
    visit, workspace, flights
):
    frame = workspace.data.frame(flights).assign(carrier="ZZ")
    workspace.data.register("late-live", frame)
    remedy = {"kind": "contract", "ref": flights, "data": "late-live@1", "columns": ["carrier"]}
    job = workspace.jobs.submit("retrain", {"deployment": "late"}, title="Retrain late")
    with workspace.store.write() as session:
        row = session.get(Job, job)
        row.status, row.error, row.remedy = "failed", "late-live@1 breaks the contract", remedy
        session.add(row)
    page = visit("job", id=job)
    assert not page.exception
    assert page.button(key="remedy_edit")
    page.button(key="remedy_accept").click().run()
    assert not page.exception
    assert "100.0% of rows are in no known category ('ZZ')" in shown(page).replace("\\", "")
    assert page.button(key="remedy_go").disabled


def test_a_refused_registration_offers_to_register_all_the_same(visit, workspace, flights):
    remedy = {"kind": "breach", "ref": flights, "lines": ["late: is not there"]}
    args = {"name": "flights", "path": "x.csv", "about": {"on_breach": "refuse"}}
    job = workspace.jobs.submit("register_dataset", args, title="Register flights")
    with workspace.store.write() as session:
        row = session.get(Job, job)
        row.status, row.error, row.remedy = "failed", "it breaks the contract", remedy
        session.add(row)
    page = visit("job", id=job)
    page.button(key="remedy_register").click().run()
    assert not page.exception
    assert "- late: is not there" in shown(page).replace("\\", "")
    assert page.button(key="confirm_go").disabled, "a reason is needed"


@pytest.mark.parametrize("view", ["Columns", "Rows", "Contract", "Versions", "Runs"])
def test_a_lost_file_is_said_in_words_where_its_rows_are_read(visit, workspace, flights, view):
    digest = workspace.data.version(flights).digest
    workspace.store.artifacts.local_path(digest).unlink()
    page = visit("dataset", ref=flights, dataset_view=view)
    assert not page.exception
    messages = [error.value.replace("\\", "") for error in page.error]
    if view == "Rows":
        assert "the content of flights@1 is missing from the artifacts" in messages[0]
    else:
        assert messages == []


def test_small_bars_begin_at_zero():
    from pilothouse_app.components.table import histogram_column

    assert histogram_column("Shape")["type_config"]["y_min"] == 0


def test_the_datasheet_of_a_version_is_a_view_of_its_page(visit, flights, workspace):
    page = visit("dataset", ref=flights, dataset_view="Datasheet")
    assert not page.exception
    texts = "\n".join(str(each.value) for each in page.markdown)
    assert "Nobody has written in this datasheet yet" in texts
    assert "Composition" in texts
    assert "Edit datasheet" in [each.label for each in page.button]


@pytest.fixture
def shop(workspace: Workspace, tmp_path: Path) -> Path:
    """A database whose table of towns is a dataset."""
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("create table towns as select 1 as size, 'Bonn' as town")
        database.commit()
    workspace.data.register_sql("towns", f"sqlite:///{file}", table="towns")
    return file


def source_dialog() -> None:
    """The dialog open at every run, as a browser keeps it open."""
    from pilothouse_app.features.data.register_source import register_source_dialog

    register_source_dialog()


def test_rows_of_a_database_are_looked_at_before_they_are_registered(visit, shop):
    assert "From a source" in [each.label for each in visit("data").button]
    page = AppTest.from_function(source_dialog, default_timeout=30).run()
    assert page.button(key="source_go").disabled
    page.text_input(key="source_sql_url").input(f"sqlite:///{shop}").run()
    page.text_input(key="source_sql_table").input("towns").run()
    page.button(key="source_preview").click().run()
    assert not page.exception
    assert page.dataframe[0].value["town"].tolist() == ["Bonn"]
    page.text_input(key="source_sql_table").input("nothing").run()
    page.button(key="source_preview").click().run()
    assert "no such table" in str(page.error[0].value)


def test_a_delta_table_is_looked_at_before_it_is_registered(visit, tmp_path):
    from deltalake import write_deltalake

    write_deltalake(tmp_path / "towns", pa.table({"size": [1], "town": ["Bonn"]}))
    page = AppTest.from_function(source_dialog, default_timeout=30).run()
    page.segmented_control(key="source_kind").set_value("delta").run()
    assert page.button(key="source_preview").disabled
    page.text_input(key="source_delta_path").input(str(tmp_path / "towns")).run()
    page.button(key="source_preview").click().run()
    assert not page.exception
    assert page.dataframe[0].value["town"].tolist() == ["Bonn"]
    assert page.text_input(key="source_name_towns").value == "towns"
    assert not page.button(key="source_go").disabled
    page.number_input(key="source_delta_version").set_value(7).run()
    page.button(key="source_preview").click().run()
    assert "no version 7" in str(page.error[0].value)


def test_a_source_without_its_package_names_the_extra(visit, monkeypatch):
    monkeypatch.setattr("pilothouse.kit.optional_packages.find_spec", lambda _name: None)
    page = AppTest.from_function(source_dialog, default_timeout=30).run()
    page.segmented_control(key="source_kind").set_value("delta").run()
    assert 'pip install "pilothouse[delta]"' in str(page.warning[0].value)
    page.text_input(key="source_delta_path").input("/data").run()
    assert page.button(key="source_preview").disabled
    assert page.button(key="source_go").disabled


def dvc_dialog() -> None:
    """The dialog that has DVC track a version, open at every run."""
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.data.version_actions import _write_dvc

    _write_dvc(workspace().data.version("towns@1"))


def test_a_version_is_tracked_with_dvc(visit, workspace, shop, tmp_path):
    (tmp_path / "repository" / ".dvc").mkdir(parents=True)
    page = AppTest.from_function(dvc_dialog, default_timeout=30).run()
    assert page.button(key="dataset_dvc_towns@1_go").disabled
    page.text_input(key="dataset_dvc_towns@1_path").input(str(tmp_path / "a.parquet")).run()
    page.button(key="dataset_dvc_towns@1_go").click().run()
    assert "no folder in a repository" in str(page.error[0].value)
    path = tmp_path / "repository" / "a.parquet"
    page.text_input(key="dataset_dvc_towns@1_path").input(str(path)).run()
    page.button(key="dataset_dvc_towns@1_go").click().run()
    assert not page.exception
    assert path.with_name("a.parquet.dvc").exists()


def refresh_dialog() -> None:
    """The dialog of a refresh, open at every run."""
    from pilothouse_app.features.data.refresh import refresh_dialog

    refresh_dialog("towns")


def test_a_refresh_is_compared_before_it_becomes_the_newest(visit, workspace, shop):
    page = visit("dataset", ref="towns@1")
    assert "Refresh" in [each.label for each in page.button]
    page = AppTest.from_function(refresh_dialog, default_timeout=30).run()
    assert "The rows did not change" in "\n".join(str(each.value) for each in page.markdown)
    assert page.button(key="refresh_go").disabled
    page.button(key="refresh_schedule").click().run()
    assert workspace.jobs.schedules()["name"].tolist() == ["Refresh towns"]

    with closing(sqlite3.connect(shop)) as database:
        database.execute("insert into towns values (1, 'Bonn')")
        database.commit()
    page = AppTest.from_function(refresh_dialog, default_timeout=30).run()
    assert not page.exception
    assert "keeps the contract" in "\n".join(str(each.value) for each in page.markdown)
    assert not page.button(key="refresh_go").disabled


def test_a_source_that_did_not_change_is_not_read(visit, workspace, tmp_path, monkeypatch):
    frame = pa.table({"town": ["Bonn"]})
    pq.write_table(frame, tmp_path / "a.parquet")
    settings = {"path": str(tmp_path / "a.parquet")}
    workspace.data.register_from("towns", "parquet", settings)
    page = AppTest.from_function(refresh_dialog, default_timeout=30).run()
    assert not page.exception
    texts = "\n".join(str(each.value) for each in page.markdown)
    assert "The source did not change since towns@1" in texts
    assert page.button(key="refresh_go").disabled
    pq.write_table(pa.concat_tables([frame, frame]), tmp_path / "a.parquet")
    monkeypatch.setattr("pilothouse_app.features.data.refresh.MAX_COMPARED", 1)
    page = AppTest.from_function(refresh_dialog, default_timeout=30).run()
    assert "too many to be compared here" in "\n".join(str(each.value) for each in page.markdown)
    assert not page.button(key="refresh_go").disabled


def test_a_dataset_from_a_file_is_not_refreshed(visit, flights):
    page = visit("dataset", ref=flights)
    assert "Refresh" not in [each.label for each in page.button]
