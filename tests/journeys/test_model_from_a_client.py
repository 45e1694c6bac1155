"""A model that an MLflow client logged: from its author's script to production, by mouse alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from harness.mlflow_server import run_client
from harness.running_instance import RunningInstance
from pilothouse.workspace import Workspace

pytest.importorskip("mlflow")
xgboost = pytest.importorskip("xgboost")
pytestmark = [pytest.mark.journey, pytest.mark.proof, pytest.mark.timeout(600)]
SCRIPT = Path(__file__).parents[1] / "processes" / "author_scripts" / "xgboost_multiclass.py"
MODEL, TARGET, CLASSES = "cultivars", "cultivar", ("0", "1", "2")
SECONDS = 120_000  # in milliseconds: what starts a process may take long on a busy machine


@pytest.fixture
def origin(ship: RunningInstance) -> str:
    return ship.address("app").url


def test_a_logged_model_is_described_measured_promoted_and_served(
    visitor: Any, opened: Workspace, ship: RunningInstance, tmp_path: Path
) -> None:
    file = log_model(ship, tmp_path)
    find_version(visitor)
    describe(visitor, opened)
    register_rows(visitor, file)
    evaluate(visitor, opened)
    promote(visitor, opened)
    launch(visitor)
    predict(visitor, opened)
    ask_for_a_retraining(visitor)


def log_model(ship: RunningInstance, folder: Path) -> Path:
    """The author's script logs and registers its model; the file with its rows as CSV."""
    from sklearn.datasets import load_wine

    table = load_wine(as_frame=True)
    rows = table.data.assign(**{TARGET: table.target})
    rows.to_parquet(folder / "wine.parquet", index=False)
    rows.to_csv(folder / "wine.csv", index=False)
    address = ship.address("server").url
    data = str(folder / "wine.parquet")
    run_client(SCRIPT, "--data", data, folder=folder, MLFLOW_TRACKING_URI=address)
    return folder / "wine.csv"


def find_version(visitor: Any) -> None:
    """The registry lists the model; its version says what loading does, and what is missing."""
    visitor.open("/registry")
    visitor.table("Models").open(0)
    visitor.titled(MODEL)
    visitor.table("Versions").open(0)
    visitor.titled(f"{MODEL} 1")
    expect(visitor.page.get_by_text("Data only", exact=True).first).to_be_visible()
    line = visitor.key("version_readiness")
    expect(line).to_contain_text("does not say what its answer means")
    assert steps(line) == {
        "Files that a format can load": True,
        "Environment": True,  # the house's own interpreter has what it needs
        "Described": False,
        "Answers its example": False,
    }
    for name in ("Evaluate", "Predict", "Launch"):
        expect(visitor.page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    assert visitor.barriers() == []


def steps(line: Any) -> dict[str, bool]:
    """The steps before a launch, and which of them are done."""
    text = line.get_by_role("paragraph").first.inner_text()
    marks = re.findall(r"(check_circle|circle)\s+(.+?)\s*(?=check_circle|circle|$)", text)
    return {title.strip(): mark == "check_circle" for mark, title in marks}


def describe(visitor: Any, workspace: Workspace) -> None:
    """The form is filled with what the file says; only the name of the target is typed."""
    visitor.press("Describe")
    dialog = visitor.dialog("Describe the model")
    expect(dialog.get_by_text("Answer to its example")).to_be_visible(timeout=SECONDS)
    expect(dialog.get_by_role("combobox", name="Task")).to_have_value("Multiclass classification")
    classes = dialog.get_by_role("textbox", name="Classes, in the model's order")
    expect(classes).to_have_value("\n".join(CLASSES))
    dialog.get_by_role("textbox", name="What it predicts").fill(TARGET)
    assert visitor.idle().barriers() == []
    visitor.press("Describe", within=dialog)
    visitor.toast("is described")
    line = visitor.key("version_readiness")
    expect(line).to_contain_text("It can be launched", timeout=SECONDS)
    expect(line).to_contain_text("Next: evaluate it on a dataset")
    assert all(steps(line).values())
    assert workspace.registry.version(MODEL, 1).signature.classes == (0, 1, 2)


def register_rows(visitor: Any, file: Path) -> None:
    """There is nothing to evaluate it on: the dialog leads to where a dataset is registered."""
    visitor.press("Evaluate")
    dialog = visitor.dialog("Evaluate")
    visitor.press("Register a dataset", within=dialog)
    visitor.titled("Data")
    visitor.press("Register dataset")
    dialog = visitor.dialog("Register dataset")
    dialog.locator("input[type=file]").set_input_files(file)
    visitor.press("Register", within=dialog)
    visitor.titled("wine")


def evaluate(visitor: Any, workspace: Workspace) -> None:
    """It answers the labelled rows; the page of the version then shows what was measured."""
    visitor.page.get_by_role("link", name="Registry", exact=True).first.click()
    visitor.titled("Registry")
    visitor.page.get_by_role("link", name="Version 1").click()
    visitor.titled(f"{MODEL} 1")
    verdict = "evaluate the version on a dataset with a contract"
    expect(visitor.page.get_by_text(verdict)).to_be_visible()

    visitor.press("Evaluate")
    dialog = visitor.dialog("Evaluate")
    expect(dialog.get_by_role("combobox", name="Label")).to_have_value(TARGET)
    visitor.press("Evaluate", within=dialog)
    expect(visitor.key("page_header")).to_contain_text("Succeeded", timeout=SECONDS)
    visitor.page.get_by_role("link", name="Open the version").click()
    visitor.titled(f"{MODEL} 1")
    measured = workspace.registry.evaluations(MODEL, 1)["metrics"].iloc[0]
    tile = visitor.page.get_by_test_id("stMetric").filter(has_text="F1 (macro)")
    expect(tile).to_contain_text(f"{measured['f1_macro']:.4f}")


def promote(visitor: Any, workspace: Workspace) -> None:
    """All gates before production pass."""
    visitor.press("Promote")
    visitor.measured(visitor.dialog("Promote"))
    visitor.answer("Promote", "Promote", reason="measured on all rows", typed=MODEL)
    visitor.toast("is in production")
    champion = workspace.registry.champion(MODEL)
    assert champion is not None
    assert champion.version == 1


def launch(visitor: Any) -> None:
    """A deployment of it, until it answers."""
    visitor.press("Launch")
    visitor.answer("Launch", "Launch", reason="to serve")
    visitor.titled(MODEL)
    expect(visitor.key("page_header")).to_contain_text("Ready", timeout=SECONDS)


def predict(visitor: Any, workspace: Workspace) -> None:
    """The example with another value; screen and log have what the library itself predicts."""
    visitor.switch("Try it")
    box = visitor.page.get_by_role("spinbutton", name="Proline")
    box.fill("640")
    box.press("Enter")
    visitor.idle()
    visitor.press("Predict")
    expect(visitor.page.get_by_text(re.compile(r"^Prediction [0-9a-f-]{36}$"))).to_be_visible()
    visitor.idle()

    version = workspace.registry.version(MODEL, 1)
    example = {**version.input_example[0], "proline": 640.0}
    expected = library_probabilities(workspace, pd.DataFrame([example]))
    answer = visitor.table("Probabilities").rows()
    assert {row["Of"] for row in answer} == set(CLASSES)
    logged = workspace.deployments.predictions(MODEL)
    assert len(logged) == 1
    actual = logged[[f"out.p.{name}" for name in CLASSES]].to_numpy(float)[0]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)
    assert str(logged["out.predict"].iloc[0]) == CLASSES[int(np.argmax(expected))]
    assert visitor.faults() == []


def library_probabilities(workspace: Workspace, frame: pd.DataFrame) -> Any:
    """The probabilities of a row, by XGBoost and the file that its author logged."""
    package = workspace.registry.version(MODEL, 1).package
    assert package is not None
    (digest,) = [
        digest for path, digest in package.files.items() if Path(path).name.startswith("model.")
    ]
    booster = xgboost.Booster()
    booster.load_model(bytearray(workspace.store.artifacts.read(digest)))
    return booster.predict(xgboost.DMatrix(frame[booster.feature_names]))[0]


def ask_for_a_retraining(visitor: Any) -> None:
    """How it was trained is not known: the dialog says so, and what to do, before a job exists."""
    visitor.press("Retrain")
    dialog = visitor.dialog("Retrain")
    expect(dialog.get_by_text("Register its training code as a recipe")).to_be_visible()
    expect(dialog.get_by_role("button", name="Retrain", exact=True)).to_have_count(0)
