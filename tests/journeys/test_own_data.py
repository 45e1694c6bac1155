"""Somebody else's data by mouse alone: from a file as Excel writes it to labels and a window."""

from __future__ import annotations

import io
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import joblib
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
DATASET, MODEL, DEPLOYMENT = "kuendigungen", "vertraege", "vertraege"
CLASSES = ("gekündigt", "geblieben")
TYPES = {
    "Kunden-Nr": "whole number",
    "Betrag": "number",
    "Verträge": "whole number",
    "Region": "text",
    "Ergebnis": "text",
}


def contracts(rows: int) -> bytes:
    """A semicolon CSV with decimal commas, an identifier and a text target, in Windows-1252."""
    chance = random.Random(11)
    lines = ["Kunden-Nr;Betrag;Verträge;Region;Ergebnis"]
    for row in range(rows):
        amount, count = chance.uniform(5, 95), chance.randrange(1, 9)
        leaves = amount / 100 - count / 20 + chance.gauss(0, 0.2) > 0.55
        region = chance.choice(["Nord", "Süd", "Ost"])
        text = f"{amount:.2f}".replace(".", ",")
        lines.append(f"{100_000 + row};{text};{count};{region};{CLASSES[0 if leaves else 1]}")
    return "\n".join(lines).encode("cp1252")


@pytest.fixture
def origin(without_demo: Any) -> str:
    return str(without_demo.ship.address("app").url)


def test_a_file_from_elsewhere_becomes_a_monitored_deployment(
    visitor: Any, without_demo: Any
) -> None:
    sail_own_data(visitor, without_demo.workspace)


def sail_own_data(visitor: Any, workspace: Any) -> None:
    """Every step by mouse; what the screens show is held against the core and the pipeline."""
    register(visitor, workspace)
    run = train(visitor, workspace)
    promote(visitor, workspace, run)
    launch(visitor)
    predictions = ask(visitor, workspace)
    add_labels(visitor, predictions)
    evaluate(visitor, workspace)


def register(visitor: Any, workspace: Any) -> None:
    """The file is read as it was meant."""
    visitor.open("/data")
    visitor.press("Register dataset")
    dialog = visitor.dialog("Register dataset")
    content = contracts(600)
    file = {"name": f"{DATASET}.csv", "mimeType": "text/csv", "buffer": content}
    dialog.locator("input[type=file]").set_input_files(file)
    expect(dialog.get_by_text(re.compile("semicolon", re.I)).first).to_be_visible()
    visitor.press("Register", within=dialog)
    visitor.titled(DATASET)
    rows = visitor.table("Columns and their statistics").rows()
    assert {row["Column"]: row["Type"] for row in rows} == TYPES
    betrag = workspace.data.frame(f"{DATASET}@1")["Betrag"]
    meant = [float(line.split(";")[1].replace(",", ".")) for line in decoded(content)]
    assert list(betrag) == meant


def decoded(content: bytes) -> list[str]:
    """The lines below the header."""
    return content.decode("cp1252").splitlines()[1:]


def train(visitor: Any, workspace: Any) -> str:
    """The rarer class is positive until the other is chosen; the identifier is left out."""
    visitor.press("New training")
    dialog = visitor.dialog("New training")
    visitor.choose("Target", "Ergebnis", within=dialog)
    visitor.idle()
    rarer = dialog.get_by_role("radio", name=re.compile(f"^{CLASSES[0]}"))
    expect(rarer).to_be_checked()
    dialog.get_by_role("radio", name=re.compile(f"^{CLASSES[1]}")).click()
    expect(dialog.get_by_text(re.compile(f"the probability of {CLASSES[1]}"))).to_be_visible()
    expect(dialog.get_by_text(re.compile("^3 features"))).to_be_visible()
    assert visitor.idle().barriers() == []
    visitor.press("Start training", within=dialog)
    expect(visitor.key("page_header")).to_contain_text("Succeeded", timeout=120_000)
    run: str = workspace.jobs.job(visitor.param("id")).result["run"]
    visitor.page.get_by_role("link", name="Open the run").click()
    visitor.page.wait_for_url(re.compile(rf"/run\?id={run}"))
    visitor.idle()
    return run


def promote(visitor: Any, workspace: Any, run: str) -> None:
    """The first version of a new model goes to production."""
    visitor.press("Register model")
    dialog = visitor.dialog("Register model")
    dialog.get_by_label("Model", exact=True).fill(MODEL)
    dialog.get_by_label("Model", exact=True).press("Enter")
    visitor.idle()
    visitor.press("Register", within=dialog)
    visitor.titled(f"{MODEL} 1")
    signature = workspace.registry.version(MODEL, 1).signature
    assert set(signature.classes) == set(CLASSES)
    assert signature.positive == CLASSES[1]
    assert signature.names == ("Betrag", "Verträge", "Region")
    visitor.press("Promote")
    visitor.measured(visitor.dialog("Promote"))
    visitor.answer("Promote", "Promote", reason="the first one", typed=MODEL)
    visitor.toast("is in production")


def launch(visitor: Any) -> None:
    """A deployment of it, until it answers."""
    visitor.press("Launch")
    visitor.answer("Launch", "Launch", reason="to serve contracts")
    visitor.titled(DEPLOYMENT)
    expect(visitor.key("page_header")).to_contain_text("Ready", timeout=60_000)


def ask(visitor: Any, workspace: Any) -> list[str]:
    """Two records of last week; their scores are the pipeline's own for the chosen class."""
    visitor.switch("Try it")
    last_week = datetime.now(UTC) - timedelta(days=7)
    visitor.page.get_by_role("spinbutton", name=re.compile("^year")).click()
    visitor.page.keyboard.type(f"{last_week:%Y%m%d%H%M}", delay=30)
    visitor.page.keyboard.press("Tab")
    visitor.idle()
    answers = [predict(visitor, "12.5"), predict(visitor, "90.25")]
    logged = workspace.deployments.predictions(DEPLOYMENT).set_index("prediction_id")
    assert (logged["event_at"] < datetime.now(UTC) - timedelta(days=6)).all()
    version = workspace.registry.version(MODEL, 1)
    pipeline = joblib.load(io.BytesIO(workspace.store.artifacts.read(version.digest)))
    frame = logged.loc[answers, list(version.signature.names)]
    place = [str(label) for label in pipeline.classes_].index(CLASSES[1])
    own = pipeline.predict_proba(frame)[:, place]
    assert list(logged.loc[answers, "score"]) == pytest.approx(list(own), abs=1e-9)
    return answers


def predict(visitor: Any, amount: str) -> str:
    """One prediction from the form; its id."""
    box = visitor.page.get_by_role("spinbutton", name="Betrag").first
    box.fill(amount)
    box.press("Enter")
    visitor.idle()
    before = visitor.page.get_by_text(re.compile(r"^Prediction [0-9a-f-]{36}$"))
    old = before.inner_text() if before.count() else ""
    visitor.press("Predict")
    if old:  # both stand there while the page is drawn again
        expect(visitor.page.get_by_text(old, exact=True)).to_have_count(0)
    expect(before).to_have_count(1)
    return str(before.inner_text()).split()[-1]


def add_labels(visitor: Any, predictions: list[str]) -> None:
    """Labels from a file, one of them for an id that nobody predicted."""
    visitor.switch("Labels")
    visitor.press("Add labels from a file")
    dialog = visitor.dialog("Add labels from a file")
    labels = [*zip(predictions, CLASSES, strict=True), ("nobody-asked-this", CLASSES[0])]
    text = "\n".join(["id;label", *(f"{key};{label}" for key, label in labels)])
    file = {"name": "labels.csv", "mimeType": "text/csv", "buffer": text.encode("cp1252")}
    dialog.locator("input[type=file]").set_input_files(file)
    visitor.idle()
    dialog.get_by_role("textbox", name="Reason").fill("the contracts have ended")
    visitor.press("Add labels", within=dialog)
    expect(visitor.page.get_by_text("3 labels added. 1 id has no prediction")).to_be_visible()


def evaluate(visitor: Any, workspace: Any) -> None:
    """Last week's window counts both predictions and their labels."""
    visitor.open(f"/monitoring?monitoring_deployment={DEPLOYMENT}")
    begin = visitor.page.get_by_role("button", name="Monitor it", exact=True)
    if begin.count():
        begin.click()
    visitor.press("Evaluate now")
    expect(visitor.key("page_header")).to_contain_text("Succeeded", timeout=120_000)
    windows = workspace.monitoring.windows(DEPLOYMENT)
    assert len(windows) == 1
    window = workspace.monitoring.window(windows["id"].iloc[0])
    assert (window.rows, window.labelled) == (2, 2)
