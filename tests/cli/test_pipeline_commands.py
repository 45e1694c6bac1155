"""Commands on pipelines: what they print, and how texts become parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pilothouse.workspace import Workspace

Call = Callable[..., Any]
FILE = """
name: weekly
parameters: {year: "2025", rounds: {type: integer, default: 1}}
steps:
  - {name: data, uses: dataset_version, with: {dataset: churn}}
  - {name: after, uses: command, needs: data, with: {command: "true"}}
"""


def test_from_a_file_to_a_run(call: Call, workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "weekly.yaml"
    file.write_text(FILE)
    added = call("pipelines", "add", str(file))
    assert added.out == "weekly@1 is registered: 2 steps\n"
    assert "after: command after data" in call("pipelines", "show", "weekly").out
    asked = call(
        "pipelines", "run", "weekly", "--param", "year=2026", "--param", "rounds=3", "--json"
    )
    run = json.loads(asked.out)["run"]
    details = json.loads(call("pipelines", "show-run", run, "--json").out)
    assert details["parameters"] == {"year": "2026", "rounds": 3}
    assert [step["status"] for step in details["steps"]] == ["pending", "pending"]
    refused = call("pipelines", "run-step", "weekly", "data", "--key", "a")
    assert (refused.code, "no worker runs" in refused.err) == (6, True)


def test_a_wrong_file_ends_with_2_and_names_its_line(
    call: Call, workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "weekly.yaml"
    file.write_text(FILE.replace("needs: data", "needs: date"))
    refused = call("pipelines", "add", str(file))
    assert refused.code == 2
    assert "line 6, step after: needs 'date', and there is no such step" in refused.err
