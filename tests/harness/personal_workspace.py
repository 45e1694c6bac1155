"""A workspace in which personal data has been everywhere: trained on, served, monitored, reported.

Each value of a personal column has the `MARK` in it, or is a number of those from `NUMBER` on, so
that a search for either tells where one is shown.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

from harness.logged_days import log_days
from harness.policies import set_gates
from harness.task_windows import MONDAY, WEEK
from pilothouse.kit.clock import Clock, to_ms
from pilothouse.kit.ids import uuid7s
from pilothouse.kit.settings import Settings
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace

DATASET, NAME = "members", "leaving"
MARK, NUMBER = "zqxwv", 73195501
ROWS, PEOPLE = 600, 12
INPUTS = ("email", "number", "visits", "plan")


def members(seed: int, *, later: bool = False) -> pd.DataFrame:
    """Rows of a few people; those that come `later` are other ones in part."""
    rng = np.random.default_rng(seed)
    person = rng.integers(PEOPLE // 2 if later else 0, PEOPLE + (PEOPLE if later else 0), ROWS)
    visits = rng.gamma(2, 3, ROWS)
    return pd.DataFrame(
        {
            "email": [f"{MARK}{number}@example.org" for number in person],
            "number": NUMBER + person,
            "visits": visits,
            "plan": rng.choice(["basic", "premium"], ROWS),
            "left": np.where(visits + person / 4 + rng.normal(0, 1, ROWS) > 7, "yes", "no"),
        }
    )


@dataclass(frozen=True)
class PersonalWorkspace:
    """The workspace and what is in it."""

    workspace: Workspace
    run: str
    window: str


def build(folder: Path, clock: Clock) -> PersonalWorkspace:
    """Make it in a new folder; nobody in it has a right."""
    opened = open_workspace(settings=Settings(workspace=folder, actor="ada"), clock=clock)
    opened.data.register(DATASET, members(0))
    opened.data.register(DATASET, members(1, later=True), on_breach="accept")
    opened.data.mark_personal(DATASET, "number", reason="of the member")
    spec = TrainingSpec(
        f"{DATASET}@1", "left", trainer="logistic_regression", experiment=NAME, features=INPUTS,
        positive="yes", evaluation="held_out",
    )  # fmt: skip
    run = opened.training.train_now(spec)
    second = opened.training.train_now(spec)
    rows = io.BytesIO()
    members(0).to_csv(rows, index=False)
    for path in ("tables/worst.csv", "notes.txt"):
        opened.experiments.log_artifact(run, path, rows.getvalue())
    with patch("pilothouse.deployments.controller.trial.try_version", lambda *_: ""):
        opened.registry.register(NAME, run)
        opened.registry.register(NAME, second)
        set_gates(opened, "production", [])
        opened.registry.promote(NAME, 1, "production", "the first")
        opened.deployments.launch(NAME, NAME, 1, "the first")
    opened.monitoring.monitor(
        NAME, segment_columns=["email", "plan"], fairness_columns=["email"], skew=True,
        skew_key="number",
        min_rows=50, min_labelled=50, min_coverage=0.1,
    )  # fmt: skip
    for signal, check in (("feature_drift", "psi"), ("data_quality", "unseen")):
        rule = AlertRuleSpec(check, signal, check, "above", 0.0, column="email", for_windows=1)
        opened.monitoring.add_rule(NAME, rule)
    windows = [_answered_week(opened, number) for number in range(2)]
    return PersonalWorkspace(opened, run, windows[-1])


def _answered_week(workspace: Workspace, number: int) -> str:
    """A week of labelled predictions, judged; the window's id."""
    rows, start = members(10 + number, later=number > 0), MONDAY + number * WEEK
    rng = np.random.default_rng(number)
    ids, now = uuid7s(ROWS, to_ms(start)), pd.Timestamp(workspace.store.now())
    frame = rows[list(INPUTS)].assign(
        prediction_id=ids, model=NAME, version=1, received_at=now, latency_ms=1.0,
        event_at=pd.Timestamp(start) + pd.to_timedelta(np.arange(ROWS), unit="min"),
        score=rng.random(ROWS),
    )  # fmt: skip
    labels = pd.DataFrame({"prediction_id": ids, "label": rows["left"]})
    labels = labels.assign(label_at=pd.Timestamp(start), received_at=now)
    log_days(workspace.folder, NAME, frame, labels)
    return workspace.monitoring.evaluate(NAME, start, start + timedelta(days=7))
