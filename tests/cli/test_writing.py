"""Commands that change something: what they answer, and what is so afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.serving import register
from pilothouse.cli.deployments import prediction_line
from pilothouse.workspace import Workspace

STRICT = """
policies:
  - name: strict
    stage: staging
    gates:
      - gate: metric_threshold
        params: {metric: roc_auc, threshold: 0.9}
"""

Call = Callable[..., Any]


@pytest.fixture
def ask(call: Call) -> Callable[..., Any]:
    """The JSON of a command that has to end well."""

    def run(*words: str) -> Any:
        result = call(*words, "--json")
        assert result.code == 0, result.err
        return json.loads(result.out)

    return run


def test_a_script_logs_a_run(call: Call, ask: Call, folder: Path, tmp_path: Path) -> None:
    assert ask("experiments", "create", "churn", "--note", "who leaves") == {"name": "churn"}
    assert call("experiments", "create", "churn").code == 5
    run = ask("runs", "start", "churn", "--name", "first", "--seed", "3")["run"]
    ask("runs", "log-params", run, "depth=6", "kind=forest")
    ask("runs", "log-metrics", run, "loss=0.5", "auc=0.7")
    ask("runs", "log-metrics", run, "loss=0.25", "--step", "1")
    assert call("runs", "log-metrics", run, "loss=much").code == 2
    plot = tmp_path / "plot.txt"
    plot.write_text("a plot")
    ask("runs", "log-file", run, "plots/a.txt", str(plot))
    ask("runs", "finish", run)

    info = ask("runs", "show", run)
    assert (info["status"], info["params"]) == ("finished", {"depth": "6", "kind": "forest"})
    assert [point["value"] for point in ask("runs", "metrics", run, "--key", "loss")] == [0.5, 0.25]
    ask("runs", "download", run, "plots/a.txt", str(tmp_path / "copy.txt"))
    assert (tmp_path / "copy.txt").read_text() == "a plot"


def test_runs_are_annotated_archived_and_deleted(
    call: Call, ask: Call, workspace: Workspace
) -> None:
    run = workspace.experiments.start("churn")
    workspace.experiments.finish(run)
    ask("runs", "rename", run, "wide")
    ask("runs", "annotate", run, "better labels")
    assert ask("runs", "star", run) == {"runs": 1}
    assert ask("runs", "tag", run, "--set", "team=blue", "--set", "draft=1") == {"runs": 1}
    ask("runs", "tag", run, "--remove", "draft")
    info = ask("runs", "show", run)
    assert (info["name"], info["note"]) == ("wide", "better labels")
    assert info["tags"]["team"] == "blue"
    assert "draft" not in info["tags"]

    assert call("runs", "delete", run).code == 5
    assert ask("runs", "archive", run) == {"archived": 1}
    assert [row["id"] for row in ask("runs", "list", "--archived")] == [run]
    assert ask("runs", "restore", run) == {"restored": 1}
    ask("runs", "archive", run)
    assert ask("runs", "delete", run) == {"deleted": 1}
    assert call("runs", "show", run).code == 4


def test_metrics_and_views_are_described(ask: Call, workspace: Workspace) -> None:
    kind = ask("experiments", "describe-metric", "val_x", "--direction", "lower", "--target", "2")
    assert (kind["direction"], kind["target"]) == ("lower", 2.0)
    view = ask("experiments", "save-view", "good", "--state", "query=metrics.auc > 0.8")
    assert view["state"] == {"query": "metrics.auc > 0.8"}
    id = str(view["id"])
    assert ask("experiments", "rename-view", id, "best")["name"] == "best"
    ask("experiments", "set-default-view", id)
    assert [row["is_default"] for row in ask("experiments", "views")] == [True]
    ask("experiments", "delete-view", id)
    assert ask("experiments", "views") == []


@pytest.mark.usefixtures("answering")
def test_policies_aliases_and_decisions(
    call: Call, ask: Call, workspace: Workspace, tmp_path: Path
) -> None:
    register(workspace.store, "late", b"a model")
    file = tmp_path / "policies.yaml"
    file.write_text(STRICT)
    apply = ("policies", "apply", str(file), "--reason", "raised")
    assert ask(*apply, "--dry-run") == ask("policies", "diff", str(file)) != []
    assert "strict" not in [row["name"] for row in ask("policies", "list")]
    assert [change["kind"] for change in ask(*apply)] == ["added"]
    assert [change["kind"] for change in ask(*apply)] == ["same"]
    rules = ask("policies", "show", "strict")["gates"]
    assert rules == [
        {"gate": "metric_threshold", "params": {"metric": "roc_auc", "threshold": 0.9}}
    ]
    assert ask("policies", "export")["text"] == ask("policies", "export", "strict")["text"]
    [judged] = ask("policies", "test", str(file))
    assert (judged["version"], judged["passes"], judged["passes_today"]) == (1, False, False)
    file.write_text(STRICT.replace("metric_threshold", "nothing"))
    assert call(*apply).code == 2

    refused = call("models", "promote", "late", "1", "staging", "--reason", "try")
    assert refused.code == 3
    assert "metric_threshold" in refused.err
    ask("people", "add", "Bo", "--rights", "")
    mine = ("--actor", "Bo", "--reason", "try", "--wait")
    assert "does not have the right" in call("models", "promote", "late", "1", "staging", *mine).err
    assert ask("jobs", "list") == [], "nothing is measured for whoever may not promote"
    proposed = ask("models", "propose", "late", "1", "staging", "--reason", "try")
    rejected = ask("models", "decide", proposed["id"], "--reject", "--reason", "not yet")
    assert rejected["status"] == "rejected"
    assert ask("models", "alias", "late", "shadow", "1")["version"] == 1
    assert ask("models", "show", "late", "shadow")["ref"] == "late@1"
    assert ask("models", "alias", "late", "shadow")["before"] == 1
    ask("models", "archive", "late", "1", "--reason", "old")
    assert ask("models", "show", "late", "1")["stage"] == "archived"


@pytest.mark.usefixtures("answering")
def test_a_deployment_is_launched_and_stopped_and_watched(
    call: Call, ask: Call, workspace: Workspace
) -> None:
    register(workspace.store, "late", b"a model")
    assert ask("deployments", "launch", "shop", "late", "1", "--replicas", "2")["version"] == 1
    assert call("deployments", "launch", "shop", "late", "1").code == 5
    slow = call("deployments", "wait-until-ready", "shop", "--seconds", "0.1")
    assert slow.code == 6
    offline = call("deployments", "predict", "shop", "--record", '{"distance": 1, "carrier": "A"}')
    assert offline.code == 6
    assert call("deployments", "predict", "shop", "--record", "[1]").code == 2
    assert call("deployments", "predict", "shop").code == 2
    assert call("deployments", "rollback", "shop").code == 5
    assert ask("deployments", "stop", "shop")["desired_state"] == "stopped"
    assert ask("deployments", "resume", "shop")["desired_state"] != "stopped"

    assert ask("monitors", "start", "shop")["enabled"] is True
    changed = ask("monitors", "change", "shop", "--period", "day", "--disabled")
    assert (changed["period"], changed["enabled"]) == ("day", False)
    assert call("monitors", "evaluate", "shop", "--start", "2026-01-01").code == 2
    assert "job" in ask("monitors", "evaluate", "shop")
    assert "job" in ask("pipelines", "evaluate", "shop")
    assert call("pipelines", "retrain", "shop").code == 2
    assert "job" in ask("pipelines", "retrain", "shop", "--reason", "drift")

    about = ("--signal", "feature_drift", "--check", "psi", "--condition", "above")
    rule = ask("alerts", "rules", "add", "shop", "mine", *about, "--threshold", "0.2")["id"]
    after = ask("alerts", "rules", "change", rule, "--threshold", "0.3", "--severity", "critical")
    assert (after["rule"]["threshold"], after["rule"]["severity"]) == (0.3, "critical")
    ask("alerts", "rules", "pause", rule, "--reason", "known")
    rows = {row["id"]: row for row in ask("alerts", "rules", "list", "--deployment", "shop")}
    assert rows[rule]["enabled"] is False
    ask("alerts", "rules", "resume", rule)


def test_jobs_and_schedules(call: Call, ask: Call, workspace: Workspace) -> None:
    job = workspace.jobs.submit("train", {}, title="Train")
    assert call("jobs", "wait", job, "--seconds", "0").code == 6
    assert ask("jobs", "cancel", job, "--reason", "wrong")["status"] == "cancelled"
    failed = call("jobs", "wait", job)
    assert failed.code == 1
    assert "cancelled" in failed.err
    assert ask("jobs", "retry", job)["retry_of"] == job
    assert [row["status"] for row in ask("jobs", "list", "--status", "queued")] == ["queued"]

    ask("schedules", "add", "weekly", "0 3 * * 1", "train", "--args", '{"a": 1}')
    assert call("schedules", "add", "weekly", "0 3 * * 1", "train").code == 5
    assert call("schedules", "add", "daily", "0 3 * * *", "train", "--args", "[1]").code == 2
    assert call("schedules", "add", "daily", "at noon", "train").code == 2
    ask("schedules", "pause", "weekly")
    assert [row["enabled"] for row in ask("schedules", "list")] == [False]
    ask("schedules", "resume", "weekly")
    ask("schedules", "remove", "weekly")
    assert ask("schedules", "list") == []


@pytest.mark.parametrize(
    ("prediction", "outputs", "line"),
    [
        ("yes", {"score": 0.6251}, "p-1  yes  score 0.6251"),
        (12.5, {"predict": 12.5}, "p-1  12.5"),
        ([8.0, 13.0], {"q.0.1": 8.0, "q.0.9": 13.0}, "p-1  [8.0, 13.0]  q.0.1 8  q.0.9 13"),
        ("b", {"predict": "b", "confidence": 0.7}, "p-1  b  confidence 0.7"),
        ({"a": 1, "b": "x"}, {"a": 1, "b": "x"}, 'p-1  {"a": 1, "b": "x"}  a 1'),
    ],
)
def test_a_prediction_is_one_line(
    prediction: object, outputs: dict[str, object], line: str
) -> None:
    answer = {"prediction_id": "p-1", "prediction": prediction, "outputs": outputs}
    assert prediction_line(answer) == line


def test_a_card_is_written_by_commands(
    call: Call, ask: Call, workspace: Workspace, tmp_path: Path
) -> None:
    register(workspace.store, "late", b"a model")
    before = ask("models", "card", "late", "1")
    after = ask("models", "card", "late", "1", "--set", "licence=mit", "--set", "factors=old lines")
    assert after["filled"] == before["filled"] + 2
    assert "Intended use (--set intended_use=...)" in call("models", "card", "late", "1").out
    assert call("models", "card", "late", "1", "--set", "colour=red").code == 2
    file = tmp_path / "README.md"
    ask("models", "card", "late", "1", "--markdown", "--output", str(file))
    assert "license: mit" in file.read_text()
    assert call("models", "card", "late", "1", "--html").out.startswith("<!DOCTYPE html>")
    assert [row["revision"] for row in ask("models", "card-history", "late", "1")] == [1]
