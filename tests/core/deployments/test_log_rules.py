"""Rules of a log: set with a reason, carried by files, and rows deleted by age without a trace."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.log_rules import rules
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse.deployments.prediction_log import compaction, log, row_removal
from pilothouse.deployments.prediction_log.column_hashes import ensure_key, read_key, value_hash
from pilothouse.deployments.prediction_log.feedback_log import append_rewards, feedback_folder
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.row_removal import LogCut
from pilothouse.jobs import schedules
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Unavailable
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.storage import Store

DAY = timedelta(days=1)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def segment(workspace: Path, rows: list[tuple[str, datetime, datetime]]) -> None:
    """One sealed segment of predictions: ids, event times, times of receipt."""
    import orjson

    folder = log.journal_folder(workspace, "late")
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, event, received in rows:
        line: dict[str, Any] = {"at": to_ms(received) * 1_000, "version": 1, "rows": 1, "ms": 1.0}
        line |= {"status": 200, "ids": [name], "model": "late", "event": [to_ms(event)]}
        line |= {"out": {"score": [0.5]}, "columns": {"x": [float(len(name))]}}
        lines.append(orjson.dumps({"q": line}))
    number = len(list(folder.glob("*.sealed")))
    path = folder / f"0190{number:04d}-0000-7000-8000-000000000000.sealed"
    path.write_bytes(b"\n".join(lines) + b"\n")


def label(workspace: Path, *labels: tuple[list[str], datetime, datetime]) -> None:
    """Labels of ids, when they came true and when they were received."""
    writer = Journal(log.journal_folder(workspace, "late"))
    for ids, at, received in labels:
        line = {"at": to_ms(received) * 1_000, "ids": ids, "labels": [1] * len(ids)}
        writer.labels(line | {"times": [to_ms(at)] * len(ids)})
    writer.seal()


def delete(workspace: Path, cut: LogCut) -> row_removal.RemovedRows:
    with row_removal.exclusive(workspace, 0):
        removals = row_removal.older_rows(workspace, "late", cut)
        row_removal.remove(removals)
    return row_removal.totals(removals)


def test_rules_are_set_with_a_reason_and_schedule_the_clean_up(
    deployments: Deployments, registered: Store
) -> None:
    deployments.launch("flights", "late", 1)
    assert deployments.log_rules("flights") == LogRules()
    with pytest.raises(Conflict, match="kept for ever"):
        deployments.clean_log("flights")
    with pytest.raises(Invalid, match="keep_days: between 1 and 36,500"):
        deployments.set_log_rules("flights", LogRules(0))
    with pytest.raises(NotFound):
        deployments.set_log_rules("none", LogRules(1))
    assert deployments.set_log_rules("flights", LogRules(90), "our policy") == LogRules(90)
    entry = Activity(registered).entries(kind="deployment", ref="flights").iloc[0]
    assert (entry["verb"], entry["reason"]) == ("log_rules_changed", "our policy")
    with registered.read() as session:
        schedule = schedules.require(session, rules.schedule_name("flights"))
        assert schedule.enabled
        assert schedule.kind == rules.CLEAN_UP_JOB
    assert deployments.clean_log("flights")
    deployments.set_log_rules("flights", LogRules(), "we need them")
    deployments.set_log_rules("flights", LogRules())
    with registered.read() as session:
        assert not schedules.require(session, rules.schedule_name("flights")).enabled
    assert deployments.log_state("flights").deleted_before is None
    assert deployments.log_deletions("flights").empty
    assert Activity(registered).verify().intact


def test_a_file_carries_the_rules(deployments: Deployments) -> None:
    deployments.launch("flights", "late", 1)
    deployments.set_log_rules("flights", LogRules(30))
    text = deployments.export(["flights"])
    assert "log:\n    keep_days: 30" in text
    assert deployments.diff(text)[0].kind == "same"
    assert "log:" in deployments.export(["flights"])
    (change,) = deployments.apply(text.replace("keep_days: 30", "keep_days: 7"), "shorter")
    assert change.lines == ("- log kept: 30 days", "+ log kept: 7 days")
    assert deployments.log_rules("flights") == LogRules(7)
    with pytest.raises(Invalid, match="whole number from 1"):
        deployments.diff(text.replace("keep_days: 30", "keep_days: 0"))


def test_rows_go_by_event_and_by_receipt_with_their_labels(tmp_path: Path) -> None:
    old = MARCH - 40 * DAY
    segment(
        tmp_path,
        [
            ("old", old, old),
            ("late", old, MARCH),  # sent long after its event
            ("ahead", MARCH, old),
            ("new", MARCH, MARCH),
        ],
    )
    label(tmp_path, (["old", "late", "nobody"], old, old), (["ahead"], MARCH, old))
    compaction.compact(tmp_path)
    append_rewards(feedback_folder(tmp_path, "late"), [], old)
    cut = LogCut(MARCH - DAY, MARCH - DAY)
    removed = delete(tmp_path, cut)
    assert asdict(removed) == {"predictions": 1, "labels": 2, "requests": 2, "files": 3}
    left = log.predictions(tmp_path, "late")
    assert sorted(left["prediction_id"]) == ["ahead", "late", "new"]
    assert sorted(log.labels(tmp_path, "late")["prediction_id"]) == ["ahead", "late"]
    assert delete(tmp_path, cut).rows == 0
    row_removal.remove_rewards(tmp_path, "late", (MARCH - DAY).date())
    assert not list(feedback_folder(tmp_path, "late").iterdir())


def test_nobody_else_writes_files_meanwhile(tmp_path: Path) -> None:
    segment(tmp_path, [("a", MARCH, MARCH)])
    with row_removal.exclusive(tmp_path, 0):
        assert compaction.compact(tmp_path).segments == 0
        with (
            pytest.raises(Unavailable, match="being rewritten"),
            row_removal.exclusive(tmp_path, 0),
        ):
            pass
    assert compaction.compact(tmp_path).segments == 1


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.booleans()), min_size=1, max_size=40
    ),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_what_is_kept_reads_as_before(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[int, int, bool]],
    events: int,
    received: int,
) -> None:
    """Compaction and retention change no row of the kept period, and leave none of the others."""
    workspace = tmp_path_factory.mktemp("log")
    rows = [
        (f"id{n}", MARCH + event * DAY, MARCH + at * DAY) for n, (event, at, _) in enumerate(drawn)
    ]
    for first in range(0, len(rows), 10):
        segment(workspace, rows[first : first + 10])
    marked = zip(rows, drawn, strict=True)
    label(workspace, *[([row[0]], *row[1:]) for row, (_, _, has_label) in marked if has_label])
    before, labels = log.predictions(workspace, "late"), log.labels(workspace, "late")
    compaction.compact(workspace)
    cut = LogCut(MARCH + events * DAY, MARCH + received * DAY)
    removed = delete(workspace, cut)
    old = (before["event_at"] < cut.events) & (before["received_at"] < cut.received)
    expected = before[~old].reset_index(drop=True)
    assert removed.predictions == int(old.sum())
    after = log.predictions(workspace, "late")
    assert len(after) == len(expected)
    if len(expected):
        left, right = (frame.sort_values("prediction_id") for frame in (after, expected))
        pd.testing.assert_frame_equal(
            left.reset_index(drop=True), right.reset_index(drop=True), check_dtype=False
        )
    kept = set(expected["prediction_id"]) & set(labels["prediction_id"])
    assert set(log.labels(workspace, "late")["prediction_id"]) == kept


def test_columns_are_dropped_and_hashed_in_journal_and_files(tmp_path: Path) -> None:
    ensure_key(tmp_path)
    key = read_key(tmp_path / "journal")
    signature = Signature(
        inputs=(SignatureField("hashed.x", "number"), SignatureField("customer", "integer")),
        target="y",
        task="regression",
    )
    writer = Journal(log.journal_folder(tmp_path, "late"))
    line: dict[str, Any] = {"version": 1, "rows": 2, "ms": 1.0, "status": 200, "model": "late"}
    line |= {"event": [to_ms(MARCH)] * 2, "out": {"predict": [0.5] * 2}}

    def log_rows(ids: list[str], hashed: tuple[str, ...]) -> None:
        columns = {"hashed.x": [1.0, 2.0], "customer": [7, None]}
        stamp = {"at": writer.stamp(), "ids": ids, "columns": columns}
        writer.predictions(1, signature, stamp | line, hashed)

    log_rows(["a", "b"], ())
    writer.seal()
    log_rows(["c", "d"], ("customer",))
    for _ in range(2):  # from the journal, then from the files
        frame = log.predictions(tmp_path, "late").set_index("prediction_id")
        assert frame.loc["a", "customer"] == 7
        assert pd.isna(frame.loc["c", "customer"])
        assert frame.loc["c", "hashed.customer"] == value_hash(key, 7.0)
        assert pd.isna(frame.loc["d", "hashed.customer"])
        assert list(frame["feature.hashed.x"]) == [1.0, 2.0] * 2
        writer.seal()
        compaction.compact(tmp_path)
    assert b'"customer":[7,null]' not in b"".join(
        path.read_bytes() for path in (tmp_path / "journal").rglob("*") if path.is_file()
    )
    assert value_hash(key, "7") == value_hash(key, 7)
    assert value_hash(b"another key", 7) != value_hash(key, 7)


def test_only_inputs_are_dropped_or_hashed(deployments: Deployments) -> None:
    deployments.launch("flights", "late", 1)
    with pytest.raises(Invalid, match="labels and windows find a prediction by it"):
        deployments.set_log_rules("flights", LogRules(dropped=("prediction_id",)))
    with pytest.raises(Invalid, match="'nope' is not an input of the version"):
        deployments.set_log_rules("flights", LogRules(hashed=("nope",)))
    with pytest.raises(Invalid, match="dropped or hashed, not both"):
        deployments.set_log_rules("flights", LogRules(None, ("distance",), ("distance",)))
    first, *_, last = deployments.signature("flights").names
    rules = deployments.set_log_rules("flights", LogRules(None, (first, first), (last,)))
    assert rules == LogRules(None, (first,), (last,))
    text = deployments.export(["flights"])
    assert f"drop:\n    - {first}" in text
    assert deployments.diff(text)[0].kind == "same"
    with pytest.raises(Invalid, match="a list of names"):
        deployments.diff(text.replace(f"drop:\n    - {first}", "drop: 3"))
