"""Folders of DVCLive and experiments of DVC: what comes, and what damaged or hostile ones do."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path

import pytest
from imported_runs import (
    files_of,
    import_with_stops,
    is_unchanged,
    make_batches_small,
    points_of,
    reasons,
    runs_by_name,
)

from harness import dvclive_projects as dvc
from pilothouse.kit.errors import Invalid
from pilothouse.workspace import Workspace

FILES = {"plots/images/a.png": b"png", "model.txt": b"model", "parts/a/b.bin": b"model"}
LOSS = [(step, 1 / (step + 1)) for step in range(5)]
PROJECT = """
params: [dvclive/params.yaml]
metrics: [dvclive/metrics.json]
artifacts:
  clf: {path: model.txt, type: model}
  far: {path: far.txt}
  parts: {path: parts}
  none: {path: ../none.txt}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a folder of DVCLive that holds everything, an artifact in DVC's cache too."""
    root = tmp_path / "churn"
    live = dvc.write(
        root / "dvclive",
        {
            "train/loss": LOSS,
            "odd": [(2, "nan"), (3, "-inf"), (4, "text")],
        },
        "lr: 0.1\nmodel:\n  layers: 3\n  act: relu\ndims: [1, 2]\n",
        {"train": {"loss": 0.2}, "odd": "nan", "step": 4, "best": 0.25, "verdict": "fine"},
    )
    (live / "plots" / "images").mkdir()
    (live / "plots" / "images" / "a.png").write_bytes(b"png")
    (live / "plots" / "images" / "link.png").symlink_to("/etc/passwd")
    (root / "dvc.yaml").write_text(PROJECT, encoding="utf-8")
    md5 = cached(root, b"model")
    members = [{"md5": md5, "relpath": "a/b.bin"}, {"md5": "e" * 32, "relpath": "gone.bin"}]
    parts = cached(root, json.dumps([*members, {"md5": "../../x"}, 7]).encode(), ".dir")
    for name, digest in (("model.txt", md5), ("far.txt", "f" * 32), ("parts", parts)):
        pointer = f"outs:\n- {{md5: {digest}, size: 5, hash: md5, path: {name}}}\n"
        (root / f"{name}.dvc").write_text(pointer, encoding="utf-8")
    (root / ".gitignore").write_text("/model.txt\n/.dvc/cache\n", encoding="utf-8")
    return root


def cached(project: Path, content: bytes, ending: str = "") -> str:
    """The hash of bytes that are put into DVC's cache."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + ending
    path = project / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


def test_a_folder_comes_with_all_that_has_a_place(workspace: Workspace, project: Path) -> None:
    preview = workspace.imports.preview(str(project.parent))
    assert (preview.tracker, preview.runs, preview.faults) == ("DVCLive", 1, ())
    assert [row["name"] for row in preview.experiments] == ["churn"]
    report = workspace.imports.run(str(project))
    assert (report.faults, report.imported["runs"]) == (0, 1)
    run = runs_by_name(workspace)["dvclive"]
    assert (run.status, run.source) == ("finished", "DVCLive")
    expected = {"lr": "0.1", "model.layers": "3", "model.act": "relu", "dims": "[1, 2]"}
    assert run.params == expected
    assert points_of(workspace, run, "train/loss") == LOSS
    odd = points_of(workspace, run, "odd")
    assert (math.isnan(odd[0][1]), odd[1:]) == (True, [(3, -math.inf)])
    assert points_of(workspace, run, "best") == [(4, 0.25)], "a summary without a history"
    assert run.tags["dvclive.summary.verdict"] == "fine"
    assert run.tags["dvclive.artifact.clf"] == "model.txt (model)"
    assert files_of(workspace, run) == FILES
    skipped = " ".join(reasons(report, "skipped"))
    assert f"DVC keeps its bytes elsewhere; its hash is {'f' * 32}" in skipped
    assert f"DVC keeps its bytes elsewhere; its hash is {'e' * 32}" in skipped
    assert "its bytes are not with the results" in skipped
    assert "texts in histories" in skipped


def test_a_second_import_finds_nothing_and_a_grown_folder_is_continued(
    workspace: Workspace, project: Path, tmp_path: Path
) -> None:
    workspace.imports.run(str(project))
    assert is_unchanged(workspace.imports.run(str(project)))
    moved = shutil.copytree(project, tmp_path / "moved" / "churn", symlinks=True)
    assert workspace.imports.run(str(moved.parent)).already_imported["runs"] == 1
    named = workspace.imports.run(str(project / "dvclive"))
    assert (is_unchanged(named), named.already_imported["runs"]) == (True, 1)
    with (project / "dvclive" / "plots" / "metrics" / "train" / "loss.tsv").open("a") as file:
        file.write("5\t0.125\n6\t0.0")
    (project / "dvclive" / "plots" / "metrics" / "late.tsv").write_text("step\tlate\n5\t1.0\n")
    report = workspace.imports.run(str(project))
    assert (report.imported["runs"], report.changed) == (0, {"runs": 1})
    run = runs_by_name(workspace)["dvclive"]
    assert points_of(workspace, run, "train/loss") == [*LOSS, (5, 0.125)]
    cut = "history: its last record is cut off; the 7 before it are read"
    assert reasons(report, "noted") == [cut], "what has no end may be half a number"
    dvc.write(project / "dvclive", {"train/loss": [(0, 3.0)]}, "lr: 0.5\n")
    assert workspace.imports.run(str(project)).imported["runs"] == 1, "another run"


def test_experiments_come_from_git_and_their_folder_not_twice(
    workspace: Workspace, project: Path, tmp_path: Path
) -> None:
    base = dvc.begin(project)
    dvc.save_experiment(project, base, "first")
    dvc.write(project / "dvclive", {"train/loss": [(0, 0.5), (1, 0.25)]}, "lr: 0.2\n")
    commit = dvc.save_experiment(project, base, "second")
    dvc.git(project, "update-ref", "refs/exps/exec/EXEC_HEAD", base)
    dvc.git(project, "pack-refs", "--all")
    report = workspace.imports.run(str(project))
    runs = runs_by_name(workspace)
    assert (set(runs), report.faults) == ({"first", "second"}, 0)
    second = runs["second"]
    assert (second.user, second.commit, second.note) == ("ada", base, "message of second")
    assert (second.params["lr"], second.tags["dvc.commit"]) == ("0.2", commit)
    assert second.started_at.timestamp() == dvc.AT_S
    assert points_of(workspace, second, "train/loss") == [(0, 0.5), (1, 0.25)]
    assert points_of(workspace, runs["first"], "train/loss") == LOSS
    assert files_of(workspace, runs["first"]) == FILES
    same = "it holds the results of the experiment second, which is imported"
    assert f"folder: {same}" in reasons(report, "skipped")
    assert is_unchanged(workspace.imports.run(str(project)))
    clone = shutil.copytree(project, tmp_path / "clone" / "churn", symlinks=True)
    assert workspace.imports.run(str(clone)).already_imported["runs"] == 2


def test_a_pipeline_without_dvclive_has_parameters_and_metrics(
    workspace: Workspace, tmp_path: Path
) -> None:
    project = tmp_path / "prices"
    project.mkdir()
    base = dvc.begin(project)
    stages = "stages:\n  train:\n    params: [lr]\n    metrics: [{out.json: {cache: false}}]\n"
    (project / "dvc.yaml").write_text(stages, encoding="utf-8")
    (project / "params.yaml").write_text("lr: 0.5\n", encoding="utf-8")
    (project / "out.json").write_text('{"test": {"auc": 0.75}}', encoding="utf-8")
    dvc.save_experiment(project, base, "quick-ant")
    workspace.imports.run(str(tmp_path))
    run = runs_by_name(workspace)["quick-ant"]
    assert (run.params, run.values) == ({"lr": "0.5"}, {"test/auc": 0.75})


def test_times_and_steps_are_those_of_the_table(workspace: Workspace, tmp_path: Path) -> None:
    at_ms = dvc.AT_S * 1000
    points = [(at_ms + step * 1000, step, step / 2) for step in range(3)]
    dvc.write(tmp_path / "dvclive", {"acc": points}, columns="timestamp\tstep")
    workspace.imports.run(str(tmp_path))
    [run] = runs_by_name(workspace).values()
    assert points_of(workspace, run, "acc") == [(0, 0.0), (1, 0.5), (2, 1.0)]
    ends = run.started_at.timestamp(), run.ended_at.timestamp()
    assert ends == (dvc.AT_S, dvc.AT_S + 2)


def test_without_git_the_folders_come_and_the_rest_is_said(
    workspace: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dvc.save_experiment(project, dvc.begin(project), "first")
    monkeypatch.setattr("shutil.which", lambda _name: None)
    report = workspace.imports.run(str(project))
    assert set(runs_by_name(workspace)) == {"dvclive"}
    [why] = reasons(report, "broken")
    assert "`git` reads them, and it is not installed on this machine" in why


def test_an_import_that_is_stopped_continues(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_batches_small(monkeypatch)
    for number in range(6):
        points = [(step, step + number) for step in range(25)]
        dvc.write(tmp_path / f"run-{number}", {"loss": points})
    stops = import_with_stops(workspace, tmp_path)
    runs = runs_by_name(workspace)
    assert (stops > 2, len(runs)) == (True, 6)
    for number in range(6):
        expected = [(step, float(step + number)) for step in range(25)]
        assert points_of(workspace, runs[f"run-{number}"], "loss") == expected


def test_hostile_folders_cost_themselves_only(workspace: Workspace, tmp_path: Path) -> None:
    good = [(0, 1.0), (10**30, 1.0), ("x", 1.0), (1,), (2, 2.0, 3.0), (3, 4.0)]
    live = dvc.write(tmp_path / "dvclive", {"good": good, "k" * 100: [(0, 1.0)]}, "a: [" * 500)
    (live / "metrics.json").write_text('{"a": ' * 5_000, encoding="utf-8")
    (live / "plots" / "metrics" / "link.tsv").symlink_to("/etc/passwd")
    (live / "plots" / "metrics" / "binary.tsv").write_bytes(b"\xff\0\n\xff\n")
    (live / "plots" / "metrics" / "empty.tsv").touch()
    hostile = "artifacts:\n  a: {path: /etc/passwd}\n  b: 5\nparams: [../../x.yaml, 7]\nstages: 4\n"
    (tmp_path / "dvc.yaml").write_text(hostile, encoding="utf-8")
    report = workspace.imports.run(str(tmp_path))
    [run] = runs_by_name(workspace).values()
    assert points_of(workspace, run, "good") == [(0, 1.0), (3, 4.0)]
    assert files_of(workspace, run) == {}
    broken = " ".join(reasons(report, "broken"))
    assert "lines that are no points: 4" in broken
    assert "nested too deep" in broken
    assert "no mapping in JSON" in broken
    (tmp_path / "empty").mkdir()
    with pytest.raises(Invalid, match="no results of DVCLive or DVC"):
        workspace.imports.preview(str(tmp_path / "empty"), tracker="dvclive")


def test_a_hostile_repository_runs_nothing(workspace: Workspace, project: Path) -> None:
    base = dvc.begin(project)
    commit = dvc.save_experiment(project, base, "first")
    marker, program = project / "ran", project / "program.sh"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n", encoding="utf-8")
    program.chmod(0o700)
    hooks = project / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(program, hooks / hook)
    config = f"""
[core]
    repositoryformatversion = 1
    fsmonitor = {program}
    pager = {program}
    sshCommand = {program}
    alternateRefsCommand = {program}
[extensions]
    partialClone = origin
[remote "origin"]
    promisor = true
    url = ext::{program}
    uploadpack = {program}
[pager]
    cat-file = {program}
[alias]
    cat-file = !{program}
[diff "x"]
    textconv = {program}
    command = {program}
[filter "x"]
    smudge = {program}
"""
    (project / ".git" / "config").write_text(config, encoding="utf-8")
    (project / ".git" / "info").mkdir(exist_ok=True)
    (project / ".git" / "info" / "attributes").write_text("* diff=x filter=x\n", encoding="utf-8")
    loss = dvc.git(project, "rev-parse", f"{commit}:dvclive/plots/metrics/train/loss.tsv")
    (project / ".git" / "objects" / loss[:2] / loss[2:]).unlink()
    marker.unlink(missing_ok=True)
    report = workspace.imports.run(str(project))
    assert not marker.exists()
    broken = " ".join(reasons(report, "broken"))
    assert "git cannot read it: the repository is damaged" in broken


@pytest.mark.parametrize("place", ["commondir", "objects/info/alternates"])
def test_a_repository_that_leads_elsewhere_is_not_read(
    workspace: Workspace, project: Path, place: str
) -> None:
    dvc.save_experiment(project, dvc.begin(project), "first")
    (project / ".git" / place).write_text("/elsewhere\n", encoding="utf-8")
    report = workspace.imports.run(str(project))
    [why] = reasons(report, "broken")
    assert "parts of the repository lie elsewhere" in why
    assert set(runs_by_name(workspace)) == {"dvclive"}
