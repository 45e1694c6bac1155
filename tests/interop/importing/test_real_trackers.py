"""What the real libraries write is read to the values that they read themselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from imported_runs import files_of, is_unchanged

from harness.tracker_writers import run_script
from pilothouse.interop.importing.comet.messages import metric_value
from pilothouse.workspace import Workspace

HERE = Path(__file__).parent


@pytest.mark.proof
@pytest.mark.long
def test_tensorboard_reads_the_same_points(workspace: Workspace, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    printed = run_script("tensorboard", HERE / "write_event_files.py", str(logs), cwd=tmp_path)
    theirs = json.loads(printed.splitlines()[-1])
    report = workspace.imports.run(str(logs))
    assert report.faults == 0
    ids = workspace.experiments.ids()
    runs = {run.name: run for run in map(workspace.experiments.run, ids)}
    assert set(runs) == {"torch", "keras/train"}
    ours = {name: _points(workspace, run) for name, run in runs.items()}
    assert ours["keras/train"] == _expected(theirs["keras/train"])
    expected = _expected(theirs["torch"])
    for folder, tags in theirs.items():
        line = folder.removeprefix("torch/both/")
        if line != folder:
            [points] = tags.values()
            expected |= _expected({f"both/{line}": points})
        elif folder.startswith("torch/"):
            expected |= _expected(tags)
    assert ours["torch"] == expected
    assert len(ours["torch"]["loss/train"]) == 300
    assert runs["torch"].params == {"lr": "0.25", "layers": "3", "act": "relu", "bias": "True"}
    files = [file.path for file in runs["torch"].artifacts]
    assert files == ["images/samples/step-5.png", "text/notes/step-3.md"]


def _expected(tags: dict[str, list[list[str]]]) -> dict[str, list[Any]]:
    return {
        tag: sorted(
            (int(step), round(float(at) * 1e6), repr(float(value))) for step, at, value in points
        )
        for tag, points in tags.items()
    }


def _points(workspace: Workspace, run: Any) -> dict[str, list[Any]]:
    history = workspace.experiments.history([run.id])
    return {
        key: sorted(
            (int(p.step), int(p.at.value // 1000), repr(float(p.value))) for p in of.itertuples()
        )
        for key, of in history.groupby("key")
    }


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.parametrize("version", ["wandb-0.16", "wandb-0.19", "wandb-0.31"])
def test_wandbs_own_schema_reads_the_same_points(
    workspace: Workspace, tmp_path: Path, version: str
) -> None:
    script = HERE / "write_wandb_runs.py"
    run_script(version, script, "write", str(tmp_path), cwd=tmp_path)
    # Its process may write a little longer: both readers get the same copy.
    copy = shutil.copytree(tmp_path / "wandb", tmp_path / "copy" / "wandb", symlinks=True)
    theirs = json.loads(run_script(version, script, "read", str(copy), cwd=tmp_path))
    report = workspace.imports.run(str(copy))
    assert (report.faults, report.imported["runs"]) == (0, 1)
    [run_id] = workspace.experiments.ids()
    run = workspace.experiments.run(run_id)
    ours = _points(workspace, run)
    # The load of the machine is measured when a run is long enough.
    ours = {key: points for key, points in ours.items() if not key.startswith("system/")}
    assert [value for _, _, value in ours.pop("best")] == ["0.25"]
    assert ours == _expected(theirs)
    assert len(ours["loss"]) == 400
    assert (run.name, run.status, run.note) == ("first", "finished", "a note")
    expected = {"lr": "0.1", "model.layers": "3", "model.act": "relu", "dims": "[1, 2]"}
    assert run.params == expected
    assert run.tags["wandb.tags"] == "a, b"
    assert run.tags["wandb.summary.verdict"] == "fine"
    assert [file.path for file in run.artifacts if file.path.startswith("media/images/image_")]
    again = workspace.imports.run(str(copy))
    assert (sum(again.imported.values()), again.changed) == (0, {})


@pytest.mark.proof
@pytest.mark.long
def test_comets_own_command_reads_the_same_points(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    printed = run_script("comet", HERE / "write_comet_archives.py", str(folder), cwd=tmp_path)
    rows = json.loads(printed.splitlines()[-1])
    report = workspace.imports.run(str(folder))
    assert (report.faults, report.imported["runs"]) == (0, 1)
    [run_id] = workspace.experiments.ids()
    run = workspace.experiments.run(run_id)
    assert (run.name, run.status) == ("first", "finished")
    theirs: dict[str, list[str]] = {}
    for section, name, value in rows:
        if section == "metric":
            key = f"system/{name.removeprefix('sys.')}" if name.startswith("sys.") else name
            theirs.setdefault(key, []).append(repr(metric_value(value)))
    ours = _points(workspace, run)
    assert {key: [value for _, _, value in points] for key, points in ours.items()} == theirs
    assert [step for step, _, _ in ours["loss"]] == list(range(300))
    assert [step for step, _, _ in ours["unnumbered"]] == list(range(5))
    params = {name: value for section, name, value in rows if section == "param"}
    counters = {name: params.pop(name) for name in ("curr_step", "curr_epoch")}
    assert counters["curr_step"] != "0"
    assert run.params == {name.replace("|", "."): value for name, value in params.items()}
    files = files_of(workspace, run)
    assert files["docs/note.txt"] == files["models/clf/model.bin"] == b"note"
    expected = {"curve/roc.json", "histogram3d/weights/step-2.json", "text-sample/step-1.txt"}
    assert expected | {"confusion-matrix/confusion-matrix.json"} < set(files)
    assert b"a console line" in files["output.log"]
    assert (run.tags["comet.tags"], run.tags["comet.other.verdict"]) == ("a, b", "fine")
    assert is_unchanged(workspace.imports.run(str(folder)))


@pytest.mark.proof
@pytest.mark.long
def test_dvc_reads_the_same_experiments(workspace: Workspace, tmp_path: Path) -> None:
    project = tmp_path / "churn"
    project.mkdir()
    script = HERE / "write_dvclive_experiments.py"
    printed = run_script("dvclive", script, str(project), cwd=tmp_path)
    theirs = json.loads(printed.splitlines()[-1])
    report = workspace.imports.run(str(project))
    assert (report.faults, report.imported["runs"]) == (0, 2)
    runs = {run.name: run for run in map(workspace.experiments.run, workspace.experiments.ids())}
    assert set(runs) == set(theirs) == {"first", "second"}
    for name, run in runs.items():
        of = theirs[name]
        assert run.params == {
            "lr": str(of["params"]["lr"]),
            "model.layers": "3",
            "model.act": "relu",
            "dims": "[1, 2]",
        }
        ours = _points(workspace, run)
        assert [point[::2] for point in ours.pop("best")] == [(of["metrics"]["step"], "0.25")]
        histories = "dvclive/plots/metrics/"
        expected = {
            path.removeprefix(histories).removesuffix(".tsv"): [
                (int(row["step"]), repr(float(row[Path(path).stem]))) for row in rows
            ]
            for path, rows in of["plots"].items()
        }
        shown = {key: [point[::2] for point in points] for key, points in ours.items()}
        assert shown == expected
        assert len(shown["train/loss"]) == 200
        timed = of["plots"][f"{histories}timed.tsv"]
        assert [at // 1000 for _, at, _ in ours["timed"]] == [int(r["timestamp"]) for r in timed]
        files = files_of(workspace, run)
        assert (files["model.txt"], files["parts/a.txt"]) == (
            name.encode(),
            f"part of {name}".encode(),
        )
        assert {"plots/images/a.png", "plots/sklearn/confusion_matrix.json"} < set(files)
    assert is_unchanged(workspace.imports.run(str(project)))
