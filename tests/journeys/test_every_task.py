"""A number and three classes by mouse alone: from a file to a leaderboard and a labelled window."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import joblib
import pytest
from playwright.sync_api import expect
from sklearn.metrics import f1_score, mean_absolute_error

from pilothouse.experiments.metrics.kinds import metric_kind

pytestmark = [pytest.mark.journey, pytest.mark.proof, pytest.mark.timeout(600)]
CLASSES = ("A", "B", "C")


@dataclass(frozen=True)
class Case:
    """A target, what the form and the leaderboard show of it, and labels of two predictions."""

    name: str
    target: str
    task: str
    metric: str
    trainers: int
    labels: tuple[str, str]
    features: tuple[str, ...]
    outputs: tuple[str, ...]


NUMBER = Case(
    name="flats",
    target="price",
    task="Regression",
    metric="mae",
    trainers=6,
    labels=("180.5", "320"),
    features=("area", "district"),
    outputs=("out.predict",),
)
CLASS = Case(
    name="houses",
    target="energy",
    task="Multiclass classification",
    metric="f1_macro",
    trainers=6,
    labels=("A", "C"),
    features=("area", "district"),
    outputs=("out.predict", "out.confidence", "out.p.A", "out.p.B", "out.p.C"),
)


def homes(target: str, rows: int = 400) -> bytes:
    """Homes, with a copy of the target that nobody knows beforehand."""
    chance = random.Random(3)
    lines = [f"area,district,copy,{target}"]
    for _ in range(rows):
        area, district = chance.uniform(20, 180), chance.choice(["north", "south"])
        price = 3 * area + 60 * (district == "north") + chance.gauss(0, 15)
        energy = CLASSES[(price > 200) + (price > 400)]
        value, copy = (f"{price:.1f}", f"{price / 7:.4f}")
        if target == "energy":
            value, copy = energy, f"class {energy.lower()}"
        lines.append(f"{area:.1f},{district},{copy},{value}")
    return "\n".join(lines).encode()


@pytest.fixture
def origin(without_demo: Any) -> str:
    return str(without_demo.ship.address("app").url)


@pytest.mark.parametrize("case", [NUMBER, CLASS], ids=["number", "classes"])
def test_a_target_of_any_task_becomes_a_monitored_deployment(
    visitor: Any, without_demo: Any, case: Case
) -> None:
    workspace = without_demo.workspace
    register(visitor, case)
    board = train(visitor, workspace, case)
    compare(visitor, board)
    promote(visitor, workspace, case, str(board[0]["run"]))
    launch(visitor, case)
    predictions = predict_twice(visitor, workspace, case)
    add_labels(visitor, case, predictions)
    monitor(visitor, workspace, case)


def register(visitor: Any, case: Case) -> None:
    """The file becomes a dataset."""
    visitor.open("/data")
    visitor.press("Register dataset")
    dialog = visitor.dialog("Register dataset")
    file = {"name": f"{case.name}.csv", "mimeType": "text/csv", "buffer": homes(case.target)}
    dialog.locator("input[type=file]").set_input_files(file)
    visitor.press("Register", within=dialog)
    visitor.titled(case.name)


def train(visitor: Any, workspace: Any, case: Case) -> list[Mapping[str, Any]]:
    """The form names the task, the copy is left out by a press, one press tries every trainer."""
    visitor.press("New training")
    dialog = visitor.dialog("New training")
    visitor.choose("Target", case.target, within=dialog)
    visitor.idle()
    expect(dialog.get_by_text(re.compile(f"^{case.task} of {case.target}"))).to_be_visible()
    expect(dialog.get_by_text("1 feature may give the target away")).to_be_visible()
    visitor.press("Leave out 1 column", within=dialog)
    expect(dialog.get_by_text(re.compile("^2 features, 2 columns left out"))).to_be_visible()
    expect(dialog.get_by_text("may give the target away")).to_have_count(0)
    assert visitor.idle().barriers() == []
    visitor.press("Try all", within=dialog)
    expect(visitor.key("page_header")).to_contain_text("Succeeded", timeout=120_000)
    expect(visitor.page.get_by_text("Leaderboard", exact=True)).to_be_visible()

    board = workspace.jobs.job(visitor.param("id")).result["leaderboard"]
    rows: list[Mapping[str, Any]] = board["rows"]
    assert (board["metric"], len(rows)) == (case.metric, case.trainers)
    assert not any(row["error"] for row in rows)
    assert len(visitor.table("Leaderboard").rows()) == case.trainers
    (baseline,) = [row for row in rows if row["is_baseline"]]
    better = min if case.metric == "mae" else max
    assert better(rows[0]["held_out"], baseline["held_out"]) == rows[0]["held_out"]
    assert rows[0]["run"] != baseline["run"]
    return rows


def compare(visitor: Any, board: list[Mapping[str, Any]]) -> None:
    """The runs of the leaderboard beside each other."""
    visitor.page.get_by_role("link", name="Compare", exact=True).last.click()
    visitor.page.wait_for_url(re.compile("/compare"))
    visitor.idle()
    assert set(visitor.param("runs").split(",")) == {row["run"] for row in board}
    assert visitor.faults() == []


def promote(visitor: Any, workspace: Any, case: Case, run: str) -> None:
    """The best run becomes the first version of a model, in production."""
    visitor.open(f"/run?id={run}")
    visitor.press("Register model")
    dialog = visitor.dialog("Register model")
    dialog.get_by_label("Model", exact=True).fill(case.name)
    dialog.get_by_label("Model", exact=True).press("Enter")
    visitor.idle()
    visitor.press("Register", within=dialog)
    visitor.titled(f"{case.name} 1")
    assert set(workspace.registry.version(case.name, 1).signature.names) == set(case.features)
    visitor.press("Promote")
    visitor.measured(visitor.dialog("Promote"))
    visitor.answer("Promote", "Promote", reason="the first one", typed=case.name)
    visitor.toast("is in production")


def launch(visitor: Any, case: Case) -> None:
    """A deployment of it, until it answers."""
    visitor.press("Launch")
    visitor.answer("Launch", "Launch", reason="to serve")
    visitor.titled(case.name)
    expect(visitor.key("page_header")).to_contain_text("Ready", timeout=60_000)


def predict_twice(visitor: Any, workspace: Any, case: Case) -> list[str]:
    """Two records of last week; what is logged is the pipeline's own answer."""
    visitor.switch("Try it")
    last_week = datetime.now(UTC) - timedelta(days=7)
    visitor.page.get_by_role("spinbutton", name=re.compile("^year")).click()
    visitor.page.keyboard.type(f"{last_week:%Y%m%d%H%M}", delay=30)
    visitor.page.keyboard.press("Tab")
    visitor.idle()
    answers = [predict(visitor, "40"), predict(visitor, "150")]

    logged = workspace.deployments.predictions(case.name).set_index("prediction_id").loc[answers]
    assert set(case.outputs) <= set(logged.columns)
    version = workspace.registry.version(case.name, 1)
    pipeline = joblib.load(io.BytesIO(workspace.store.artifacts.read(version.digest)))
    frame = logged[list(version.signature.names)]
    own, answered = list(pipeline.predict(frame)), list(logged["out.predict"])
    if version.signature.classes:
        assert answered == [str(label) for label in own]
        confidence = pipeline.predict_proba(frame).max(axis=1)
        assert list(logged["out.confidence"]) == pytest.approx(list(confidence), abs=1e-9)
    else:
        assert answered == pytest.approx(own, abs=1e-6)
    return answers


def predict(visitor: Any, area: str) -> str:
    """One prediction from the form; its id."""
    box = visitor.page.get_by_role("spinbutton", name="area").first
    box.fill(area)
    box.press("Enter")
    visitor.idle()
    answer = visitor.page.get_by_text(re.compile(r"^Prediction [0-9a-f-]{36}$"))
    old = answer.inner_text() if answer.count() else ""
    visitor.press("Predict")
    expect(answer).not_to_have_text(old or "-")
    return str(answer.inner_text()).split()[-1]


def add_labels(visitor: Any, case: Case, predictions: list[str]) -> None:
    """Labels from a file, as the task reads them."""
    visitor.switch("Labels")
    visitor.press("Add labels from a file")
    dialog = visitor.dialog("Add labels from a file")
    lines = [f"{key},{label}" for key, label in zip(predictions, case.labels, strict=True)]
    text = "\n".join(["id,label", *lines])
    file = {"name": "labels.csv", "mimeType": "text/csv", "buffer": text.encode()}
    dialog.locator("input[type=file]").set_input_files(file)
    visitor.idle()
    dialog.get_by_role("textbox", name="Reason").fill("they were sold")
    visitor.press("Add labels", within=dialog)
    expect(visitor.page.get_by_text("2 labels added")).to_be_visible()


def monitor(visitor: Any, workspace: Any, case: Case) -> None:
    """Last week's window counts both predictions and has the metrics of the task."""
    visitor.open(f"/monitoring?monitoring_deployment={case.name}")
    begin = visitor.page.get_by_role("button", name="Monitor it", exact=True)
    if begin.count():
        begin.click()
    visitor.press("Evaluate now")
    expect(visitor.key("page_header")).to_contain_text("Succeeded", timeout=120_000)
    windows = workspace.monitoring.windows(case.name)
    assert len(windows) == 1
    window = workspace.monitoring.window(windows["id"].iloc[0])
    assert (window.rows, window.labelled) == (2, 2)
    assert window.metric == case.metric
    assert window.value == pytest.approx(expected_value(workspace, case))
    visitor.open(f"/window?id={window.id}")
    assert visitor.faults() == []
    expect(visitor.named(metric_kind(case.metric).title)).to_be_visible()


def expected_value(workspace: Any, case: Case) -> float:
    """The metric of the two labelled predictions, by scikit-learn."""
    logged = workspace.deployments.predictions(case.name).sort_values("event_at")
    answers = list(logged["out.predict"])
    if case.metric == "mae":
        return float(mean_absolute_error([float(label) for label in case.labels], answers))
    return float(f1_score(case.labels, answers, average="macro"))
