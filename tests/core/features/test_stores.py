"""Feature stores: what they hold, training sets at times, materialization, and clear refusals."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from harness.feature_repositories import HOURS, entity_rows, feature_repository, feature_rows
from pilothouse.features import FeatureRequest, Features, store_rows
from pilothouse.features.agent_process import FeatureAgent
from pilothouse.features.materialization import materialize_job
from pilothouse.features.store_rows import program_of
from pilothouse.features.tables import FeatureStoreRow
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

SERVICE = FeatureRequest(service="driver_service")
TRAINING = {
    "store": "drivers",
    "entities": "trips",
    "time": "at",
    "service": "driver_service",
}


@pytest.fixture(scope="module")
def catalog(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the agent says of the repository: asked once, it takes a second."""
    folder = tmp_path_factory.mktemp("catalog")
    shutil.copy(empty_database, folder)
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    repository = feature_repository(folder / "repository")
    workspace.features.add("drivers", {"repository": str(repository)})
    with workspace.store.read() as session:
        catalog = dict(store_rows.require(session, "drivers").catalog)
    workspace.store.engine.dispose()
    return catalog


@pytest.fixture
def repository(workspace: Workspace, tmp_path: Path, catalog: dict[str, Any]) -> Path:
    """A repository that the workspace uses."""
    folder, store = feature_repository(tmp_path / "repository"), workspace.store
    row = FeatureStoreRow(
        name="drivers",
        kind="feast",
        settings={"repository": str(folder)},
        catalog=catalog,
        library="0.67.0",
        read_at=store.now(),
        created_at=store.now(),
        created_by="ada",
    )
    with store.write() as session:
        store_rows.add(session, store, row, "")
    return folder


def test_a_store_says_what_it_holds(workspace: Workspace, repository: Path) -> None:
    info = workspace.features.store("drivers")
    catalog = info.catalog
    assert (info.place, info.library, catalog.project) == (str(repository), "0.67.0", "drivers")
    assert [entity["keys"] for entity in catalog.entities] == [["driver_id"]]
    [view] = catalog.views
    assert (view.references, view.keys) == (
        ("driver_stats:trips", "driver_stats:rate"),
        {"driver_id": "Int64"},
    )
    assert (view.ttl_seconds, view.online, view.materialized_until) == (86_400, True, None)
    [source] = catalog.sources
    assert source.newest == HOURS[-1]
    assert catalog.needed_columns(SERVICE) == ("driver_id",)
    assert catalog.feature_names(SERVICE) == ("trips", "rate")
    assert catalog.feature_names(FeatureRequest(("driver_stats:rate",), full_names=True)) == (
        "driver_stats__rate",
    )
    [row] = workspace.features.stores().to_dict(orient="records")
    assert (row["features"], row["services"], row["newest"]) == (2, 1, HOURS[-1])


def test_a_training_set_has_the_values_of_its_times_and_its_lineage(
    workspace: Workspace, repository: Path
) -> None:
    workspace.data.register("trips", entity_rows())
    first = workspace.data.register_from("training", "feature_store", TRAINING)
    frame = workspace.data.frame("training")
    rows = dict(zip(zip(frame["driver_id"], frame["at"], strict=True), frame["trips"], strict=True))
    assert [rows[1001, at] for at in pd.to_datetime(["2026-02-28 20:10", "2026-02-28 21:30"],
                                                    utc=True)] == [30, 31]  # fmt: skip
    assert frame.loc[frame["driver_id"] == 7, "trips"].isna().all()
    assert (first.parent, first.event_time) == ("trips@1", "at")
    assert first.source == "service driver_service of feature store drivers, at at of trips@1"

    assert workspace.data.refresh("training").existed
    workspace.data.register("trips", entity_rows().head(3))
    again = workspace.data.refresh("training")
    assert (again.ref, again.rows, again.parent) == ("training@2", 3, "trips@2")
    source = workspace.data.source("training")
    assert source is not None
    assert source.settings["entities"] == "trips"


def test_a_preview_reads_the_first_rows(workspace: Workspace, repository: Path) -> None:
    workspace.data.register("trips", entity_rows())
    preview = workspace.data.preview_from("feature_store", TRAINING)
    assert {"driver_id", "trips", "rate"} <= set(preview.frame.columns)


def test_rows_keep_their_order_and_features_their_full_names(
    workspace: Workspace, repository: Path
) -> None:
    request = FeatureRequest(("driver_stats:trips",), full_names=True)
    frame = workspace.features.historical("drivers", entity_rows(), request, time="at")
    assert frame["driver_id"].tolist() == [1001, 1002, 1001, 7]
    assert frame["driver_stats__trips"].fillna(-1).tolist() == [31, 7, 30, -1]
    assert list(frame.columns) == ["driver_id", "at", "late", "driver_stats__trips"]


def test_rows_that_cannot_be_joined_are_refused(workspace: Workspace, repository: Path) -> None:
    def refusal(rows: pd.DataFrame) -> str:
        with pytest.raises(Invalid) as refused:
            workspace.features.historical("drivers", rows, SERVICE, time="at")
        return str(refused.value)

    rows = entity_rows()
    missing = refusal(rows.drop(columns="driver_id"))
    assert "have no column 'driver_id', which driver_stats needs" in missing
    assert "have a column 'trips' already" in refusal(rows.assign(trips=1))
    assert "'at' is not a column of times" in refusal(rows.assign(at="2026-02-28"))
    assert "2 rows have no 'at'" in refusal(rows.assign(at=rows["at"].where(rows["late"] == 0)))


def test_what_is_materialized_is_looked_up(workspace: Workspace, repository: Path) -> None:
    features = workspace.features
    keys = {"driver_id": [1001, 7]}
    assert features.online("drivers", keys, SERVICE)["trips"].isna().all()
    progress = Progress(workspace.store, "")
    result = materialize_job(workspace.store, progress, name="drivers", views=[], hours=None)
    until = datetime.fromisoformat(result["views"]["driver_stats"])
    assert until == workspace.store.now()
    frame = features.online("drivers", keys, SERVICE)
    assert frame["trips"].fillna(-1).tolist() == [99, -1]
    assert frame.attrs["times"]["trips"] == [int(HOURS[-1].timestamp() * 1000), 0]
    assert features.store("drivers").catalog.views[0].materialized_until == until
    with pytest.raises(Invalid, match="no online view nothing"):
        features.submit_materialization("drivers", views=["nothing"])
    job = workspace.jobs.job(features.submit_materialization("drivers"))
    assert (job.kind, job.args["name"]) == ("materialize_features", "drivers")


def test_a_change_of_the_repository_is_read_and_recorded(
    workspace: Workspace, repository: Path
) -> None:
    later = feature_rows().assign(event_timestamp=HOURS[-1] + pd.Timedelta(hours=3))
    later.to_parquet(repository / "rows.parquet", index=False)
    [source] = workspace.features.read("drivers").catalog.sources
    assert source.newest == HOURS[-1] + pd.Timedelta(hours=3)
    program = (repository / "feast.py").read_text()
    (repository / "feast.py").write_text(program.replace('"driver_stats"', '"driver_days"'))
    workspace.features.read("drivers")
    verbs = workspace.activity.entries(kind="feature_store")["verb"].tolist()
    assert sorted(verbs) == ["added", "read a change of"]
    workspace.features.remove("drivers", "not used")
    with pytest.raises(NotFound, match="no feature store"):
        workspace.features.store("drivers")


def test_a_store_that_cannot_be_used_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    features, folder = workspace.features, feature_repository(tmp_path / "repository")
    with pytest.raises(NotFound, match="not a Feast repository"):
        features.add("drivers", {"repository": str(tmp_path)})
    with pytest.raises(NotFound, match="no interpreter"):
        features.add("drivers", {"repository": str(folder)}, python=str(tmp_path / "python"))
    features.add("drivers", {"repository": str(folder)})
    with pytest.raises(Conflict, match="already"):
        features.add("drivers", {"repository": str(folder)})
    (folder / "feast.py").unlink()
    with pytest.raises(Unavailable, match="package feast is not installed") as refused:
        features.read("drivers")
    assert "pilothouse environments build" in refused.value.hint
    limited = workspace.store.settings.model_copy(update={"data_folders": str(tmp_path / "data")})
    with pytest.raises(Refused, match="outside of the folders"):
        Features(replace(workspace.store, settings=limited)).read("drivers")


def test_an_agent_that_hangs_or_ends_is_an_error_and_leaves_no_process(
    workspace: Workspace, repository: Path
) -> None:
    info = workspace.features.store("drivers")
    program = program_of(workspace.store, "drivers", info.kind, info.settings, "")
    question = {"keys": {"driver_id": [-1]}, "features": ["driver_stats:trips"]}
    with FeatureAgent(program) as agent:
        pid = agent._process.pid
        with pytest.raises(Unavailable, match=r"did not answer within 0.2 s"):
            agent.ask("online", 0.2, **question)
    assert not psutil.pid_exists(pid)
    with pytest.raises(Unavailable, match="connection to the online store is lost"):
        workspace.features.online("drivers", {"driver_id": [-2]}, SERVICE)
    with pytest.raises(Invalid, match="features or a service"):
        workspace.features.online("drivers", {"driver_id": [1]}, FeatureRequest())
