"""Runs out: what is written is what was logged, comes back the same, and says what it lacks."""

from __future__ import annotations

import math
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import update

from harness.live_windows import promoted
from pilothouse.interop.run_exports import run_source
from pilothouse.interop.run_exports.export_job import KEPT_SECONDS, export_job
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.settings import Settings
from pilothouse.registry.tables import ModelVersion
from pilothouse.workspace import Workspace, open_workspace

EXPERIMENT, LONG, FORMULA = "team/search", "n" * 300, "=cmd|' /C calc'!A0"
ODD = (math.nan, math.inf, -math.inf, 1e-300)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (3).to_bytes(4) + (2).to_bytes(4) + b"rest"
Runs = tuple[Workspace, str, str]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Two runs, one below the other, with everything that a run may have and odd names."""
    folder = tmp_path_factory.mktemp("runs") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    runs = workspace.experiments
    parent = runs.start(EXPERIMENT, FORMULA, seed=3)
    runs.log_params(parent, {"lr": 0.25, "layers": 3, "bias": True, "=x": "-1+1", LONG[:250]: "v"})
    runs.log_history(parent, "loss", range(-5, 995), [1 / (i + 1) for i in range(1000)])
    runs.log_history(parent, "odd/é", range(4), ODD)
    runs.tag(parent, {"a|b": "c\nd"})
    runs.annotate(parent, "a *note*")
    for path, data in {
        "notes.txt": b"hello",
        "text/samples/step-3.md": b"# hi",
        "images/a/step-7.png": PNG,
        f"deep/{LONG}.bin": b"\0\1",
    }.items():
        runs.log_artifact(parent, path, data)
    child = runs.start(EXPERIMENT, LONG, parent=parent)
    runs.log_metrics(child, {"loss": 0.5})
    runs.finish(child, "failed", "out of memory")
    runs.finish(parent)
    yield workspace, parent, child
    workspace.store.engine.dispose()


def unpacked(workspace: Workspace, format: str, folder: Path, **chosen: Any) -> Path:
    path = folder / f"{format}.zip"
    workspace.run_exports.write(format, path, **(chosen or {"experiments": [EXPERIMENT]}))
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / format)
    return folder / format


def points(workspace: Workspace, run: str) -> list[tuple[Any, ...]]:
    history = workspace.experiments.history([run])
    history["at"] = history["at"].dt.floor("ms")
    return [(p.key, p.step, p.at, repr(p.value)) for p in history.itertuples()]


def single(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The same points with their values in single precision."""
    return [(*row[:-1], repr(float(np.float32(row[-1])))) for row in rows]


def test_mlflows_store_imports_again_with_equal_histories(
    filled: Runs, workspace: Workspace, tmp_path: Path
) -> None:
    source, parent, child = filled
    folder = unpacked(source, "mlflow", tmp_path)
    report = workspace.imports.run(str(folder / "mlflow.db"))
    assert (report.faults, report.imported["runs"], report.imported["points"]) == (0, 2, 1005)
    for run in (parent, child):
        ours, theirs = source.experiments.run(run), workspace.experiments.run(run)
        for name in ("name", "experiment", "status", "parent_id", "user", "note", "params"):
            assert getattr(ours, name) == getattr(theirs, name), name
        assert {f.digest for f in ours.artifacts} == {f.digest for f in theirs.artifacts}
        assert points(source, run) == points(workspace, run)
    tags = workspace.experiments.run(parent).tags
    assert (tags["a|b"], tags["pilothouse.seed"]) == ("c\nd", "3")
    assert workspace.experiments.run(child).tags["pilothouse.error"] == "out of memory"
    assert "is `mlruns/" in (folder / "NOTES.md").read_text(encoding="utf-8")
    again = workspace.imports.run(str(folder / "mlflow.db"))
    assert again.already_imported["runs"] == 2


def test_mlflow_has_milliseconds_and_the_last_value_of_each_metric(
    filled: Runs, tmp_path: Path
) -> None:
    source, parent, _child = filled
    folder = unpacked(source, "mlflow", tmp_path)
    database = sqlite3.connect(folder / "mlflow.db")
    latest = "SELECT value, step, is_nan FROM latest_metrics WHERE run_uuid = ? AND key = 'loss'"
    assert database.execute(latest, [parent]).fetchall() == [(0.001, 994, 0)]
    [nan] = database.execute("SELECT value FROM metrics WHERE is_nan = 1").fetchall()
    assert nan == (0.0,)
    database.close()
    assert "in milliseconds" in (folder / "NOTES.md").read_text(encoding="utf-8")


def test_a_log_folder_of_tensorboard_imports_again(
    filled: Runs, workspace: Workspace, tmp_path: Path
) -> None:
    source, parent, child = filled
    folder = unpacked(source, "tensorboard", tmp_path)
    report = workspace.imports.run(str(folder / "team" / "search"))
    assert (report.faults, report.imported["runs"], report.imported["points"]) == (0, 2, 1005)
    runs = [workspace.experiments.run(run) for run in workspace.experiments.ids()]
    by_status = {run.status: run for run in runs}
    ours = source.experiments.run(parent)
    [theirs] = [run for run in runs if run.status != "failed"]
    assert theirs.params == ours.params
    files = {file.path: file.digest for file in theirs.artifacts}
    for path in ("text/samples/step-3.md", "images/a/step-7.png"):
        assert files[path] == next(f.digest for f in ours.artifacts if f.path == path)
    assert points(workspace, theirs.id) == single(points(source, parent))
    assert points(workspace, by_status["failed"].id) == points(source, child)
    notes = (folder / "NOTES.md").read_text(encoding="utf-8")
    assert "neither PNG images nor Markdown below `text/` (" in notes
    assert f"Run {parent} is in the folder" in notes


def test_csv_has_a_row_per_run_and_per_point_and_no_formula(filled: Runs, tmp_path: Path) -> None:
    source, parent, child = filled
    folder = unpacked(source, "csv", tmp_path)
    text = (folder / "runs.csv").read_text(encoding="utf-8")
    assert f"'{FORMULA}" in text
    assert "'-1+1" in text
    frame = pd.read_csv(folder / "runs.csv").set_index("id")
    assert list(frame.index) == [parent, child]
    assert frame.loc[parent, "metrics.loss"] == 0.001
    assert frame.loc[child, "parent_id"] == parent
    history = pd.read_csv(folder / "history.csv", keep_default_na=False)
    assert len(history) == 1005
    odd = history[history["key"] == "odd/é"]["value"].tolist()
    assert [float(value) for value in odd[1:]] == list(ODD[1:])
    assert odd[0] == "NaN"
    assert set(pd.read_csv(folder / "files.csv")["path"]) >= {"notes.txt"}


def test_parquet_has_types(filled: Runs, tmp_path: Path) -> None:
    source, parent, _child = filled
    folder = unpacked(source, "parquet", tmp_path)
    history = pd.read_parquet(folder / "history.parquet")
    expected = source.experiments.history([parent])
    mine = history[history["run_id"] == parent].reset_index(drop=True)
    for name in ("key", "step", "at", "value"):
        assert mine[name].tolist()[:1000] == expected[name].tolist()[:1000]
    assert str(history["at"].dtype) == "datetime64[us, UTC]"
    frame = pd.read_parquet(folder / "runs.parquet")
    assert frame["name"][0] == FORMULA
    assert frame["params.=x"][0] == "-1+1"


@pytest.mark.parametrize("format", ["mlflow", "tensorboard", "csv", "parquet"])
def test_the_same_runs_give_the_same_bytes_and_one_entry(
    filled: Runs, tmp_path: Path, format: str
) -> None:
    source, parent, _child = filled
    written = [
        source.run_exports.write(format, tmp_path / name, runs=[parent]) for name in ("a", "b")
    ]
    assert written[0].sha256 == written[1].sha256
    assert written[0].totals.runs == 1
    entry = source.activity.entries().iloc[0]
    assert entry["verb"] == "exported"
    assert written[0].left_out == source.run_exports.preview(format, runs=[parent]).left_out


def test_what_is_not_among_the_runs_and_what_is_damaged_is_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    runs = workspace.experiments
    parent = runs.start("a", "parent")
    child = runs.start("a", "child", parent=parent)
    runs.log_artifact(child, "gone.bin", b"gone")
    [file] = runs.run(child).artifacts
    workspace.store.artifacts.local_path(file.digest).unlink()
    preview = workspace.run_exports.preview("mlflow", runs=[child])
    assert "Parents that are not among the chosen runs (of 1)" in preview.left_out[-1]
    written = workspace.run_exports.write("mlflow", tmp_path / "runs.zip", runs=[child])
    assert file.digest[:12] in written.left_out[-1]
    with pytest.raises(NotFound, match="no run has the id"):
        workspace.run_exports.preview("csv", runs=["absent"])
    with pytest.raises(NotFound, match="no experiment is called"):
        workspace.run_exports.preview("csv", experiments=["absent"])
    with pytest.raises(Invalid, match="no run to export"):
        workspace.run_exports.preview("csv")
    with pytest.raises(NotFound, match="no folder"):
        workspace.run_exports.write("csv", tmp_path / "absent" / "a.zip", runs=[child])


def test_versions_that_come_from_the_runs_come_along(workspace: Workspace, tmp_path: Path) -> None:
    promoted(workspace.store)
    run = workspace.experiments.start("a")
    with workspace.store.write() as session:
        session.execute(update(ModelVersion).values(run_id=run))
    folder = unpacked(workspace, "mlflow", tmp_path, runs=workspace.experiments.ids())
    database = sqlite3.connect(folder / "mlflow.db")
    rows = database.execute("SELECT name, version, current_stage FROM model_versions").fetchall()
    database.close()
    expected = workspace.registry.versions("shop")
    assert sorted(rows) == sorted(
        ("shop", int(version), str(stage).capitalize())
        for version, stage in zip(expected["version"], expected["stage"], strict=True)
    )


def test_long_histories_are_read_in_portions(
    filled: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _parent, _child = filled
    frames = []
    for name, most in (("a", 100_000), ("b", 3)):
        monkeypatch.setattr(run_source, "MAX_POINTS", most)
        monkeypatch.setattr(run_source, "PAGE", most)
        (tmp_path / name).mkdir()
        folder = unpacked(source, "parquet", tmp_path / name)
        frames.append(pd.read_parquet(folder / "history.parquet"))
    pd.testing.assert_frame_equal(*frames)


def test_a_job_writes_what_stays_for_a_week(workspace: Workspace) -> None:
    run = workspace.experiments.start("a")
    job = workspace.run_exports.start("csv", runs=[run])
    with pytest.raises(Conflict, match="queued"):
        workspace.run_exports.written(job)
    args = workspace.jobs.job(job).args
    assert args == {"format": "csv", "runs": [run], "experiments": []}
    result = export_job(workspace.store, Progress(workspace.store, None), name=job, **args)
    with workspace.store.write() as session:
        row = session.get_one(Job, job)
        row.result, row.status = result, "succeeded"
    written = workspace.run_exports.written(job)
    assert zipfile.is_zipfile(written.path)
    assert written.totals.runs == 1
    assert KEPT_SECONDS == 7 * 24 * 3600
    written.path.unlink()
    with pytest.raises(NotFound, match="stays for a week"):
        workspace.run_exports.written(job)
    with pytest.raises(NotFound, match="no export of runs"):
        workspace.run_exports.written("absent")
