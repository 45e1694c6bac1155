"""`pilothouse validate` says by its exit code whether the gates pass, and moves nothing."""

from __future__ import annotations

import json

import pytest

from harness.live_windows import promoted
from pilothouse.cli.validation import exit_code
from pilothouse.registry.gates import Verdict
from pilothouse.workspace import Workspace


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 0),
        (["passed", "passed"], 0),
        (["passed", "inconclusive"], 2),
        (["inconclusive", "failed"], 1),
    ],
)
def test_the_worst_verdict_decides(outcomes: list, code: int) -> None:
    assert exit_code([Verdict("gate", outcome, None, None, "") for outcome in outcomes]) == code


def test_the_command_prints_every_verdict_and_moves_nothing(
    call, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.deployments.controller.trial.try_version", lambda *_: "")
    promoted(workspace.store)
    entries = workspace.activity.count()
    result = call("validate", "shop", "1", "--stage", "production", "--json")
    value = json.loads(result.out)
    outcomes = {verdict["outcome"] for verdict in value["verdicts"]}
    assert value["outcome"] == {0: "passed", 1: "failed", 2: "inconclusive"}[result.code]
    assert ("failed" in outcomes) == (result.code == 1)
    assert len(value["verdicts"]) > 1
    assert workspace.activity.count() == entries
    assert call("validate", "shop", "9").code == 4
