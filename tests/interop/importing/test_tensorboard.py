"""Event files of TensorBoard: what comes, and what damaged or hostile ones do."""

from __future__ import annotations

import math
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import event_files as tb
from harness.protobuf_bytes import double, message, number, text
from pilothouse.interop.importing import importer
from pilothouse.interop.importing.report import ImportReport
from pilothouse.interop.importing.tensorboard import frames
from pilothouse.interop.importing.tensorboard.checksums import masked_checksums
from pilothouse.kit.errors import Cancelled, Invalid, NotFound
from pilothouse.workspace import Workspace

START_US = int(tb.AT * 1_000_000)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A log folder of two runs, one of each encoding."""
    folder = tmp_path / "churn" / "runs"
    tb.write(
        folder / "torch",
        [
            *(tb.event(n, tb.scalar("loss/train", 1 / (n + 1)), at=tb.AT + n) for n in range(5)),
            tb.event(300, tb.scalar("loss/train", math.nan), tb.scalar("accuracy", 0.5)),
            tb.event(1 << 40, tb.scalar("accuracy", math.inf), at=tb.AT + 60),
            tb.event(2, tb.text_value("notes/text_summary", "**bold**")),
            tb.event(2, tb.image("samples")),
            tb.event(2, tb.histogram("weights")),
        ],
    )
    tb.write(
        folder / "keras" / "train",
        [
            tb.event(0, tb.tensor_scalar("epoch_loss", 0.75)),
            tb.event(1, tb.tensor_scalar("epoch_loss", 0.5, packed=True), at=tb.AT + 1),
            tb.event(2, tb.tensor_scalar("epoch_loss", 0.25), at=tb.AT + 2),
            tb.event(2, tb.tensor_image("samples", tb.PNG, tb.PNG + b"2")),
        ],
    )
    return folder


def runs_of(workspace: Workspace) -> dict[str, Any]:
    """The runs by name."""
    with_names = (workspace.experiments.run(run) for run in workspace.experiments.ids())
    return {run.name: run for run in with_names}


def history(workspace: Workspace, run: Any, key: str) -> list[tuple[int, int, float]]:
    """The points of a metric: step, microseconds since the files begin, value."""
    points = workspace.experiments.history([run.id])
    return sorted(
        (int(p.step), int(p.at.value // 1000) - START_US, float(p.value))
        for p in points[points["key"] == key].itertuples()
    )


def why(report: ImportReport, outcome: str, kind: str) -> str:
    """The reason of the only line of this outcome and kind."""
    [line] = [line for line in report.lines if (line.outcome, line.kind) == (outcome, kind)]
    return line.why


def test_each_folder_with_event_files_is_a_run(workspace: Workspace, logs: Path) -> None:
    preview = workspace.imports.preview(str(logs))
    assert (preview.tracker, preview.runs, preview.faults) == ("TensorBoard", 2, ())
    assert [each["name"] for each in preview.experiments] == ["churn"], "`runs` says nothing"
    report = workspace.imports.run(str(logs))
    assert (report.faults, report.imported["runs"], report.imported["points"]) == (0, 2, 11)
    runs = runs_of(workspace)
    assert set(runs) == {"torch", "keras/train"}
    assert (runs["torch"].status, runs["torch"].source) == ("finished", "TensorBoard")
    assert (runs["torch"].ended_at - runs["torch"].started_at).total_seconds() == 60
    loss = history(workspace, runs["torch"], "loss/train")
    single = struct.unpack("<f", struct.pack("<f", 1 / 3))[0]
    assert loss[:3] == [(0, 0, 1.0), (1, 1_000_000, 0.5), (2, 2_000_000, single)]
    assert math.isnan(loss[-1][2])
    accuracy = history(workspace, runs["torch"], "accuracy")
    assert accuracy == [(300, 0, 0.5), (1 << 40, 60_000_000, math.inf)]
    epochs = history(workspace, runs["keras/train"], "epoch_loss")
    assert epochs == [(0, 0, 0.75), (1, 1_000_000, 0.5), (2, 2_000_000, 0.25)]


def test_images_and_texts_are_files_and_the_rest_is_counted(
    workspace: Workspace, logs: Path
) -> None:
    report = workspace.imports.run(str(logs))
    runs = runs_of(workspace)
    read = {
        name: {
            file.path: workspace.store.artifacts.read(file.digest) for file in runs[name].artifacts
        }
        for name in runs
    }
    assert read["torch"] == {
        "images/samples/step-2.png": tb.PNG,
        "text/notes/step-2.md": b"**bold**",
    }
    assert read["keras/train"] == {
        "images/samples/step-2.png": tb.PNG,
        "images/samples/step-2-2.png": tb.PNG + b"2",
    }
    assert why(report, "skipped", "histograms") == "they have no place here"


def test_a_second_import_finds_nothing_and_a_grown_file_is_continued(
    workspace: Workspace, logs: Path, tmp_path: Path
) -> None:
    workspace.imports.run(str(logs))
    again = workspace.imports.run(str(logs))
    assert (sum(again.imported.values()), again.changed) == (0, {})
    assert again.already_imported == {"experiments": 1, "runs": 2}
    moved = tmp_path / "elsewhere" / "churn" / "runs"
    shutil.copytree(logs, moved)
    assert workspace.imports.run(str(moved)).already_imported["runs"] == 2
    with (logs / "torch" / "events.out.tfevents.1700000000.host").open("ab") as file:
        file.write(tb.event(9, tb.scalar("loss/train", 0.125), at=tb.AT + 90))
    tb.write(logs / "torch", [tb.event(10, tb.scalar("loss/train", 0.0625))], begun=1_700_000_100)
    grown = workspace.imports.run(str(logs))
    assert (grown.imported["runs"], grown.changed) == (0, {"runs": 1})
    loss = history(workspace, runs_of(workspace)["torch"], "loss/train")
    assert [step for step, _, _ in loss] == [0, 1, 2, 3, 4, 9, 10, 300]


def test_an_import_that_is_stopped_continues(
    workspace: Workspace, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "PROGRESS_INTERVAL_S", 0.0)

    def stop(_share: float, message: str) -> None:
        if "run 20" in message:
            raise Cancelled("stopped")

    for number_of_run in range(40):
        tb.write(logs / f"more-{number_of_run}", [tb.event(0, tb.scalar("x", 1.0))])
    with pytest.raises(Cancelled):
        workspace.imports.run(str(logs), on_progress=stop)
    assert 0 < len(workspace.experiments.ids()) < 42
    report = workspace.imports.run(str(logs))
    assert report.faults == 0
    assert len(workspace.experiments.ids()) == 42


def test_hyperparameters_beside_or_below_the_run(workspace: Workspace, tmp_path: Path) -> None:
    begun = tb.session({"lr": 0.1, "layers": 32, "act": "relu", "bias": True})
    tb.write(tmp_path / "beside", [tb.event(0, begun), tb.event(0, tb.scalar("acc", 0.5))])
    tb.write(tmp_path / "below", [tb.event(0, tb.scalar("loss", 0.5))])
    tb.write(
        tmp_path / "below" / "1700000001.25",
        [tb.event(0, begun, tb.scalar("hparam/acc", 0.5), tb.session_end(2))],
    )
    for trial in ("1700000001.25", "1700000002.5"):
        trial_begun = tb.session({"lr": float(trial), "list": [1]})
        tb.write(tmp_path / "trials" / trial, [tb.event(0, trial_begun)])
    tb.write(tmp_path / "trials", [])
    report = workspace.imports.run(str(tmp_path))
    runs = runs_of(workspace)
    assert set(runs) == {"beside", "below", "trials/1700000001.25", "trials/1700000002.5"}
    expected = {"lr": "0.1", "layers": "32", "act": "relu", "bias": "True"}
    assert [runs["beside"].params, runs["below"].params] == [expected, expected]
    assert runs["below"].values == {"loss": 0.5, "hparam/acc": 0.5}
    assert runs["below"].status == "failed"
    assert runs["beside"].tags["tensorboard.group"] == "group-7"
    assert runs["trials/1700000002.5"].params == {"lr": "1700000002.5"}
    assert why(report, "skipped", "run") == "its event files hold nothing that is imported"
    assert {line.why for line in report.lines if line.outcome == "broken"} == {
        "a hyperparameter that is a list or a structure"
    }


@pytest.mark.parametrize("line", ["grp_sub_{}", "grp/sub/{}"], ids=["torch", "tensorboardX"])
def test_lines_of_one_chart_belong_to_its_run(
    workspace: Workspace, tmp_path: Path, line: str
) -> None:
    tb.write(tmp_path / "a", [tb.event(0, tb.scalar("loss", 1.0))])
    for name, value in (("one", 0.25), ("two", 0.75)):
        tb.write(tmp_path / "a" / line.format(name), [tb.event(3, tb.scalar("grp/sub", value))])
    tb.write(tmp_path / "a" / "validation", [tb.event(0, tb.scalar("grp/sub", 1.0))])
    workspace.imports.run(str(tmp_path))
    runs = runs_of(workspace)
    assert set(runs) == {"a", "a/validation"}
    assert runs["a"].values == {"loss": 1.0, "grp/sub/one": 0.25, "grp/sub/two": 0.75}


@pytest.mark.parametrize("missing", [1, 4, 5, 20])
def test_a_torn_file_is_read_up_to_the_tear(
    workspace: Workspace, tmp_path: Path, missing: int
) -> None:
    path = tb.write(tmp_path / "a", [tb.event(n, tb.scalar("x", n)) for n in range(3)])
    path.write_bytes(path.read_bytes()[:-missing])
    report = workspace.imports.run(str(tmp_path))
    assert (
        why(report, "noted", "event file") == "its last record is cut off; the 3 before it are read"
    )
    assert (report.faults, report.imported["points"]) == (0, 2)


@pytest.mark.parametrize(("place", "reason"), [(-6, "its checksum"), (-30, "checksum")])
def test_a_damaged_record_ends_its_file(
    workspace: Workspace, tmp_path: Path, place: int, reason: str
) -> None:
    path = tb.write(tmp_path / "a", [tb.event(n, tb.scalar("x", n)) for n in range(3)])
    body = bytearray(path.read_bytes())
    body[place] ^= 1
    path.write_bytes(body)
    report = workspace.imports.run(str(tmp_path))
    assert reason in why(report, "broken", "event file")
    assert report.imported["points"] == 2


def test_hostile_records_cost_themselves_only(workspace: Workspace, tmp_path: Path) -> None:
    deep = b"".join(message(1, b"\x0a" * 50) for _ in range(20))
    path = tb.write(
        tmp_path / "a",
        [
            tb.event(0, tb.scalar("good", 1.0)),
            tb.record(b""),
            tb.record(b"\xff" * 200),
            tb.record(double(1, tb.AT) + message(5, deep)),
            tb.record(double(1, tb.AT) + b"\x2a\xff\xff\xff\xff\x0f"),
            tb.record(number(2, -5) + message(5, message(1, tb.scalar("no time", 1.0)))),
            tb.event(1, tb.scalar("good", 2.0), at=math.nan),
            tb.event(2, tb.scalar("good", 3.0), at=1e300),
            tb.event(-7, tb.scalar("good", 4.0)),
            tb.event(0, tb.scalar("", 1.0), tb.scalar("k" * 300, 1.0), tb.scalar("\0\n", 1.0)),
            tb.event(0, text(1, "odd") + message(8, number(1, tb.FLOAT), message(4, b"\0" * 12))),
            tb.event(4, tb.image("../../etc/passwd"), tb.image("a\\b"), tb.image("a/b")),
        ],
    )
    (tmp_path / "link").symlink_to("/etc")
    report = workspace.imports.run(str(tmp_path))
    [run] = runs_of(workspace).values()
    assert history(workspace, run, "good") == [(-7, 0, 4.0), (0, 0, 1.0)]
    assert {file.path for file in run.artifacts} == {
        "images/etc/passwd/step-4.png",
        "images/a_b/step-4.png",
        "images/a/b/step-4.png",
    }
    broken = {line.why for line in report.lines if line.outcome == "broken"}
    assert {"records that are no events: 3", "points whose time is none: 2"} <= broken
    assert why(report, "skipped", "file") == "it is a link, and links are not followed"
    path.write_bytes(path.read_bytes() + struct.pack("<Q", 1 << 60) * 3)
    again = workspace.imports.run(str(tmp_path))
    assert any("checksum of its length" in line.why for line in again.lines)


def test_the_kind_is_recognised_unless_there_are_two(workspace: Workspace, logs: Path) -> None:
    store = logs / "mlruns" / "1"
    run = store / ("a" * 32)
    (run / "metrics").mkdir(parents=True)
    (store / "meta.yaml").write_text("experiment_id: '1'\nname: exp\n")
    (run / "meta.yaml").write_text(f"run_id: '{'a' * 32}'\nrun_name: first\nstatus: 3\n")
    tb.write(run / "artifacts", [tb.event(0, tb.scalar("x", 1.0))])
    with pytest.raises(Invalid, match="holds what MLflow and TensorBoard wrote") as both:
        workspace.imports.preview(str(logs))
    assert "mlflow, tensorboard" in str(both.value.hint)
    assert workspace.imports.preview(str(logs), tracker="mlflow").runs == 1
    assert workspace.imports.preview(str(logs), tracker="tensorboard").runs == 2
    assert workspace.imports.preview(str(logs / "mlruns")).tracker == "MLflow"
    with pytest.raises(NotFound, match="no reader named"):
        workspace.imports.start(str(logs), tracker="nope")
    (logs / "empty").mkdir()
    with pytest.raises(Invalid, match="no event file"):
        workspace.imports.preview(str(logs / "empty"), tracker="tensorboard")


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=80), st.binary(min_size=60, max_size=400))))
def test_checksums_of_many_records_are_those_of_each(records: list[bytes]) -> None:
    assert masked_checksums(records) == [tb.checksum(record) for record in records]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60)), st.integers(1, 50), st.integers(0, 40))
def test_records_are_the_same_however_the_file_is_cut(
    records: list[bytes], size: int, missing: int
) -> None:
    body = b"".join(map(tb.record, records))
    body = body[: len(body) - missing] if missing < len(body) else body
    read, ended = list[bytes](), None
    batches = frames.batches(body[at : at + size] for at in range(0, len(body), size))
    while ended is None:
        try:
            batch = next(batches)
        except StopIteration as end:
            ended = end.value
        else:
            read += batch.records
            assert [body[at : at + len(r)] for r, at in zip(*batch, strict=True)] == batch.records
    assert read == records[: len(read)]
    whole = sum(len(record) + 16 for record in read)
    assert (ended.records, ended.is_torn) == (len(read), whole < len(body))
    assert ended.problem == ""
