"""Exports of Neptune: what comes, and what unfinished, damaged or hostile ones do."""

from __future__ import annotations

import math
import shutil
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
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

from harness import neptune_exports as neptune
from pilothouse.interop.importing.neptune.attributes import UNIT, millionths
from pilothouse.kit.errors import Invalid
from pilothouse.workspace import Workspace

LOSS = [(step, 1 / (step + 1)) for step in range(6)]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A run in two parts, its fork, a run of another project, and one that is unfinished."""
    root = tmp_path / "exports"
    first = [
        neptune.value("sys/name", "string", "first"),
        neptune.value("sys/creation_time", "datetime", neptune.AT),
        neptune.value("sys/owner", "string", "ada"),
        neptune.value("sys/description", "string", "a note"),
        neptune.value("sys/tags", "string_set", ["b", "a"]),
        neptune.value("params/lr", "float", 0.1),
        neptune.value("params/layers", "int", 3),
        neptune.value("params/early", "bool", True),
        neptune.value("params/since", "datetime", neptune.AT),
        *(neptune.point("loss", str(step), number, step) for step, number in LOSS[:3]),
        neptune.text("logs/stdout", "0", "first line"),
        neptune.file("model", "team/churn/RUN-1/model.bin"),
        neptune.file("images", "team/churn/RUN-1/images/2.png", "file_series", "2"),
        neptune.file("source", "team/churn/RUN-1/source", "file_set"),
        {"attribute_path": "weights", "attribute_type": "histogram_series"},
    ]
    second = [
        *(neptune.point("loss", str(step), number, step) for step, number in LOSS[3:]),
        neptune.point("odd", "0", math.nan),
        neptune.point("odd", "1", -math.inf),
        neptune.point("unnumbered", None, 1.0),
        neptune.point("unnumbered", None, 2.0),
        neptune.text("logs/stdout", "1", "second"),
    ]
    neptune.write(root / "data", "RUN-1", first, second)
    fork = [
        neptune.value("sys/name", "string", "fork"),
        neptune.value("sys/forking/parent", "string", "RUN-1"),
        neptune.value("sys/forking/step", "float", 3.0),
        neptune.value("sys/failed", "bool", True),
        *(neptune.point("epoch", str(step), float(step)) for step in (0.5, 1, 1.25)),
    ]
    neptune.write(root / "data", "RUN-2", fork)
    neptune.write(root / "data", "A-1", [neptune.point("x", "1", 1.0)], project="team/prices")
    [unfinished] = neptune.write(root / "data", "RUN-3", [neptune.point("x", "1", 1.0)])
    unfinished.rename(f"{unfinished}.tmp")
    files = root / "files" / neptune.sanitised(neptune.PROJECT) / "team" / "churn" / "RUN-1"
    for name, content in (("model.bin", b"model"), ("images/2.png", b"png"), ("source/a.py", b"a")):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_bytes(content)
    (files / "source" / "link").symlink_to("/etc/passwd")
    return root


def test_a_run_comes_with_all_that_has_a_place(workspace: Workspace, export: Path) -> None:
    preview = workspace.imports.preview(str(export))
    assert (preview.tracker, preview.runs) == ("Neptune", 3)
    assert [row["name"] for row in preview.experiments] == ["team/churn", "team/prices"]
    report = workspace.imports.run(str(export))
    assert (report.faults, report.imported["runs"]) == (0, 3)
    run = runs_by_name(workspace)["first"]
    assert (run.status, run.user, run.note, run.source) == ("finished", "ada", "a note", "Neptune")
    assert (run.started_at, run.tags["neptune.tags"]) == (neptune.AT, "a, b")
    assert run.params == {
        "params/lr": "0.1",
        "params/layers": "3",
        "params/early": "True",
        "params/since": "2024-01-01T00:00:00+00:00",
    }
    assert points_of(workspace, run, "loss") == LOSS
    odd = points_of(workspace, run, "odd")
    assert (math.isnan(odd[0][1]), odd[1:]) == (True, [(1, -math.inf)])
    assert points_of(workspace, run, "unnumbered") == [(0, 1.0), (1, 2.0)]
    assert files_of(workspace, run) == {
        "model.bin": b"model",
        "images/step-2.png": b"png",
        "source/a.py": b"a",
        "logs/stdout.txt": b"first line\nsecond\n",
    }
    skipped = reasons(report, "skipped")
    assert "run: its export did not end: the first part is missing" in skipped
    assert any(line.startswith("histograms") for line in skipped)


def test_a_fork_is_below_its_parent_and_fractions_of_steps_are_made_whole(
    workspace: Workspace, export: Path
) -> None:
    report = workspace.imports.run(str(export))
    runs = runs_by_name(workspace)
    fork = runs["fork"]
    assert (fork.parent_id, fork.status) == (runs["first"].id, "failed")
    assert (fork.tags["neptune.forked_from"], fork.tags["neptune.forking.step"]) == ("RUN-1", "3")
    assert points_of(workspace, fork, "epoch") == [(50, 0.5), (100, 1.0), (125, 1.25)]
    message = "run: its steps have fractions; all of them are multiplied by 100"
    assert reasons(report, "noted") == [message]


def test_a_second_import_finds_nothing_wherever_the_export_is(
    workspace: Workspace, export: Path, tmp_path: Path
) -> None:
    workspace.imports.run(str(export))
    assert is_unchanged(workspace.imports.run(str(export)))
    project = export / "data" / neptune.sanitised(neptune.PROJECT)
    for folder, runs in ((export / "data", 3), (project, 2)):
        report = workspace.imports.run(str(folder))
        assert (is_unchanged(report), report.already_imported["runs"]) == (True, runs)
    moved = shutil.copytree(export, tmp_path / "moved", symlinks=True)
    assert workspace.imports.run(str(moved)).already_imported["runs"] == 3


@pytest.mark.parametrize("inside", ["data", f"data/{neptune.sanitised(neptune.PROJECT)}"])
def test_files_are_beside_the_folder_that_is_named(
    workspace: Workspace, export: Path, inside: str
) -> None:
    workspace.imports.run(str(export / inside))
    assert files_of(workspace, runs_by_name(workspace)["first"])["model.bin"] == b"model"


def test_files_that_are_elsewhere_are_said_or_named(
    workspace: Workspace, export: Path, tmp_path: Path
) -> None:
    shutil.move(export / "files", tmp_path / "cold")
    report = workspace.imports.run(str(export))
    assert "files: 3 files are not in a folder `files` beside" in reasons(report, "skipped")
    named = workspace.imports.run(str(export), artifacts=str(tmp_path / "cold"))
    assert (named.changed, named.imported["points"]) == ({"runs": 1}, 10)
    assert files_of(workspace, runs_by_name(workspace)["first"])["model.bin"] == b"model"


def test_an_import_that_is_stopped_continues(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_batches_small(monkeypatch)
    monkeypatch.setattr("pilothouse.interop.importing.neptune.parquet_parts.ROWS", 10)
    for number in range(6):
        rows = [neptune.point("loss", f"{step}.5", step + number) for step in range(25)]
        neptune.write(tmp_path, f"RUN-{number}", rows)
    stops = import_with_stops(workspace, tmp_path)
    runs = runs_by_name(workspace)
    assert (stops > 2, len(runs)) == (True, 6)
    for number in range(6):
        expected = [(10 * step + 5, float(step + number)) for step in range(25)]
        assert points_of(workspace, runs[f"RUN-{number}"], "loss") == expected


def test_damaged_files_cost_themselves_only(workspace: Workspace, export: Path) -> None:
    project = export / "data" / neptune.sanitised(neptune.PROJECT)
    [part] = project.glob("RUN-1*_part_1.parquet")
    part.write_bytes(part.read_bytes()[:-100])
    (project / "other_part_0.parquet").write_bytes(b"PAR1" * 50)
    pq.write_table(pa.table({"a": [1]}), project / "columns_part_0.parquet")
    [sound] = project.glob("RUN-2*_part_0.parquet")
    names = sound.read_bytes().replace(b"bool_value", b"bool_v\xe5lue")
    (project / "names_part_0.parquet").write_bytes(names)
    (project / "link_part_0.parquet").symlink_to(part)
    report = workspace.imports.run(str(export))
    assert points_of(workspace, runs_by_name(workspace)["first"], "loss") == LOSS[:3]
    broken = reasons(report, "broken")
    damaged = "Parquet file: it is cut off, damaged or no Parquet file"
    assert broken.count(damaged) == 3
    assert any("it has no column" in line for line in broken)
    assert report.imported["runs"] == 3


def test_hostile_rows_cost_themselves_only(workspace: Workspace, tmp_path: Path) -> None:
    far = Decimal("999999999999.999999")
    rows = [
        neptune.point("good", "1", 1.0),
        neptune.point("good", "1", math.nan) | {"float_value": None},
        neptune.point("far", "0", 1.0) | {"step": far},
        neptune.point("", "1", 1.0),
        neptune.point("k" * 400, "1", 1.0),
        neptune.value("sys/name", "string", "n" * 5_000),
        neptune.value("sys/forking/parent", "string", "R"),
        neptune.value("params/\0", "string", "x"),
        neptune.value("p" * 400, "string", "x"),
        neptune.file("../../up", "../../../etc/passwd"),
        neptune.file("absolute", "/etc/passwd"),
        neptune.file("link", "link"),
        neptune.file("none", ""),
        {"attribute_path": "odd", "attribute_type": "unheard"},
        {"attribute_path": None, "attribute_type": None},
    ]
    neptune.write(tmp_path / "data", "R", rows)
    files = tmp_path / "files" / neptune.sanitised(neptune.PROJECT)
    files.mkdir(parents=True)
    (files / "link").symlink_to("/etc/passwd")
    report = workspace.imports.run(str(tmp_path))
    [run] = runs_by_name(workspace).values()
    assert files_of(workspace, run) == {}
    assert points_of(workspace, run, "good") == [(UNIT, 1.0)]
    assert points_of(workspace, run, "far") == [(int(far * UNIT), 1.0)]
    broken = " ".join(reasons(report, "broken"))
    assert "rows that are no points: 1" in broken
    assert "it would be above itself" in broken
    assert "it is a link or no folder" in broken
    (tmp_path / "empty").mkdir()
    with pytest.raises(Invalid, match="no export of Neptune"):
        workspace.imports.preview(str(tmp_path / "empty"), tracker="neptune")


def test_the_model_registry_is_counted(workspace: Workspace, tmp_path: Path) -> None:
    neptune.write(tmp_path / "model_data", "M", [neptune.value("a", "int", 1)], below="models")
    neptune.write(tmp_path / "data", "R", [neptune.point("x", "1", 1.0)])
    preview = workspace.imports.preview(str(tmp_path))
    assert (preview.runs, dict(preview.others)) == (1, {"models of the registry": 1})


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.integers() | st.none())
def test_steps_are_whole_millionths_or_none(step: Decimal | int | None) -> None:
    scaled = millionths(step)
    if scaled is not None and step is not None:
        assert abs(Decimal(scaled) / UNIT - Decimal(step)) < Decimal(1) / UNIT
