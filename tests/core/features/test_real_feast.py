"""The real Feast in an interpreter of its own: its quickstart, in a repository that is used."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from harness.tracker_writers import interpreter, run_script
from pilothouse.features import FeatureRequest
from pilothouse.kit.clock import FixedClock
from pilothouse.workspace import Workspace

FEATURES = (
    "driver_hourly_stats:conv_rate",
    "driver_hourly_stats:acc_rate",
    "driver_hourly_stats:avg_daily_trips",
    "transformed_conv_rate:conv_rate_plus_val1",
    "transformed_conv_rate:conv_rate_plus_val2",
)
KEYS = {"driver_id": [1001, 1002, 9], "val_to_add": [1000, 1001, 1], "val_to_add_2": [2, 3, 4]}
OWN = """
import json, sys
import pandas as pd
from feast import FeatureStore
store, asked = FeatureStore(repo_path="."), json.loads(sys.argv[1])
rows = pd.read_parquet(asked["rows"])
frame = store.get_historical_features(entity_df=rows, features=asked["features"]).to_df()
frame = frame.sort_values(["driver_id", "event_timestamp"])
keys = [dict(zip(asked["keys"], row)) for row in zip(*asked["keys"].values())]
online = store.get_online_features(features=asked["features"], entity_rows=keys).to_dict()
names = [reference.partition(":")[2] for reference in asked["features"]]
print(json.dumps({"historical": json.loads(frame[names].reset_index(drop=True).to_json()),
                  "online": online}, default=str))
"""
POINT_IN_TIME = """
from datetime import timedelta
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64, Int64
times = pd.to_datetime(["2026-01-01 10:00", "2026-01-01 11:00", "2026-01-01 13:00"], utc=True)
pd.DataFrame({"driver_id": [1, 1, 1], "event_timestamp": times, "trips": [30, 31, 99]}).to_parquet(
    "trips.parquet")
driver = Entity(name="driver", join_keys=["driver_id"])
source = FileSource(path="trips.parquet", timestamp_field="event_timestamp")
view = FeatureView(name="stats", entities=[driver], ttl=timedelta(days=1), source=source,
                   schema=[Field(name="trips", dtype=Int64)])
pd.DataFrame({"driver_id": [1], "event_timestamp": [pd.Timestamp("2025-12-01", tz="UTC")],
              "stars": [4.5]}).to_parquet("ratings.parquet")
ratings = FeatureView(
    name="ratings", entities=[driver], ttl=timedelta(days=90),
    source=FileSource(path="ratings.parquet", timestamp_field="event_timestamp"),
    schema=[Field(name="stars", dtype=Float64)])
FeatureStore(repo_path=".").apply([driver, view, ratings])
"""
CONFIGURATION = """project: trips
registry: registry.db
provider: local
online_store: {type: sqlite, path: online.db}
entity_key_serialization_version: 3
"""


def feast(*arguments: str, cwd: Path) -> None:
    """Feast's own command."""
    program = interpreter("feast").with_name("feast")
    variables = {"PATH": os.environ["PATH"], "HOME": str(cwd), "FEAST_USAGE": "False"}
    subprocess.run([program, *arguments], cwd=cwd, env=variables, check=True, timeout=180)


@pytest.mark.proof
@pytest.mark.long
def test_the_quickstart_runs_in_a_repository_that_is_used(
    workspace: Workspace, clock: FixedClock, tmp_path: Path
) -> None:
    feast("init", "driver_repo", cwd=tmp_path)
    repository = tmp_path / "driver_repo" / "feature_repo"
    feast("apply", cwd=repository)
    features, python = workspace.features, str(interpreter("feast"))
    info = features.add("drivers", {"repository": str(repository)}, python=python)
    assert info.library == "0.67.0"
    assert set(info.catalog.services) == {f"driver_activity_v{n}" for n in (1, 2, 3)}
    stats = next(view for view in info.catalog.views if view.name == "driver_hourly_stats")
    assert (list(stats.keys), stats.ttl_seconds) == (["driver_id"], 86_400)

    rows = pd.read_parquet(repository / "data" / "driver_stats.parquet")
    # The workspace's clock stands in March 2026; Feast's example is of the last days.
    until = rows["event_timestamp"].max()
    clock.advance(until.to_pydatetime() - clock.now())
    picked = rows[["driver_id", "event_timestamp"]].sample(200, random_state=0)
    picked = picked.assign(val_to_add=range(200), val_to_add_2=range(200))
    picked["event_timestamp"] += pd.Timedelta(minutes=20)
    workspace.data.register("trips", picked, event_time="event_timestamp")
    settings = {"store": "drivers", "entities": "trips", "features": list(FEATURES)}
    version = workspace.data.register_from("training", "feature_store", settings)
    assert (version.rows, version.parent) == (200, "trips@1")
    assert features.materialize("drivers")["driver_hourly_stats"]
    served = features.online("drivers", KEYS, FeatureRequest(FEATURES))
    service = features.online("drivers", KEYS, FeatureRequest(service="driver_activity_v1"))

    asked = {"rows": str(tmp_path / "rows.parquet"), "features": FEATURES, "keys": KEYS}
    workspace.data.frame("trips").to_parquet(asked["rows"])
    script = tmp_path / "own.py"
    script.write_text(OWN)
    theirs = json.loads(
        run_script("feast", script, json.dumps(asked), cwd=repository).splitlines()[-1]
    )
    ours = workspace.data.frame("training").sort_values(["driver_id", "event_timestamp"])
    for name in (reference.partition(":")[2] for reference in FEATURES):
        own = pd.Series(list(theirs["historical"][name].values()), dtype=float)
        pd.testing.assert_series_equal(
            ours[name].astype(float).reset_index(drop=True), own, check_names=False, rtol=1e-9
        )
        assert (
            served[name].astype(object).where(served[name].notna(), None).tolist()
            == (theirs["online"][name])
        )
    assert service["conv_rate"].tolist()[:2] == theirs["online"]["conv_rate"][:2]


@pytest.mark.proof
@pytest.mark.long
def test_a_row_gets_what_was_known_at_its_time(workspace: Workspace, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "feature_store.yaml").write_text(CONFIGURATION)
    script = tmp_path / "apply.py"
    script.write_text(POINT_IN_TIME)
    run_script("feast", script, cwd=repository)
    python = str(interpreter("feast"))
    workspace.features.add("trips", {"repository": str(repository)}, python=python)
    rows = pd.DataFrame(
        {
            "driver_id": [1, 1, 1, 2],
            "at": pd.to_datetime(
                ["2026-01-01 09:00", "2026-01-01 10:30", "2026-01-01 11:30", "2026-01-01 11:30"],
                utc=True,
            ),
        }
    )
    # Feast itself drops the first row, of which one view has values of later times only.
    both = FeatureRequest(("stats:trips", "ratings:stars"))
    frame = workspace.features.historical("trips", rows, both, time="at")
    assert frame["trips"].fillna(-1).tolist() == [-1, 30, 31, -1]
    assert frame["stars"].fillna(-1).tolist() == [4.5, 4.5, 4.5, -1]
    early = workspace.features.historical("trips", rows[:1], both, time="at")
    assert early["trips"].isna().tolist() == [True]
    assert early["stars"].tolist() == [4.5]
