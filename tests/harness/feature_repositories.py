"""Folders that are repositories of the small Feast of tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

FAKE = Path(__file__).with_name("fake_feast.py")
HOURS = pd.date_range("2026-02-28 20:00", periods=4, freq="h", tz="UTC")


def feature_rows() -> pd.DataFrame:
    """Trips of two drivers: 30, 31, ... of the first, and 99 in the last hour."""
    first = pd.DataFrame(
        {"driver_id": 1001, "trips": [30, 31, 32, 99], "rate": [0.1, 0.2, 0.3, 0.9]}
    )
    second = pd.DataFrame({"driver_id": 1002, "trips": [5, 6, 7, 8], "rate": [0.5, 0.6, 0.7, 0.8]})
    rows = pd.concat([first.assign(event_timestamp=HOURS), second.assign(event_timestamp=HOURS)])
    return rows.reset_index(drop=True)


def feature_repository(folder: Path) -> Path:
    """A repository with these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(FAKE, folder / "feast.py")
    (folder / "feature_store.yaml").write_text("project: drivers\n")
    feature_rows().to_parquet(folder / "rows.parquet", index=False)
    return folder


def entity_rows() -> pd.DataFrame:
    """Drivers at times, with a label: not in the order of their times."""
    return pd.DataFrame(
        {
            "driver_id": [1001, 1002, 1001, 7],
            "at": pd.to_datetime(
                ["2026-02-28 21:30", "2026-02-28 22:00", "2026-02-28 20:10", "2026-02-28 22:00"],
                utc=True,
            ),
            "late": [1, 0, 0, 1],
        }
    )
