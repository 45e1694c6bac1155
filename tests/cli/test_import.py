"""`pilothouse import mlflow`: its output and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import event_files
from pilothouse.workspace import open_workspace

Call = Callable[..., Any]
RUN = "a" * 32


@pytest.fixture
def mlruns(tmp_path: Path) -> Path:
    """A file store with one run."""
    run = tmp_path / "mlruns" / "1" / RUN
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text(f"run_id: '{RUN}'\nrun_name: first\nstatus: 3\n")
    (run / "metrics" / "loss").write_text("1 0.5 0\n")
    (run.parent / "meta.yaml").write_text("experiment_id: '1'\nname: exp\n")
    return tmp_path / "mlruns"


def test_it_creates_a_workspace_and_prints_what_was_imported(
    call: Call, folder: Path, mlruns: Path
) -> None:
    result = call("import", "mlflow", str(mlruns))
    assert result.code == 0
    assert result.out == "Imported: 1 experiment, 1 run, 1 point.\n"
    assert result.err.startswith("looking\n")
    again = call("import", "mlflow", str(mlruns))
    assert (again.code, again.out) == (0, "Imported earlier: 1 experiment, 1 run.\n")
    opened = open_workspace(folder)
    assert opened.experiments.run(RUN).values == {"loss": 0.5}
    opened.store.engine.dispose()


def test_json_holds_the_whole_report(call: Call, mlruns: Path) -> None:
    report = json.loads(call("import", "mlflow", str(mlruns), "--json", "--prefix", "old").out)
    assert report["source"] == f"folder:{mlruns}"
    assert report["brought"]["runs"] == 1
    assert (report["faults"], report["lines"], report["lines_more"]) == (0, [], 0)


def test_damaged_content_ends_it_with_one(call: Call, mlruns: Path) -> None:
    (mlruns / "1" / RUN / "metrics" / "loss").write_text("nonsense\n1 0.5 0\n")
    result = call("import", "mlflow", str(mlruns))
    assert result.code == 1
    assert "broken: metric" in result.out
    assert "lines that are no points: 1" in result.out


def test_a_dry_run_writes_nothing(call: Call, mlruns: Path) -> None:
    result = call("import", "mlflow", str(mlruns), "--dry-run")
    assert result.code == 0
    assert "1 run" in result.out
    preview = json.loads(call("import", "mlflow", str(mlruns), "--dry-run", "--json").out)
    assert (preview["runs"], preview["known_runs"]) == (1, 0)
    assert json.loads(call("runs", "list", "--json").out) == []


def test_an_unknown_experiment_is_named(call: Call, mlruns: Path) -> None:
    result = call("import", "mlflow", str(mlruns), "--experiment", "nope")
    assert result.code == 4
    assert "Known: exp" in result.err


def test_a_wrong_source_creates_no_workspace(call: Call, folder: Path, tmp_path: Path) -> None:
    result = call("import", "mlflow", str(tmp_path / "nothing"))
    assert result.code == 4
    assert "there is nothing at" in result.err
    assert not folder.exists()


def test_the_kind_is_recognised_or_said(call: Call, mlruns: Path, tmp_path: Path) -> None:
    event_files.write(tmp_path / "logs" / "a", [event_files.event(0, event_files.scalar("x", 1.0))])
    result = call("import", "history", str(tmp_path / "logs"))
    assert (result.code, result.out) == (0, "Imported: 1 experiment, 1 run, 1 point.\n")
    both = call("import", "history", str(tmp_path), "--dry-run")
    assert "Say which tracker: mlflow, tensorboard" in both.err
    preview = call("import", "history", str(tmp_path), "--dry-run", "--tracker", "tensorboard")
    assert "(TensorBoard: event files)" in preview.out
    assert "no reader named" in call("import", "history", "x", "--tracker", "nope").err
    assert set(json.loads(call("import", "trackers", "--json").out)) >= {"mlflow", "tensorboard"}
