"""Data and training from the browser: a file becomes a dataset, a dataset becomes a run."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]


@pytest.fixture
def origin(without_demo: Any) -> str:
    return str(without_demo.ship.address("app").url)


def ferries(rows: int) -> bytes:
    """A small CSV file: will the ferry be late?"""
    chance = random.Random(7)
    lines = ["wind,swell,pier,late"]
    for _ in range(rows):
        wind, swell = chance.uniform(0, 30), chance.uniform(0, 4)
        late = int(wind / 30 + swell / 4 + chance.gauss(0, 0.4) > 1)
        lines.append(f"{wind:.1f},{swell:.2f},{chance.choice('ABC')},{late}")
    return "\n".join(lines).encode()


def choose_file(visitor: Any, name: str, content: bytes) -> Any:
    """Open the dialog on Data and give it a file."""
    visitor.open("/data")
    visitor.press("Register dataset")
    dialog = visitor.dialog("Register dataset")
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    dialog.locator("input[type=file]").set_input_files(file)
    guess = name.removesuffix(".csv")
    expect(dialog.get_by_role("textbox", name="Name", exact=True)).to_have_value(guess)
    visitor.idle()  # the box that a file without a name had is gone then
    return dialog


def upload(visitor: Any, name: str, content: bytes) -> None:
    """Open the dialog on Data, give it a file and press Register."""
    visitor.press("Register", within=choose_file(visitor, name, content))


def start_training(visitor: Any, dataset: str, *, trials: int = 0) -> Any:
    """Fill in the form of a training on a dataset and press Start; its job is open then."""
    visitor.open(f"/dataset?ref={dataset}")
    visitor.press("New training")
    dialog = visitor.dialog("New training")
    visitor.choose("Target", "late", within=dialog)
    if trials:
        visitor.idle()  # the choice of a target redraws the form: what is typed meanwhile is lost
        box = dialog.get_by_role("spinbutton", name="Search trials")
        box.fill(str(trials))
        box.press("Enter")
        visitor.idle()
        expect(box).to_have_value(str(trials))
    assert visitor.idle().barriers() == []
    visitor.press("Start training", within=dialog)
    visitor.toast("Training started")
    expect(visitor.page).to_have_url(re.compile(r"/job\?id="))
    return visitor.param("id")


def test_a_file_becomes_a_dataset_and_the_dataset_a_run(visitor: Any, without_demo: Any) -> None:
    upload(visitor, "ferries.csv", ferries(400))
    visitor.titled("ferries")
    visitor.toast("ferries@1 is registered")
    shown = visitor.table("Columns and their statistics").rows()
    assert [row["Column"] for row in shown] == ["wind", "swell", "pier", "late"]

    upload(visitor, "ferries.csv", ferries(400))
    visitor.toast("exists already")
    assert len(without_demo.workspace.data.versions("ferries")) == 1

    job = start_training(visitor, "ferries@1")
    expect(visitor.key("page_header")).to_contain_text("Succeeded", timeout=90_000)
    run = without_demo.workspace.jobs.job(job).result["run"]
    visitor.open(f"/run?id={run}&run_view=Evaluation")
    expect(visitor.key("page_header")).to_contain_text("Finished")
    expect(visitor.named("Confusion matrix of rows that were not fitted on")).to_be_visible()


def test_a_broken_file_is_refused_by_row_and_column(visitor: Any, without_demo: Any) -> None:
    lines = ferries(60).decode().splitlines()
    lines[40] = "very windy," + lines[40].partition(",")[2]
    dialog = choose_file(visitor, "broken.csv", "\n".join(lines).encode())
    refusal = dialog.get_by_role("alert")
    expect(dialog.get_by_role("button", name="Register", exact=True)).to_be_disabled()
    expect(refusal).to_contain_text("row 40, column 'wind': 'very windy' is not a number")
    assert visitor.barriers() == []
    visitor.press("Cancel", within=dialog)
    expect(dialog).to_be_hidden()
    assert "broken" not in set(without_demo.workspace.data.datasets()["name"])


def test_a_job_is_cancelled_with_a_reason(visitor: Any, without_demo: Any) -> None:
    without_demo.workspace.data.register("piers", ferries(300), filename="piers.csv")
    job = start_training(visitor, "piers@1", trials=400)
    expect(visitor.key("page_header")).to_contain_text("Running", timeout=60_000)
    visitor.press("Cancel job")
    visitor.answer("Cancel this job", "Cancel job", reason="too many trials")
    visitor.toast("The job is being cancelled")
    expect(visitor.key("page_header")).to_contain_text("Cancelled", timeout=60_000)
    assert without_demo.workspace.jobs.job(job).status == "cancelled"
