"""`pilothouse import mlflow`: what it says where, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


def test_it_makes_a_workspace_and_says_what_came(call: Call, folder: Path, mlruns: Path) -> None:
    said = call("import", "mlflow", str(mlruns))
    assert said.code == 0
    assert said.out == "Brought: 1 experiment, 1 run, 1 point.\n"
    assert said.err.startswith("looking\n")
    again = call("import", "mlflow", str(mlruns))
    assert (again.code, again.out) == (0, "Here already: 1 experiment, 1 run.\n")
    opened = open_workspace(folder)
    assert opened.experiments.run(RUN).values == {"loss": 0.5}
    opened.store.engine.dispose()


def test_json_holds_the_whole_report(call: Call, mlruns: Path) -> None:
    report = json.loads(call("import", "mlflow", str(mlruns), "--json", "--prefix", "old").out)
    assert report["source"] == f"folder:{mlruns}"
    assert report["brought"]["runs"] == 1
    assert (report["faults"], report["lines"], report["lines_more"]) == (0, [], 0)


def test_what_is_broken_ends_it_with_one(call: Call, mlruns: Path) -> None:
    (mlruns / "1" / RUN / "metrics" / "loss").write_text("nonsense\n1 0.5 0\n")
    said = call("import", "mlflow", str(mlruns))
    assert said.code == 1
    assert "broken: metric" in said.out
    assert "lines that are no points: 1" in said.out


def test_a_dry_run_writes_nothing(call: Call, mlruns: Path) -> None:
    said = call("import", "mlflow", str(mlruns), "--dry-run")
    assert said.code == 0
    assert "1 run" in said.out
    told = json.loads(call("import", "mlflow", str(mlruns), "--dry-run", "--json").out)
    assert (told["runs"], told["known_runs"]) == (1, 0)
    assert json.loads(call("runs", "list", "--json").out) == []


def test_only_experiments_that_are_there(call: Call, mlruns: Path) -> None:
    said = call("import", "mlflow", str(mlruns), "--experiment", "nope")
    assert said.code == 4
    assert "Known: exp" in said.err


def test_a_source_typed_wrong_makes_no_workspace(call: Call, folder: Path, tmp_path: Path) -> None:
    said = call("import", "mlflow", str(tmp_path / "nothing"))
    assert said.code == 4
    assert "there is nothing at" in said.err
    assert not folder.exists()
