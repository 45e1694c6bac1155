"""Other systems by mouse: a folder of W&B, a Delta table, features of Feast, a file for KServe."""

from __future__ import annotations

import io
import os
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from playwright.sync_api import expect

from harness import wandb_files as wandb
from harness.serving import register, trained
from harness.tracker_writers import interpreter

pytestmark = [pytest.mark.journey, pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(600)]
SLOW_MS = 120_000


@pytest.fixture
def origin(ship: Any) -> str:
    return str(ship.address("app").url)


def look(visitor: Any) -> None:
    """The page is whole in both appearances."""
    # A button below the mouse, or that has the focus, has colours of Streamlit.
    visitor.page.mouse.move(2, 2)
    visitor.page.evaluate("document.activeElement?.blur()")
    for scheme in ("dark", "light"):
        visitor.prefer(scheme)
        assert visitor.faults() == []
        assert visitor.barriers() == []


def test_runs_of_a_dropped_folder_are_compared(visitor: Any, tmp_path: Path) -> None:
    folder = tmp_path / "wandb"
    folder.mkdir()
    for place, name in enumerate(("first", "second"), 1):
        points = (wandb.history(step, {"loss": place / (step + 1)}) for step in range(20))
        wandb.write(folder, name, [wandb.run(name, config={"depth": place}), *points])
    visitor.open("/experiments")
    visitor.press("Import")
    dialog = visitor.dialog("Import")
    dialog.get_by_text("Upload a folder").click()
    visitor.idle()
    dialog.locator("input[type=file]").set_input_files(folder)
    visitor.press("Preview", within=dialog)
    expect(dialog.get_by_text(re.compile("2 runs")).first).to_be_visible()
    visitor.press("Import", within=dialog)
    expect(visitor.key("page_header")).to_contain_text("Succeeded", timeout=SLOW_MS)

    visitor.open("/experiments")
    runs = visitor.table("Runs")
    assert len(runs.rows()) == 2
    runs.tick(0)
    runs.tick(1)
    visitor.page.get_by_role("link", name="Compare (2)").click()
    visitor.titled("Compare")
    visitor.switch("Over steps")
    expect(visitor.page.locator(".js-plotly-plot").first).to_be_visible()
    look(visitor)


def test_a_version_of_a_delta_table_is_registered_and_refreshed(
    visitor: Any, opened: Any, tmp_path: Path
) -> None:
    from deltalake import write_deltalake

    rows = pd.DataFrame({"customer": range(100), "amount": [n / 3 for n in range(100)]})
    table = tmp_path / "sales"
    write_deltalake(str(table), rows)
    visitor.open("/data")
    visitor.press("From a source")
    dialog = visitor.dialog("Register from a source")
    dialog.get_by_text("Delta table", exact=True).click()
    visitor.idle()
    dialog.get_by_role("textbox", name=re.compile("^Path")).fill(str(table))
    dialog.get_by_role("textbox", name=re.compile("^Name")).fill("sales")
    dialog.get_by_role("textbox", name=re.compile("^Name")).press("Tab")
    visitor.idle()
    visitor.press("Preview", within=dialog)
    expect(dialog.get_by_text("customer").first).to_be_attached()
    visitor.press("Register", within=dialog)
    visitor.titled("sales")
    assert opened.data.version("sales@1").rows == 100

    write_deltalake(str(table), rows.assign(customer=rows["customer"] + 100), mode="append")
    look(visitor)
    visitor.press("Refresh")
    dialog = visitor.dialog("Refresh from the source")
    expect(dialog.get_by_text(re.compile("100 to 200")).first).to_be_visible()
    assert visitor.faults() == []
    visitor.press("Make it the newest", within=dialog)
    expect(visitor.page.get_by_text("version 2").first).to_be_visible(timeout=SLOW_MS)
    assert opened.data.version("sales@2").rows == 200


def test_a_training_set_is_made_of_features(visitor: Any, opened: Any, tmp_path: Path) -> None:
    program = interpreter("feast")
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "FEAST_USAGE": "False"}
    repository = tmp_path / "driver_repo" / "feature_repo"
    for command, folder in ((("init", "driver_repo"), tmp_path), (("apply",), repository)):
        feast = program.with_name("feast")
        subprocess.run([feast, *command], cwd=folder, env=variables, check=True, timeout=180)
    known = pd.read_parquet(repository / "data" / "driver_stats.parquet")
    trips = known[["driver_id", "event_timestamp"]].tail(50).reset_index(drop=True)
    trips = trips.assign(val_to_add=range(50), val_to_add_2=range(50))  # of on-demand features
    opened.data.register("trips", trips, event_time="event_timestamp")

    visitor.open("/features")
    visitor.press("Add feature store")
    dialog = visitor.dialog("Add feature store")
    dialog.get_by_role("textbox", name=re.compile("^Repository")).fill(str(repository))
    dialog.get_by_role("textbox", name=re.compile("^Repository")).press("Tab")
    visitor.idle()
    dialog.get_by_role("radio", name="Another interpreter").click()
    visitor.idle()
    dialog.get_by_role("textbox", name=re.compile("^Path of a Python")).fill(str(program))
    dialog.get_by_role("textbox", name=re.compile("^Name")).fill("drivers")
    dialog.get_by_role("textbox", name=re.compile("^Name")).press("Tab")
    visitor.idle()
    visitor.press("Add", within=dialog)
    expect(visitor.key("page_header").get_by_role("heading")).to_have_text(
        "drivers", timeout=SLOW_MS
    )
    look(visitor.idle())

    visitor.press("Make a training set")
    dialog = visitor.dialog("Make a training set")
    visitor.choose("Service", "driver_activity_v2", within=dialog)
    visitor.idle()
    visitor.press("Preview", within=dialog)
    expect(dialog.get_by_text("conv_rate").first).to_be_attached(timeout=SLOW_MS)
    visitor.press("Make it", within=dialog)
    heading = visitor.key("page_header").get_by_role("heading")
    expect(heading).to_have_text("trips_features", timeout=SLOW_MS)
    made = opened.data.version("trips_features")
    assert (made.rows, made.parent) == (50, "trips@1")


def test_a_version_is_exported_for_kserve(visitor: Any, opened: Any) -> None:
    register(opened.store, "late", trained())
    look(visitor.open("/version?ref=late@1"))
    visitor.press("Export")
    dialog = visitor.dialog("Export this version")
    visitor.choose("For", "KServe", within=dialog)
    visitor.idle()
    with visitor.page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        texts = [archive.read(n).decode() for n in archive.namelist() if n.endswith(".yaml")]
    kinds = [part["kind"] for text in texts for part in yaml.safe_load_all(text) if part]
    assert "InferenceService" in kinds
    assert visitor.faults() == []
