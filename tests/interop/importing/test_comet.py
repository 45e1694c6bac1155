"""Offline archives of Comet: what comes, and what killed, damaged or hostile ones do."""

from __future__ import annotations

import math
import shutil
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imported_runs import (
    files_of,
    import_with_stops,
    is_unchanged,
    make_batches_small,
    points_of,
    reasons,
    runs_by_name,
)

from harness import comet_archives as comet
from pilothouse.interop.importing import json_lines
from pilothouse.kit.errors import Invalid
from pilothouse.workspace import Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an archive that has everything, one of another project, and a zip of others."""
    root = tmp_path / "archives"
    messages = [
        comet.message("file_name", file_name="/home/ada/train.py"),
        comet.message("system_details", user="ada", hostname="box", command=["train.py", "-v"]),
        comet.message("git_metadata", git_metadata={"parent": "c0ffee", "branch": "main"}),
        comet.message("installed_packages", installed_packages=["numpy==2", "pandas==2"]),
        comet.other("Name", "first"),
        comet.other("hasNestedParams", True),
        comet.other("verdict", "fine"),
        comet.param("model|layers", 3),
        comet.message("parameter_msg", params={"paramName": "dims", "paramValue": [1, 2]}),
        comet.param("curr_step", 7, "auto-logged"),
        comet.metric("sys.cpu.percent", 12.5, step=4),
        comet.metric("sys.cpu.percent", 25.0, step=4),
        *(comet.metric("loss", 1 / (n + 1), n, n) for n in range(10)),
        comet.metric("loss", "NaN", 10),
        comet.metric("loss", "-Infinity", 11),
        comet.metric("flag", "True", 3, epoch=1),
        *(comet.metric("unnumbered", n) for n in range(3)),
        comet.upload("tmp1", "docs/note.txt", extension="txt"),
        comet.upload("tmp2", "m.bin", "model-element", groupingName="clf", extension="bin"),
        comet.upload("tmp3", "weights", "histogram3d", step=2),
        comet.output("first line"),
        comet.output("\nsecond\n"),
        comet.message("register_model", model_name="x"),
        comet.message("remote_file", remote_uri="s3://b/x", additional_params={"fileName": "x"}),
    ]
    comet.write(root, messages, {"tmp1": b"note", "tmp2": b"model", "tmp3": b"{}"})
    comet.write(root, [], key="f" * 32, project_name="prices")
    with zipfile.ZipFile(root / "data.zip", "w") as archive:
        archive.writestr("data.csv", "a,b\n")
    return root


def test_a_run_comes_with_all_that_has_a_place(workspace: Workspace, folder: Path) -> None:
    preview = workspace.imports.preview(str(folder))
    assert (preview.tracker, preview.runs, preview.faults) == ("Comet", 2, ())
    assert [row["name"] for row in preview.experiments] == ["churn", "prices"]
    report = workspace.imports.run(str(folder))
    assert (report.faults, report.imported["runs"]) == (0, 2)
    run = runs_by_name(workspace)["first"]
    assert (run.status, run.user, run.source) == ("finished", "ada", "/home/ada/train.py")
    assert run.params == {"model.layers": "3", "dims": "[1, 2]"}
    expected = {"id": comet.KEY, "workspace": "team", "tags": "a, b", "command": "train.py -v"}
    assert {key: run.tags[f"comet.{key}"] for key in expected} == expected
    assert run.tags["comet.other.verdict"] == "fine"
    assert (run.ended_at - run.started_at).total_seconds() == 60
    loss = points_of(workspace, run, "loss")
    assert loss[:2] == [(0, 1.0), (1, 0.5)]
    assert math.isnan(loss[10][1])
    assert loss[11] == (11, -math.inf)
    assert points_of(workspace, run, "unnumbered") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert points_of(workspace, run, "system/cpu.percent") == [(0, 12.5), (1, 25.0)]
    assert points_of(workspace, run, "flag") == [(3, 1.0)]
    assert files_of(workspace, run) == {
        "docs/note.txt": b"note",
        "models/clf/m.bin": b"model",
        "histogram3d/weights/step-2.json": b"{}",
        "output.log": b"first line\nsecond\n",
        "installed-packages.txt": b"numpy==2\npandas==2\n",
    }
    skipped = " ".join(reasons(report, "skipped"))
    assert "it is at s3://b/x, which is not opened" in skipped
    assert "registrations of models" in skipped
    assert "numbers of epochs at points" in skipped


def test_a_second_import_finds_nothing_and_a_resumed_run_is_continued(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    workspace.imports.run(str(folder))
    assert is_unchanged(workspace.imports.run(str(folder)))
    moved = shutil.copytree(folder, tmp_path / "moved" / "deeper")
    assert workspace.imports.run(str(moved.parent)).already_imported["runs"] == 2
    one = workspace.imports.run(str(folder / f"{comet.KEY}.zip"))
    assert (is_unchanged(one), one.already_imported["runs"]) == (True, 1)
    more = [comet.metric("unnumbered", 9.0), comet.metric("loss", 0.25, 12, 90)]
    name = f"{comet.KEY}-abcdef"
    start = comet.AT_MS + 70_000
    comet.write(folder, more, name=name, project_name=None, start_time=start, stop_time=None)
    report = workspace.imports.run(str(folder))
    assert (report.imported["runs"], report.changed) == (0, {"runs": 1})
    run = runs_by_name(workspace)["first"]
    assert points_of(workspace, run, "unnumbered")[-1] == (3, 9.0), "it goes on after the last"
    assert len(points_of(workspace, run, "loss")) == 13
    assert (run.status, reasons(report, "noted")) == ("failed", ["run: its archive says no end"])


def test_an_import_that_is_stopped_continues(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_batches_small(monkeypatch)
    for number in range(8):
        points = [comet.metric("loss", n, n) for n in range(25)]
        comet.write(tmp_path, points, key=f"{number:032x}")
    stops = import_with_stops(workspace, tmp_path)
    runs = runs_by_name(workspace).values()
    assert (stops > 2, len(runs)) == (True, 8)
    for run in runs:
        assert points_of(workspace, run, "loss") == [(n, float(n)) for n in range(25)]


@pytest.mark.parametrize("missing", [40, 500, 3000])
def test_a_torn_archive_is_read_up_to_the_tear(
    workspace: Workspace, tmp_path: Path, missing: int
) -> None:
    path = comet.write(tmp_path, [comet.metric("x", n, n) for n in range(200)])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"PK\x01\x02") - 200 - missing])
    report = workspace.imports.run(str(tmp_path))
    broken = " ".join(reasons(report, "broken"))
    assert "it is cut off; the 2 members before are read" in broken
    [run] = runs_by_name(workspace).values()
    points = points_of(workspace, run, "x")
    assert points == [(n, float(n)) for n in range(len(points))]
    assert 100 < len(points) < 200
    path.write_bytes(whole)
    assert workspace.imports.run(str(tmp_path)).changed == {"runs": 1}
    assert len(points_of(workspace, run, "x")) == 200


def test_a_damaged_archive_costs_itself_only(workspace: Workspace, tmp_path: Path) -> None:
    lines = [comet.metric("x", n, n) for n in range(50)]
    path = comet.write(tmp_path, lines, method=zipfile.ZIP_DEFLATED)
    body = bytearray(path.read_bytes())
    body[body.rindex(b"messages.json", 0, body.index(b"PK\x01\x02")) + 200] ^= 0xFF
    path.write_bytes(body)
    (tmp_path / "no.zip").write_bytes(b"hello " * 9)
    (tmp_path / f"{'e' * 32}.zip").write_bytes(path.read_bytes()[:40])
    nameless = comet.write(tmp_path, lines, key="d" * 32, offline_id=None)
    nameless.rename(tmp_path / "nameless.zip")
    report = workspace.imports.run(str(tmp_path))
    broken = " ".join(reasons(report, "broken"))
    damages = ("its compressed bytes are damaged", "its checksum is wrong", "it is larger than")
    assert any(damage in broken for damage in damages)
    assert "it is damaged, or no zip archive" in broken
    assert "it has no readable experiment.json" in broken
    assert report.imported["runs"] == 1


def test_hostile_archives_cost_themselves_only(workspace: Workspace, tmp_path: Path) -> None:
    deep = '{"payload": ' * 5_000
    lines = [
        comet.metric("good", 1.0, 0),
        deep,
        "[1, 2]",
        '{"type": "metric_msg", "payload": {"metric": 1}}',
        '{"type": "metric_msg", "payload": 5}',
        comet.metric("good", "text", 1),
        comet.metric("good", 10**400, 1),
        comet.metric("good", {"a": 1}, 1),
        comet.metric("good", 2.0, 10**30),
        comet.metric("", 1.0, 0),
        comet.metric("k" * 400, 1.0, 0),
        comet.message("metric_msg", local_timestamp=1e300, metric={"metricName": "late"}),
        comet.upload("../../etc/passwd", "x"),
        comet.upload("/etc/passwd", "y"),
        comet.upload("tmp1", "../../up/../x.txt"),
        comet.upload("tmp1", "/abs/x.txt"),
        comet.upload("tmp1", "a\\b\0c"),
        comet.upload("tmp1", "up/x.txt"),
        comet.param("p" * 400, "v"),
        comet.other("Name", "n" * 5_000),
    ]
    path = comet.write(tmp_path, lines, {"tmp1": b"file", "/etc/passwd": b"member"})
    (tmp_path / "link.zip").symlink_to(path)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("experiment.json", '{"offline_id": "bomb"}')
        archive.writestr("messages.json", b"\n" * (80 << 20))
    report = workspace.imports.run(str(tmp_path))
    [run] = [run for run in runs_by_name(workspace).values() if run.name.startswith("n")]
    assert points_of(workspace, run, "good") == [(0, 1.0), (1, 2.0)]
    assert files_of(workspace, run) == {
        "y": b"member",
        "up/x.txt": b"file",
        "abs/x.txt": b"file",
        "a_b_c": b"file",
        "up/x-2.txt": b"file",
    }
    broken = " ".join(reasons(report, "broken"))
    assert "lines that are no messages: 4" in broken
    assert "its bytes are not in the archive" in broken
    assert "expands more than 200 times" in broken


def test_what_is_not_read_of_a_zip_is_said(workspace: Workspace, tmp_path: Path) -> None:
    path = comet.write(tmp_path, [comet.metric("x", 1.0, 0)])
    body = path.read_bytes()
    for bit, message in ((1, "encrypted"), (8, "zipped again")):
        path.write_bytes(body[:6] + struct.pack("<H", bit) + body[8:])
        with pytest.raises(Invalid, match="no offline archive of Comet"):
            workspace.imports.preview(str(path), tracker="comet")
        report = comet_faults(workspace, tmp_path)
        assert message in report


def comet_faults(workspace: Workspace, folder: Path) -> str:
    comet.write(folder, [], key="a" * 32)
    return " ".join(line.why for line in workspace.imports.preview(str(folder)).faults)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 10**6), max_size=20), st.integers(1, 40), st.integers(0, 30))
def test_lines_are_the_same_however_the_file_is_cut(
    values: list[int], size: int, missing: int
) -> None:
    body = b"".join(b'{"v": %d}\n' % value for value in values)
    body = body[: max(len(body) - missing, 0)]
    reader = json_lines.lines(body[at : at + size] for at in range(0, len(body), size))
    read, end = list[int](), None
    while end is None:
        try:
            line = next(reader)
            assert line is not None
            read.append(line["v"])
        except StopIteration as ended:
            end = ended.value
    assert read == values[: len(read)]
    assert (end.records, end.problem) == (len(read), "")
    assert end.is_torn == (not body.endswith((b"\n", b"}")) and body != b"")
