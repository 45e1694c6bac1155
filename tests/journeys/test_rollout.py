"""A deployment by mouse alone: launched, advanced, broken, tested on callers, and replayed.

With two classes, with a number, and with a model that an MLflow client logged.
"""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from harness.mlflow_server import run_client
from harness.running_instance import RunningInstance, wait_for
from harness.working_threads import WorkingThreads
from pilothouse.training.spec import TrainingSpec
from pilothouse.workspace import Workspace

pytest.importorskip("mlflow")
pytest.importorskip("xgboost")
pytestmark = [
    pytest.mark.journey,
    pytest.mark.proof,
    pytest.mark.long,
    pytest.mark.timeout(900),
]
SCRIPT = Path(__file__).parents[1] / "processes" / "author_scripts" / "xgboost_multiclass.py"
SECONDS = 120_000  # in milliseconds: what starts a process may take long on a busy machine
CALLERS = 400


@dataclass(frozen=True)
class Case:
    """A model with three versions, and the rows that its callers send."""

    model: str
    rows: pd.DataFrame


@pytest.fixture
def origin(ship: RunningInstance) -> str:
    return ship.address("app").url


def two_classes(workspace: Workspace, *_: Any) -> Case:
    """Customers that stay or leave, in words."""
    draw = np.random.default_rng(5)
    rows = pd.DataFrame({"calls": draw.normal(size=1_500), "plan": draw.choice(["a", "b"], 1_500)})
    chance = 1 / (1 + np.exp(-2 * rows["calls"] - (rows["plan"] == "b")))
    target = np.where(draw.random(1_500) < chance, "Left", "Stayed")
    return trained(workspace, "customers", rows, target, "logistic_regression")


def number(workspace: Workspace, *_: Any) -> Case:
    """Prices of flats."""
    draw = np.random.default_rng(6)
    rows = pd.DataFrame({"area": draw.uniform(20, 180, 1_500), "floor": draw.integers(0, 9, 1_500)})
    target = 3 * rows["area"] + 5 * rows["floor"] + draw.normal(0, 15, 1_500)
    return trained(workspace, "flats", rows, target, "ridge")


def trained(workspace: Workspace, name: str, rows: pd.DataFrame, target: Any, trainer: str) -> Case:
    """Three versions, of which the seed of the split tells them apart."""
    workspace.data.register(name, rows.assign(outcome=target))
    for seed in (1, 2, 3):
        spec = TrainingSpec(
            f"{name}@1", "outcome", trainer=trainer, folds=2, seed=seed, evaluation="held_out"
        )
        workspace.registry.register(name, workspace.training.train_now(spec))
    return Case(name, rows)


def from_a_client(workspace: Workspace, ship: RunningInstance, folder: Path) -> Case:
    """Three versions that MLflow's client logged, and that nobody trained here."""
    from sklearn.datasets import load_wine

    table = load_wine(as_frame=True)
    file, name = folder / "wine.parquet", "cultivars"
    table.data.assign(cultivar=table.target).to_parquet(file, index=False)
    for version, rounds in enumerate(("40", "35", "30"), 1):
        address = ship.address("server").url
        run_client(
            SCRIPT, "--data", str(file), "--rounds", rounds, folder=folder,
            MLFLOW_TRACKING_URI=address,
        )  # fmt: skip
        workspace.registry.describe(
            name, version, "multiclass", classes=(0, 1, 2), target="cultivar"
        )
    return Case(name, table.data)


class Callers(WorkingThreads):
    """Many of them, who ask again and again and say what the answers were worth to them."""

    def __init__(self, url: str, case: Case) -> None:
        self._address = f"{url}/deployments/{case.model}"
        self._records = case.rows.to_dict("records")
        super().__init__(self._call)
        self.failed: list[str] = []
        self.versions: dict[str, set[str]] = {}

    def _call(self) -> None:
        chance, count = random.Random(1), 0
        with httpx.Client(timeout=30, trust_env=False) as client:
            while not self.stop.is_set():
                count += 1
                caller = f"caller {count % CALLERS}"
                body = {
                    "dataframe_records": [chance.choice(self._records)],
                    "params": {"entity_id": caller},
                }
                answer = client.post(f"{self._address}/invocations", json=body)
                if answer.status_code != 200:
                    self.failed.append(f"{answer.status_code} {answer.text[:200]}")
                    continue
                version = answer.headers["x-model-version"]
                self.versions.setdefault(caller, set()).add(version)
                worth = chance.random() + (0.0 if version == "3" else 1.0)
                reward = {"feedback": [{"entity_id": caller, "reward": worth}]}
                client.post(f"{self._address}/feedback", json=reward).raise_for_status()
                self.stop.wait(0.01)


@pytest.mark.parametrize("prepared", [two_classes, number, from_a_client])
def test_a_version_is_launched_advanced_broken_tested_and_replayed(
    visitor: Any,
    opened: Workspace,
    ship: RunningInstance,
    tmp_path: Path,
    prepared: Callable[..., Case],
) -> None:
    case = prepared(opened, ship, tmp_path)
    launch(visitor, case)
    with Callers(ship.address("server").url, case) as callers:
        advance(visitor, opened, case)
        break_it(visitor, opened, case)
        callers.versions.clear()
        compare_by_callers(visitor, opened, case)
    assert callers.failed == []
    replay(visitor, opened, case)


def launch(visitor: Any, case: Case) -> None:
    """The first version answers."""
    visitor.open(f"/version?ref={case.model}@1")
    visitor.titled(f"{case.model} 1")
    visitor.press("Launch")
    visitor.answer("Launch", "Launch", reason="to serve")
    visitor.titled(case.model)
    expect(visitor.key("page_header")).to_contain_text("Ready", timeout=SECONDS)


def advance(visitor: Any, workspace: Workspace, case: Case) -> None:
    """A canary goes up in two steps while one looks on."""
    dialog = begin(visitor, "Canary", 2, {"Steps (%)": "20, 60", "Length of a step (s)": "6"})
    judged(visitor, dialog, "latency", "reward")  # the machine is busy with other tests
    expect(dialog.get_by_text("version 1 stays warm")).to_be_visible()
    start(visitor, dialog)
    expect(visitor.page.get_by_text("20 % of requests", exact=True)).to_be_visible(timeout=SECONDS)
    expect(visitor.page.get_by_text("60 % of requests", exact=True)).to_be_visible(
        timeout=2 * SECONDS
    )
    ended(visitor, "Succeeded", 1)
    assert workspace.deployments.deployment(case.model).version == 2
    assert visitor.idle().faults() == []


def break_it(visitor: Any, workspace: Workspace, case: Case) -> None:
    """The candidate's process is killed whenever it is back: the page says what was found."""
    dialog = begin(visitor, "Canary", 3, {"Steps (%)": "50", "Length of a step (s)": "3600"})
    judged(visitor, dialog, "latency", "reward")
    start(visitor, dialog)
    expect(visitor.page.get_by_text("50 % of requests", exact=True).first).to_be_visible(
        timeout=SECONDS
    )

    def over() -> bool:
        for replica in workspace.deployments.deployment(case.model).replicas:
            if replica.version == 3 and replica.state == "ready" and replica.pid:
                with suppress(ProcessLookupError):  # it was noted as ready, and is gone already
                    os.kill(replica.pid, signal.SIGKILL)
        return not workspace.deployments.rollout(case.model).is_active

    wait_for(over, "the candidate is given up")
    ended(visitor, "Rolled back", 2)
    why = visitor.table("Ended rollouts").rows()[0]["Why"]
    assert "does not stay up" in why
    assert workspace.deployments.deployment(case.model).version == 2


def compare_by_callers(visitor: Any, workspace: Workspace, case: Case) -> None:
    """The same version in an A/B test: its answers are worth less, and it is taken back for it."""
    dialog = begin(visitor, "A/B test", 3, {"Shares (%)": "50", "Length (s)": "600"})
    judged(visitor, dialog, "latency")
    start(visitor, dialog)
    ended(visitor, "Rolled back", 3)
    assert "mean reward" in visitor.table("Ended rollouts").rows()[0]["Why"]
    assert workspace.deployments.deployment(case.model).version == 2


def begin(visitor: Any, strategy: str, version: int, fields: Mapping[str, str]) -> Any:
    """The wizard with strategy, version and settings."""
    visitor.press("Roll out")
    dialog = visitor.dialog("Roll out a version")
    dialog.get_by_text(strategy, exact=True).click()
    visitor.idle()
    if strategy == "A/B test":
        expect(dialog.get_by_text(f"Version {version}", exact=True)).to_be_visible()
    else:
        dialog.get_by_role("combobox").first.click()
        visitor.page.get_by_role("option", name=f"Version {version}", exact=True).click()
    visitor.idle()
    visitor.press("Next", within=dialog)
    visitor.idle()
    for label, value in fields.items():
        box = dialog.get_by_label(label, exact=True)
        box.fill(value)
        box.press("Enter")
        visitor.idle()
    visitor.press("Next", within=dialog)
    visitor.idle()
    return dialog


def judged(visitor: Any, dialog: Any, *shown: str) -> None:
    """Compared every three seconds; criteria that are only `shown` decide nothing."""
    box = dialog.get_by_label("Compare every (s)", exact=True)
    box.fill("3")
    box.press("Enter")
    visitor.idle()
    dialog.get_by_text("Every criterion with its own limits").click()
    visitor.idle()
    for criterion in shown:
        card = visitor.key(f"criterion_{criterion}")
        card.get_by_role("radio", name="Only shown", exact=True).click()
        visitor.idle()
    assert visitor.barriers() == []
    visitor.press("Next", within=dialog)
    visitor.idle()


def start(visitor: Any, dialog: Any) -> None:
    """With a reason; the page then shows the rollout."""
    dialog.get_by_role("textbox", name="Reason").fill("it is newer")
    visitor.press("Start", within=dialog)
    visitor.toast("the rollout has begun")


def ended(visitor: Any, outcome: str, count: int) -> None:
    """So many rollouts are over, and the newest ended so."""

    def first() -> bool:
        shown = visitor.page.get_by_role("region", name="Ended rollouts", exact=True)
        if not shown.count():
            return False
        rows = visitor.table("Ended rollouts").rows()
        return len(rows) == count and bool(rows[0]["Ended as"] == outcome)

    wait_for(first, f"rollout {count} ended as {outcome}")


def replay(visitor: Any, workspace: Workspace, case: Case) -> None:
    """The recorded requests on the first version: what it would have answered."""
    visitor.switch("Predictions")
    visitor.switch("Replays")
    visitor.press("Replay on a version")
    dialog = visitor.dialog("Replay on a version")
    visitor.press("Replay", within=dialog)
    tile = visitor.page.get_by_test_id("stMetric").filter(has_text="Answered again")
    expect(tile).to_be_visible(timeout=SECONDS)
    expect(tile).to_contain_text(re.compile(r"\d"))
    result = workspace.deployments.replay_result(
        workspace.deployments.replays(case.model)["job"][0]
    )
    assert result.answered == result.rows > 100
    assert visitor.faults() == []
