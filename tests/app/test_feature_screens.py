"""Feature stores on screen: the list, one with its views, and what is offered of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from harness.feature_repositories import entity_rows
from pilothouse.features import store_rows
from pilothouse.features.tables import FeatureStoreRow
from pilothouse.workspace import Workspace

Visit = Callable[..., AppTest]
VIEW = {
    "name": "driver_stats",
    "kind": "FeatureView",
    "description": "",
    "entities": ["driver"],
    "keys": {"driver_id": "Int64"},
    "features": [{"name": "trips", "type": "Int64"}],
    "request": [],
    "uses": [],
    "source": "driver_rows",
    "ttl_seconds": 86400.0,
    "online": True,
    "materialized_until": "2026-03-01T11:00:00+00:00",
}
CATALOG: dict[str, Any] = {
    "project": "drivers",
    "entities": [{"name": "driver", "keys": ["driver_id"], "type": "", "description": ""}],
    "views": [VIEW],
    "sources": [
        {"name": "driver_rows", "kind": "FileSource", "location": "rows.parquet",
         "timestamp": "event_timestamp", "newest": "2026-03-01T11:30:00+00:00"}
    ],
    "services": [{"name": "driver_service", "features": ["driver_stats:trips"],
                  "description": ""}],
}  # fmt: skip


def add_store(workspace: Workspace, catalog: dict[str, Any]) -> None:
    now = workspace.store.now()
    row = FeatureStoreRow(
        name="drivers", kind="feast", settings={"repository": "/srv/drivers"}, catalog=catalog,
        library="0.67.0", read_at=now, created_at=now, created_by="ada",
    )  # fmt: skip
    with workspace.store.write() as session:
        store_rows.add(session, workspace.store, row, "")


def texts(page: AppTest) -> str:
    return "\n".join(str(text.value) for text in page.markdown).replace("\\", "")


def test_without_stores_the_page_says_what_one_is(visit: Visit) -> None:
    page = visit("features")
    assert not page.exception
    assert "No feature stores yet" in texts(page)
    page = visit("feature-store")
    assert "Which feature store?" in texts(page)


def test_the_list_and_the_page_have_the_freshness(visit: Visit, workspace: Workspace) -> None:
    add_store(workspace, CATALOG)
    until, newest = pd.Timestamp("2026-03-01 11:00", tz="UTC"), pd.Timestamp("2026-03-01 11:30Z")
    row = visit("features").dataframe[0].value.iloc[0]
    assert (row["name"], row["features"], row["materialized_until"]) == ("drivers", 1, until)
    page = visit("feature-store", name="drivers")
    assert not page.exception
    row = page.dataframe[0].value.iloc[0]
    assert (row["id"], row["newest"], row["until"]) == ("driver_stats", newest, until)
    labels = {button.label for button in page.button}
    assert {"Remove", "Read again", "Materialize", "Make a training set"} <= labels
    for view in ("Services", "Entities", "Sources", "Training sets"):
        shown = visit("feature-store", name="drivers", store_view=view)
        assert not shown.exception, view


def test_a_store_without_features_offers_none(visit: Visit, workspace: Workspace) -> None:
    empty: dict[str, Any] = {"project": "drivers", "entities": [], "views": [], "sources": [],
                             "services": []}  # fmt: skip
    add_store(workspace, empty)
    page = visit("feature-store", name="drivers")
    assert "Nothing is applied in this store yet." in texts(page)
    assert not {"Materialize", "Make a training set"} & {button.label for button in page.button}


@pytest.mark.parametrize("lacks", ["", "driver_id"])
def test_a_training_set_says_what_the_rows_lack(
    visit: Visit, workspace: Workspace, lacks: str
) -> None:
    add_store(workspace, CATALOG)
    rows = entity_rows().drop(columns=lacks or [])
    workspace.data.register("trips", rows, event_time="at")
    page = visit("feature-store", name="drivers")
    next(b for b in page.button if b.label == "Make a training set").click().run()
    assert not page.exception
    preview = next(button for button in page.button if button.label == "Preview")
    assert preview.disabled == bool(lacks)
    assert ("trips@1 has no column driver_id" in texts(page)) == bool(lacks)
    make = next(button for button in page.button if button.label == "Make it")
    assert make.disabled == bool(lacks) or not workspace.people.people().empty


def materialization() -> None:
    """The dialog, open at every run."""
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.feature_stores.store_commands import materialize_dialog

    materialize_dialog(workspace().features.store("drivers"))


@pytest.mark.usefixtures("visit")
def test_a_store_is_materialized_on_a_schedule(workspace: Workspace) -> None:
    add_store(workspace, CATALOG)
    page = AppTest.from_function(materialization, default_timeout=30).run()
    assert not page.exception
    page.button(key="materialize_schedule").click().run()
    [schedule] = workspace.jobs.schedules().to_dict(orient="records")
    assert (schedule["name"], schedule["kind"]) == ("Materialize drivers", "materialize_features")
    page = AppTest.from_function(materialization, default_timeout=30).run()
    assert "Materialized by the schedule" in texts(page)
