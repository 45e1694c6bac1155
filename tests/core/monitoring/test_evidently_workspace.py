"""Windows as an Evidently workspace, read by Evidently; its snapshots beside our windows."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidently_files import evidently_result, evidently_snapshot
from pilothouse.activity.api import Activity
from pilothouse.kit.errors import Invalid, NotFound, TooLarge, Unavailable
from pilothouse.monitoring.evidently_workspace import snapshot_files, snapshot_reading
from pilothouse.monitoring.evidently_workspace.snapshot_files import files_in
from pilothouse.monitoring.evidently_workspace.snapshot_reading import read_snapshot
from pilothouse.monitoring.evidently_workspace.window_snapshots import STATES

PROCESS = Path(__file__).with_name("evidently_process.py")


@pytest.mark.timeout(240)
def test_evidently_reads_our_windows_and_we_read_its_runs(desk: Any, tmp_path: Path) -> None:
    monitoring = desk.monitoring
    for week in range(2):
        frame = desk.draw(600, seed=70 + week)
        frame["temp"] += 6 * week
        desk.log(frame, desk.week(week))
        desk.evaluate(desk.week(week))
    export = monitoring.export_evidently("late")
    with pytest.raises(Unavailable, match="queued"):
        monitoring.evidently_zip(export)

    command = [sys.executable, str(PROCESS), desk.store.settings.model_dump_json(), export]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    info = monitoring.evidently_export(export)
    assert (info.status, info.windows) == ("ready", 2)
    assert len(monitoring.evidently_zip(export)) == info.bytes
    assert [item.id for item in monitoring.evidently_exports("late")] == [export]

    read = json.loads((tmp_path / "read.json").read_text())
    says_the_same(monitoring, read)
    deciding = set(monitoring.monitor_info("late").config.primary.values())
    assert read["tabs"]["Drift"] == len(deciding)  # a chart for each deciding test
    assert {len(values) for series in read["series"].values() for values in series} == {2}
    assert [600.0, 600.0] in read["series"]["Rows"]

    imports_theirs(desk, tmp_path)
    again = monitoring.import_evidently("late", tmp_path / "ours.zip")
    assert (again.added, again.skipped) == (0, 2)
    assert "an export of a window" in again.rows[0][-1]


def says_the_same(monitoring: Any, read: dict[str, Any]) -> None:
    """Every score, limit, reference and verdict of every window is in Evidently's runs."""
    windows = monitoring.windows("late")
    assert read["project"] == "late"
    assert set(read["tabs"]) == {"Performance", "Drift", "Windows"}
    runs = {run["metadata"]["pilothouse_window"]: run for run in read["runs"]}
    assert set(runs) == set(windows["id"])
    for window in windows.itertuples():
        run = runs[window.id]
        assert datetime.fromisoformat(run["timestamp"]) == window.start.replace(tzinfo=None)
        assert run["tags"] == ["late", "late@1"]
        assert run["metadata"]["status"] == window.status
        stored = monitoring.results(window.id)
        for kind, column in (
            ("MonitorCheck", "score"), ("MonitorLimit", "threshold"),
            ("MonitorReference", "reference"),
        ):  # fmt: skip
            ours = {
                (r["signal"], r["check"], r["column"]): r[column]
                for _, r in stored[stored[column].notna()].iterrows()
            }
            assert values_of(run, kind) == ours
        verdicts = {
            (p["signal"], p["check"], p["column"]): test["status"]
            for result in run["metric_results"].values()
            for test in result["tests"]
            if (p := test["metric_config"]["params"])["type"].endswith("MonitorCheck")
        }
        assert verdicts == {
            (r["signal"], r["check"], r["column"]): STATES[r["status"]]
            for _, r in stored[stored["score"].notna()].iterrows()
        }


def values_of(run: dict[str, Any], kind: str) -> dict[tuple[str, str, str], float]:
    params = [
        (result["metric_value_location"]["metric"]["params"], result["value"])
        for result in run["metric_results"].values()
    ]
    return {
        (p["signal"], p["check"], p["column"]): value
        for p, value in params
        if p["type"] == f"evidently:metric_v2:{kind}"
    }


def imports_theirs(desk: Any, folder: Path) -> None:
    """Runs of Evidently's drift preset come in once, with its own verdicts beside ours."""
    monitoring = desk.monitoring
    result = monitoring.import_evidently("late", folder / "theirs")
    assert (result.added, result.existed, result.skipped) == (2, 0, 0)
    assert result.frame()["project"].tolist() == ["their project"] * 2
    again = monitoring.import_evidently("late", folder / "theirs")
    assert (again.added, again.existed) == (0, 2)
    frame = monitoring.evidently_snapshots("late")
    assert frame["name"].tolist() == ["week 0", "week 1"]
    assert frame["at"].tolist() == [
        pd.Timestamp("2013-03-06", tz="UTC"), pd.Timestamp("2013-03-13", tz="UTC"),
    ]  # fmt: skip
    assert frame["columns"].tolist() == [2, 2]
    assert frame["drifted"].iloc[0] == frame["drifted"].iloc[1] >= 1  # the same data

    figures = monitoring.evidently_figures(frame["id"].iloc[1])
    drift = figures[figures["metric"] == "ValueDrift"].set_index(["column", "method"])
    judged = drift.loc[("temp", "wasserstein")]
    assert (judged["status"], judged["threshold"]) == ("fail", 0.1)
    windows = monitoring.windows("late")
    ours = monitoring.results(windows["id"].iloc[1])
    deciding = ours[(ours["column"] == "temp") & ours["primary"]].iloc[0]
    assert judged["our_score"] == deciding["score"]
    assert judged["our_status"] == deciding["status"] == "fail"
    assert judged["window"] == windows["id"].iloc[1]
    mean = figures[figures["metric"] == "MeanValue"].iloc[0]
    assert (mean["column"], round(mean["value"])) == ("temp", 1)

    # Without tests, Evidently's rule for each method gives the state that its tests have.
    untested = monitoring.evidently_figures(frame["id"].iloc[0]).set_index(["column", "method"])
    assert untested["message"].eq("").all()
    untested = untested[untested["metric"] == "ValueDrift"]
    assert untested["status"].to_dict() == drift["status"].to_dict()
    assert len(drift) == 5
    short = monitoring.import_evidently("late", folder / "short.json")
    assert (short.skipped, "save_json" in short.rows[0][-1]) == (1, True)
    entries = desk_entries(desk)
    assert entries["verb"].tolist() == ["imported"]
    monitoring.remove_evidently_snapshot(frame["id"].iloc[0], "not ours")
    assert len(monitoring.evidently_snapshots("late")) == 1


def desk_entries(desk: Any) -> pd.DataFrame:
    return Activity(desk.store).entries(kind="evidently_snapshots")


def test_what_cannot_be_exported_is_said(desk: Any) -> None:
    monitoring = desk.monitoring
    with pytest.raises(NotFound, match="no evaluated window"):
        monitoring.export_evidently("late")
    with pytest.raises(NotFound):
        monitoring.export_evidently("none")
    with pytest.raises(Invalid, match="ends before"):
        monitoring.export_evidently("late", desk.week(1), desk.week(0))
    with pytest.raises(NotFound):
        monitoring.evidently_export("none")


def zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_a_damaged_or_foreign_file_is_left_out_with_its_reason(desk: Any) -> None:
    files = {
        "p/metadata.json": b'{"name": "churn"}',
        "p/dashboard.json": b"{}",
        "p/snapshots/good.json": evidently_snapshot(),
        "p/snapshots/half.json": evidently_snapshot()[:100],
        "p/snapshots/list.json": b"[1]",
        "p/snapshots/deep.json": b"[" * 100_000,
        "p/snapshots/digits.json": b'{"metric_results": ' + b"9" * 10_000 + b"}",
        "p/snapshots/old.json": b'{"suite": {}, "id": "a"}',
        "p/snapshots/time.json": evidently_snapshot(timestamp="yesterday"),
        "p/snapshots/far.json": evidently_snapshot(timestamp="9999-01-01"),
        "p/snapshots/none.json": evidently_snapshot(metric_results={"a": {"value": {}}}),
        "p/snapshots/empty.json": b"",
        "../../p/snapshots/above.json": evidently_snapshot(name="above"),
    }
    result = desk.monitoring.import_evidently_file("late", "ws.zip", zipped(files))
    reasons = {row[0].rsplit("/", 1)[-1]: (row[2], row[5]) for row in result.rows}
    assert (result.added, result.skipped) == (2, 9)
    assert reasons["good.json"] == ("added", "")
    assert "is not JSON" in reasons["half.json"][1]
    assert "not a snapshot" in reasons["list.json"][1]
    assert "nested too deeply" in reasons["deep.json"][1]
    assert "before 0.7" in reasons["old.json"][1]
    assert "time cannot be read: 'yesterday'" in reasons["time.json"][1]
    assert "holds no numbers" in reasons["none.json"][1]
    frame = desk.monitoring.evidently_snapshots("late")
    assert set(frame["project"]) == {"churn", ""}
    figures = desk.monitoring.evidently_figures(frame["id"].iloc[0])
    assert figures.loc[0, ["column", "status"]].tolist() == ["temp", "fail"]
    assert pd.isna(figures.loc[0, "our_score"])  # no window of ours lies there


def test_files_beyond_the_limits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="not a readable zip"):
        list(files_in("a.zip", b"PK\x03\x04 and no more"))
    with pytest.raises(Invalid, match="holds no snapshots"):
        list(files_in("a.pkl", b""))
    with pytest.raises(Invalid, match="there is no snapshot"):
        list(files_in("a.zip", zipped({"a.txt": b""})))
    monkeypatch.setattr(snapshot_files, "MAX_FILE_BYTES", 1_000)
    monkeypatch.setattr(snapshot_files, "MAX_TOTAL_BYTES", 1_500)
    bomb = zipped({"a.json": b" " * 1_000_000, "b.json": b" " * 10})
    first, second = files_in("a.zip", bomb)
    assert "larger than" in getattr(first, "reason", "")
    assert getattr(second, "name", "") == "b.json"
    with pytest.raises(TooLarge):
        list(files_in("a.zip", zipped({"a.json": b" " * 900, "b.json": b" " * 900})))
    with pytest.raises(TooLarge):
        list(files_in("a.json", b" " * 1_001))
    monkeypatch.setattr(snapshot_files, "MAX_FILES", 1)
    with pytest.raises(TooLarge, match="at most 1"):
        list(files_in("a.zip", zipped({"a.json": b"", "b.json": b""})))
    monkeypatch.setattr(snapshot_reading, "MAX_FIGURES", 1)
    two = evidently_result()
    with pytest.raises(Invalid, match="more than 1 figures"):
        read_snapshot(evidently_snapshot(metric_results={"a": two, "b": two}), UTC)


def test_a_time_without_a_zone_is_in_that_of_the_monitor() -> None:
    zone = ZoneInfo("America/New_York")
    at = read_snapshot(evidently_snapshot(), zone).timestamp
    assert at == datetime(2013, 3, 6, 5, tzinfo=UTC)
    at = datetime(2013, 3, 6, tzinfo=timezone(timedelta(hours=2)))
    read = read_snapshot(evidently_snapshot(timestamp=at.isoformat()), zone)
    assert read.timestamp == datetime(2013, 3, 5, 22, tzinfo=UTC)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
RESULT = st.fixed_dictionaries(
    {},
    optional={
        "value": JSON, "tests": JSON, "count": JSON, "values": JSON, "counts": JSON,
        "metric_value_location": st.fixed_dictionaries(
            {"metric": st.fixed_dictionaries({"params": JSON})}
        ),
    },
)  # fmt: skip


@given(st.dictionaries(st.text(), RESULT | JSON, max_size=3), JSON, JSON)
def test_any_json_is_read_or_refused_in_words(results: Any, name: Any, tags: Any) -> None:
    content = evidently_snapshot(metric_results=results, name=name, tags=tags)
    with contextlib.suppress(Invalid):
        read = read_snapshot(content, UTC)
        json.dumps([figure.to_json() for figure in read.figures], allow_nan=False).encode()
        read.name.encode()
