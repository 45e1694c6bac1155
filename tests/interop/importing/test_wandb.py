"""Offline runs of Weights & Biases: what comes, and what killed, damaged or hostile ones do."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import wandb_files as wb
from harness.protobuf_bytes import message, number, text
from pilothouse.interop.importing import still_written
from pilothouse.interop.importing.report import ImportReport
from pilothouse.interop.importing.wandb import log_blocks
from pilothouse.kit.errors import Invalid
from pilothouse.workspace import Workspace

START_US = wb.AT_S * 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A `wandb` folder with a run that ended well, with everything, and one of another project."""
    root = tmp_path / "wandb"
    config = {"lr": 0.1, "model": {"layers": 3, "act": "relu"}, "dims": [1, 2], "_wandb": {}}
    image = {"_type": "image-file", "path": "media/images/a.png", "sha256": "x"}
    split = {f"image.{key}": each for key, each in image.items()} | {"image.width": 3}
    path = wb.write(
        root,
        "abcd1234",
        [
            wb.run(
                "abcd1234",
                _6="group-1",
                _7="train",
                _8="first",
                _9="a note",
                _10="x",
                config=config,
            ),
            *(wb.history(n, {"loss": 1 / (n + 1), "val.acc": n / 10}) for n in range(10)),
            wb.history(10, {"loss": math.nan, "flag": True, "word": "x", **split}),
            wb.history(11, {"loss": math.inf, "old": {"a": 1, "b": {"c": 2}}}, nested=False),
            wb.history(12, {"weights": {"_type": "histogram", "values": [1], "bins": [0, 1]}}),
            wb.stats(5, {"cpu": 12.5}),
            wb.stats(20, {"cpu": 25.0}),
            wb.output("first line"),
            wb.output("second\n"),
            wb.summary({"loss": 9.0, "best": 0.25, "verdict": "fine", "image": image, "_step": 12}),
            wb.artifact("data", "dataset", "d1gest"),
            wb.exit_code(0),
        ],
    )
    (path.parent / "files" / "media" / "images").mkdir(parents=True)
    (path.parent / "files" / "media" / "images" / "a.png").write_bytes(b"png")
    (path.parent / "files" / "link").symlink_to("/etc/passwd")
    wb.write(root, "other123", [wb.run("other123", "prices"), wb.exit_code(3)])
    (root / "latest-run").symlink_to(path.parent)
    return root


def runs_of(workspace: Workspace) -> dict[str, Any]:
    """The runs by W&B's id."""
    every_run = map(workspace.experiments.run, workspace.experiments.ids())
    return {run.tags["wandb.id"]: run for run in every_run}


def history(workspace: Workspace, run: Any, key: str) -> list[tuple[int, int, float]]:
    """The points of a metric: step, seconds since the run began, value."""
    points = workspace.experiments.history([run.id])
    return sorted(
        (int(p.step), (int(p.at.value // 1000) - START_US) // 1_000_000, float(p.value))
        for p in points[points["key"] == key].itertuples()
    )


def whys(report: ImportReport, outcome: str, kind: str) -> list[str]:
    """The reasons of the lines of this outcome and kind."""
    return [line.why for line in report.lines if (line.outcome, line.kind) == (outcome, kind)]


def test_a_run_comes_with_all_that_has_a_place(workspace: Workspace, folder: Path) -> None:
    preview = workspace.imports.preview(str(folder))
    assert (preview.tracker, preview.runs, preview.faults) == ("Weights & Biases", 2, ())
    assert [row["name"] for row in preview.experiments] == ["churn", "prices"]
    report = workspace.imports.run(str(folder))
    assert (report.faults, report.imported["runs"]) == (0, 2)
    run = runs_of(workspace)["abcd1234"]
    assert (run.name, run.status, run.note) == ("first", "finished", "a note")
    assert run.params == {
        "lr": "0.1",
        "model.layers": "3",
        "model.act": "relu",
        "dims": "[1, 2]",
    }
    assert {key: run.tags[f"wandb.{key}"] for key in ("tags", "group", "job_type")} == {
        "tags": "x",
        "group": "group-1",
        "job_type": "train",
    }
    assert run.tags["wandb.summary.verdict"] == "fine"
    assert int((run.ended_at - run.started_at).total_seconds()) == 60
    loss = history(workspace, run, "loss")
    assert loss[:2] == [(0, 0, 1.0), (1, 1, 0.5)]
    assert (math.isnan(loss[10][2]), loss[11]) == (True, (11, 11, math.inf))
    assert history(workspace, run, "val.acc")[9] == (9, 9, 0.9)
    assert history(workspace, run, "system/cpu") == [(0, 5, 12.5), (1, 20, 25.0)]
    assert history(workspace, run, "old.b.c") == [(11, 11, 2.0)]
    assert history(workspace, run, "best") == [(12, 12, 0.25)], "a summary without a history"
    assert set(run.values) == {
        *("loss", "val.acc", "system/cpu", "flag", "old.a", "old.b.c", "best")
    }
    files = {file.path: workspace.store.artifacts.read(file.digest) for file in run.artifacts}
    assert files == {"media/images/a.png": b"png", "output.log": b"first line\nsecond\n"}
    assert runs_of(workspace)["other123"].status == "failed"


def test_what_has_no_place_is_said(workspace: Workspace, folder: Path) -> None:
    report = workspace.imports.run(str(folder))
    skipped = {line.kind: line.why for line in report.lines if line.outcome == "skipped"}
    assert "its digest is d1gest" in skipped["artifact"]
    assert skipped["file"] == "it is a link, and links are not followed"
    assert {"histograms", "texts and lists in histories"} <= set(skipped)


def test_a_second_import_finds_nothing_and_a_resumed_run_is_continued(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    workspace.imports.run(str(folder))
    again = workspace.imports.run(str(folder))
    assert (sum(again.imported.values()), again.changed) == (0, {})
    assert again.already_imported == {"experiments": 2, "runs": 2}
    moved = shutil.copytree(folder, tmp_path / "moved" / "wandb", symlinks=True)
    assert workspace.imports.run(str(moved)).already_imported["runs"] == 2
    resumed = [wb.run("abcd1234"), wb.history(20, {"loss": 0.01})]
    wb.write(folder, "abcd1234", resumed, stamp="20231115_000000")
    report = workspace.imports.run(str(folder))
    assert (report.imported["runs"], report.changed) == (0, {"runs": 1})
    run = runs_of(workspace)["abcd1234"]
    assert (run.values["loss"], run.status) == (0.01, "failed")
    assert whys(report, "noted", "run") == ["it has no end: its process was killed"]


def test_a_run_that_is_still_written_runs_here_too_and_ends_later(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wb, "AT_S", int(time.time()))
    wb.write(tmp_path, "abcd1234", [wb.run("abcd1234"), wb.history(0, {"loss": 1.0})])
    report = workspace.imports.run(str(tmp_path))
    assert runs_of(workspace)["abcd1234"].status == "running"
    assert whys(report, "noted", "run") == [
        "it has no end yet and wrote something just now: import again after it"
    ]
    monkeypatch.setattr(still_written, "QUIET_SECONDS", 0.0)
    assert workspace.imports.run(str(tmp_path)).changed == {"runs": 1}
    assert runs_of(workspace)["abcd1234"].status == "failed"


@pytest.mark.parametrize("missing", [1, 20, 60])
def test_a_killed_run_is_read_up_to_the_tear(
    workspace: Workspace, tmp_path: Path, missing: int
) -> None:
    records = [wb.run("abcd1234"), *(wb.history(n, {"x": n}) for n in range(500))]
    path = wb.write(tmp_path, "abcd1234", records)
    path.write_bytes(path.read_bytes()[:-missing])
    wb.write(tmp_path, "empty123", []).touch()
    report = workspace.imports.run(str(tmp_path))
    assert whys(report, "noted", "run file") == [
        "its last record is cut off; the 500 before it are read"
    ]
    assert "killed before anything" in whys(report, "skipped", "run file")[0]
    assert (report.faults, report.imported["points"]) == (0, 499)


def test_hostile_files_cost_themselves_only(workspace: Workspace, tmp_path: Path) -> None:
    deep = json_of_depth(5_000)
    records = [
        wb.run("abcd1234", _8="n" * 5_000, config={"k" * 400: 1, "deep": 1}),
        wb.history(0, {"good": 1.0}),
        b"\xff" * 50,
        message(2, b"\x0a\xff\xff\xff\xff\x0f"),
        message(2, message(1, text(1, "deep"), text(16, deep))),
        message(2, message(1, text(1, "huge"), text(16, "1" * 5_000))),
        message(2, message(1, text(1, "bad"), text(16, "[1,"))),
        message(2, message(1, text(1, "_timestamp"), text(16, "1e300")), number(9, 1)),
        message(5, message(1, text(1, "deep"), text(16, deep))),
        wb.history(1, {"good": 2.0, "": 1.0, "\0\n": 1.0}),
    ]
    path = wb.write(tmp_path, "abcd1234", records)
    (tmp_path / "not.wandb").write_bytes(b"hello")
    body = wb.file([wb.run("damaged1"), wb.history(0, {"x": 1.0}), wb.history(1, {"x": 2.0})])
    damaged = bytearray(body)
    damaged[-5] ^= 1
    (tmp_path / "run-damaged1.wandb").write_bytes(damaged)
    (tmp_path / "link.wandb").symlink_to(path)
    report = workspace.imports.run(str(tmp_path))
    runs = runs_of(workspace)
    assert history(workspace, runs["abcd1234"], "good") == [(0, 0, 1.0), (1, 1, 2.0)]
    assert history(workspace, runs["damaged1"], "x") == [(0, 0, 1.0)]
    broken = " ".join(line.why for line in report.lines if line.outcome == "broken")
    assert "its first records name no run" in broken
    assert "record 3: its checksum is wrong" in broken
    assert "records that are no messages: 2" in broken
    with pytest.raises(Invalid, match="no run of W&B"):
        workspace.imports.preview(str(path.parent / "files"), tracker="wandb")


def json_of_depth(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 40_000), max_size=8), st.integers(1, 70_000), st.integers(0, 40_000))
def test_records_are_the_same_however_the_file_is_cut(
    sizes: list[int], chunk: int, missing: int
) -> None:
    written = [bytes([index + 1]) * size for index, size in enumerate(sizes)]
    body = wb.file(written)
    body = body[: max(len(body) - missing, log_blocks.FILE_HEADER)]
    reader = log_blocks.records(body[at : at + chunk] for at in range(0, len(body), chunk))
    read, end = list[bytes](), None
    while end is None:
        try:
            read.append(next(reader))
        except StopIteration as ended:
            end = ended.value
    assert read == written[: len(read)]
    assert (end.records, end.problem) == (len(read), "")
    assert missing or (len(read) == len(written) and not end.is_torn)
