"""Lists: valid JSON whatever lies in the workspace, and clear words where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pilothouse.cli import runs
from pilothouse.cli.output import to_json
from pilothouse.workspace import Workspace

Call = Callable[..., Any]

NOUNS = (
    *("datasets", "experiments", "runs", "models", "deployments", "monitors", "alerts", "jobs"),
    *("schedules", "attention", "activity"),
)


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def read(text: str) -> Any:
    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_new_workspace_has_empty_lists(call: Call, workspace: Workspace, noun: str) -> None:
    assert read(call(noun, "list", "--json").out) == []
    assert call(noun, "list").out == "Nothing here yet.\n"


@pytest.mark.parametrize("noun", NOUNS)
def test_a_name_typed_wrong_makes_no_workspace(call: Call, folder: Path, noun: str) -> None:
    result = call(noun, "list", "--json")
    assert (result.code, result.out) == (4, "")
    assert str(folder) in result.err
    assert not folder.exists()


def test_runs_come_whole_however_many_pages_they_fill(
    call: Call, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PAGE", 2)
    made = [workspace.experiments.start("flights") for _ in range(5)]
    workspace.experiments.log_metrics(made[0], {"loss": float("nan"), "top": float("inf")})
    rows = read(call("runs", "list", "--json").out)
    assert {run["id"] for run in rows} == set(made)
    assert len(rows) == 5
    first = next(run for run in rows if run["id"] == made[0])
    assert first["metrics.loss"] is None
    assert first["created_at"] == "2026-03-01T12:00:00+00:00"


def test_a_filter_chooses_runs_and_says_what_it_cannot_read(
    call: Call, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PAGE", 2)
    for name, loss in (("a", 0.1), ("b", 0.5), ("c", 0.9), ("d", 0.7)):
        run = workspace.experiments.start("flights", name)
        workspace.experiments.log_metrics(run, {"loss": loss})
    rows = read(call("runs", "list", "--json", "--filter", "metrics.loss > 0.4").out)
    assert {run["name"] for run in rows} == {"b", "c", "d"}
    result = call("runs", "list", "--filter", "metrics.loss > kaese")
    assert (result.code, result.out) == (2, "")
    assert "at column 16, near 'kaese'" in result.err


def test_what_json_has_no_number_for_is_null_at_any_depth() -> None:
    text = to_json(
        [{"a": float("inf"), "b": {"c": [float("nan"), 1.5]}, "d": pd.NaT, "e": True, "f": "é"}]
    )
    assert text == '[{"a": null, "b": {"c": [null, 1.5]}, "d": null, "e": true, "f": "é"}]'


def test_a_file_becomes_a_dataset_and_a_workspace(call: Call, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "late.csv"
    file.write_text("minutes,late\n5,0\n25,1\n")
    assert "late@1: 2 rows" in call("datasets", "register", "late", str(file)).out
    assert [row["name"] for row in read(call("datasets", "list", "--json").out)] == ["late"]
