"""The loop of the tutorial from the command line alone: every step is a `pilothouse` command."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.running_instance import run_instance

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]
START = datetime(2026, 1, 5, tzinfo=UTC)
POLICY = """
policies:
  - name: fair
    stage: production
    gates:
      - gate: metric_threshold
        params: {{metric: roc_auc, threshold: {threshold}}}
"""
FEATURES = ("age", "visits", "plan")


@dataclass(frozen=True)
class Shell:
    """A folder in which commands are called, each as a process of its own."""

    folder: Path

    def run(self, *words: str, code: int = 0) -> str:
        """What the command printed on stdout; it has to end with the code."""
        command = [sys.executable, "-m", "pilothouse.cli", *words]
        command += ["--workspace", str(self.folder / "workspace")]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == code, (words, ended.stdout, ended.stderr)
        return ended.stdout

    def json(self, *words: str) -> Any:
        """The JSON that the command printed."""
        return json.loads(self.run(*words, "--json"))

    def train(self, trainer: str) -> str:
        """The run of a training by the worker."""
        job = self.json("train", "churn", "churned", "--trainer", trainer)["job"]
        ended = self.json("jobs", "wait", job, "--seconds", "240")
        assert ended["status"] == "succeeded"
        return str(ended["result"]["run"])


def customers(count: int, seed: int) -> list[dict[str, Any]]:
    """Customers of whom the young on a basic plan tend to leave."""
    rng = random.Random(seed)
    rows = []
    for index in range(count):
        age, visits = rng.randint(18, 80), rng.randint(0, 30)
        plan = rng.choice(["basic", "plus", "pro"])
        risk = 0.1 + 0.5 * (age < 40) + 0.3 * (plan == "basic")
        at = START - timedelta(days=60) + timedelta(hours=index)
        rows.append(
            {
                "seen": at.isoformat(),
                "age": age,
                "visits": visits,
                "plan": plan,
                "churned": "yes" if rng.random() < risk else "no",
            }
        )
    return rows


def write(file: Path, rows: list[dict[str, Any]]) -> str:
    """The path of a CSV file of these rows."""
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(file)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell beside a running `pilothouse up`."""
    folder = tmp_path_factory.mktemp("loop")
    with run_instance(folder / "workspace"):
        yield Shell(folder)


def test_the_loop_of_the_tutorial(shell: Shell) -> None:
    file = write(shell.folder / "customers.csv", customers(900, seed=1))
    preview = shell.json("datasets", "preview", file)
    assert preview["problems"] == {}
    version = shell.json("datasets", "register", "churn", file, "--origin", "CRM export")
    assert (version["ref"], version["rows"]) == ("churn@1", 900)
    assert shell.json("datasets", "check", "churn", file)["ok"] is True

    # Train two models and compare them.
    first, second = shell.train("logistic_regression"), shell.train("hist_gradient_boosting")
    listed = shell.json("runs", "list", "--filter", "metrics.roc_auc > 0.5")
    assert {run["id"] for run in listed} == {first, second}
    compared = shell.json("runs", "compare", first, second)
    assert compared["baseline"] == first
    assert compared["verdict"]["best"] in (first, second)

    _release(shell, first)
    _serve(shell)
    _replace(shell, second)

    assert shell.json("activity", "verify")["intact"] is True
    assert shell.json("doctor")["ok"] is True


def _release(shell: Shell, run: str) -> None:
    """Register a run; the gates refuse it until they ask for less."""
    assert shell.json("models", "register", "churn", run)["ref"] == "churn@1"
    file = shell.folder / "policies.yaml"
    apply = ("policies", "apply", str(file), "--reason", "what the team agreed on")
    file.write_text(POLICY.format(threshold=0.999))
    shell.run(*apply)
    shell.run("models", "promote", "churn", "1", "production", "--reason", "first", code=3)
    file.write_text(POLICY.format(threshold=0.6))
    shell.run(*apply)
    assert shell.json("models", "assess", "churn", "1", "production")["accepted"] is True
    shell.run("models", "promote", "churn", "1", "production", "--reason", "first")
    assert shell.json("models", "champion", "churn")["ref"] == "churn@1"


def _serve(shell: Shell) -> None:
    """Predict and label two weeks; in the second nothing comes true as predicted."""
    launched = shell.json("deployments", "launch", "churn", "churn", "1", "--wait")
    assert launched["status"] == "ready"
    shell.run("monitors", "start", "churn")
    few = ("--min-rows", "50", "--min-labelled", "50")
    assert shell.json("monitors", "change", "churn", *few)["min_rows"] == 50
    rules = shell.json("alerts", "rules", "list", "--deployment", "churn")
    rule = next(rule["id"] for rule in rules if rule["name"] == "performance")
    once = ("--for-windows", "1", "--action", "none")
    shell.run("alerts", "rules", "change", rule, *once)

    assert _week(shell, 0, turned=False) > 0.6
    assert "performance" not in shell.run("alerts", "list", "--state", "firing")
    assert _week(shell, 1, turned=True) < 0.4
    windows = shell.json("monitors", "windows", "churn")
    assert [window["labelled"] for window in windows] == [200, 200]
    drift = shell.json("monitors", "drift", windows[0]["id"])
    assert {row["column"] for row in drift} == set(FEATURES)
    assert len(shell.json("monitors", "performance", "churn")) == 2
    alerts = shell.json("alerts", "list", "--state", "firing", "--deployment", "churn")
    assert [alert["name"] for alert in alerts] == ["performance"]
    shell.run("alerts", "acknowledge", alerts[0]["id"], "--note", "we look at it")
    assert shell.json("alerts", "show", alerts[0]["id"])["state"] == "acknowledged"
    assert shell.json("attention", "list") != []


def _week(shell: Shell, number: int, *, turned: bool) -> float:
    """Predict and label the customers of a week and evaluate its window; its ROC AUC."""
    rows = customers(200, seed=10 + number)
    file = write(shell.folder / f"week-{number}.csv", rows)
    begins = START + timedelta(weeks=number)
    at = ("--event-time", (begins + timedelta(days=2)).isoformat())
    answers = shell.json("deployments", "predict", "churn", file, *at)
    assert len(answers) == len(rows)

    other = {"yes": "no", "no": "yes"} if turned else {"yes": "yes", "no": "no"}
    outcomes = [
        {"prediction_id": answer["prediction_id"], "label": other[row["churned"]]}
        for answer, row in zip(answers, rows, strict=True)
    ]
    labels = write(shell.folder / f"outcomes-{number}.csv", outcomes)
    assert shell.json("deployments", "label", "churn", labels)["accepted"] == len(rows)
    ends = begins + timedelta(weeks=1)
    span = ("--start", begins.isoformat(), "--end", ends.isoformat())
    window = shell.json("monitors", "evaluate", "churn", *span)
    return float(window["metrics"]["roc_auc"])


def _replace(shell: Shell, run: str) -> None:
    """Propose and accept the second run, serve it, and go back to the first."""
    assert shell.json("models", "register", "churn", run)["ref"] == "churn@2"
    proposed = shell.json("models", "propose", "churn", "2", "production", "--reason", "newer")
    decide = ("models", "decide", proposed["id"], "--accept", "--reason", "checked")
    shell.run(*decide, "--actor", "grace", code=4)  # nobody of that name decides here
    shell.run("people", "add", "grace", "--rights", "approve")
    assert shell.json(*decide, "--actor", "grace")["decided_by"] == "grace"
    assert shell.json("models", "show", "churn", "champion")["ref"] == "churn@2"
    assert len(shell.json("models", "history", "churn")) >= 2

    switched = shell.json("deployments", "switch-version", "churn", "2", "--wait")
    assert switched["serving_version"] == 2
    back = shell.json("deployments", "rollback", "churn", "--wait", "--reason", "too many alarms")
    assert back["serving_version"] == 1
    record = json.dumps({"age": 30, "visits": 2, "plan": "basic"})
    answer = shell.json("deployments", "predict", "churn", "--record", record)
    assert answer[0]["version"] == 1
    shell.run("deployments", "predict", "nothing", "--record", record, code=4)
    assert len(shell.json("deployments", "predictions", "churn")) == 401
    shell.run("deployments", "stop", "churn")
