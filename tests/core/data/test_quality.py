"""Quality checks: what each kind measures, versions that are held back, their history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.data.canonical import canonical
from pilothouse.data.quality.kinds import CheckedRows, Measure
from pilothouse.data.quality.quality_info import read_check
from pilothouse.data.quality.sqlite_query import answer
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.workspace import Workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENT = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
TEXTS = st.sampled_from(["a", "b", "A", "ä", "a b", None])
NUMBERS = st.one_of(st.none(), st.integers(-3, 3).map(float), st.sampled_from([0.5, -0.0, np.inf]))


def measured(kind: str, frame: pd.DataFrame, before: int | None = None, **settings: Any) -> Measure:
    plugin, params = read_check(kind, settings)
    table = canonical(pa.Table.from_pandas(frame, preserve_index=False))
    measure = plugin.measure(params, CheckedRows.of(table, NOW, before))
    assert measure is not None
    return measure


@PATIENT
@given(st.lists(st.tuples(NUMBERS, TEXTS), min_size=1, max_size=30))
def test_figures_are_those_of_pandas(rows: list[tuple[float | None, str | None]]) -> None:
    frame = pd.DataFrame(
        {"x": pd.Series([x for x, _ in rows], dtype=float), "t": [t for _, t in rows]}
    )
    frame["t"] = frame["t"].astype("string")

    masks = {
        ("missing_values", "x"): (frame["x"].isna(), {"column": "x"}),
        ("missing_values", "t"): (frame["t"].isna(), {"column": "t"}),
        ("number_range", "x"): (
            (frame["x"] < -1) | (frame["x"] > 2), {"column": "x", "low": -1, "high": 2}),
        ("allowed_values", "t"): (
            ~frame["t"].isin(["a", "ä"]) & frame["t"].notna(),
            {"column": "t", "values": ["a", "ä"]}),
        ("text_pattern", "t"): (
            ~frame["t"].str.fullmatch("[aA].*").fillna(True).astype(bool),
            {"column": "t", "pattern": "[aA].*"}),
    }  # fmt: skip
    whole = frame.dropna()
    masks["unique_key", "xt"] = (
        whole.duplicated(keep=False).reindex(frame.index, fill_value=False),
        {"columns": ["x", "t"]},
    )
    for (kind, _), (mask, given_settings) in masks.items():
        measure = measured(kind, frame, **given_settings)
        assert measure.failing == int(mask.sum()), (kind, frame)
        assert measure.value == pytest.approx(mask.mean())
        assert measure.rows == tuple(np.flatnonzero(mask)[:5])
        assert measure.passed == (measure.failing == 0)


@PATIENT
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_a_query_counts_as_pandas_does(texts: list[str | None]) -> None:
    frame = pd.DataFrame({"t": pd.Series(texts, dtype="string"), "n": range(len(texts))})
    query = "SELECT rowid FROM data WHERE t = 'a' OR t IS NULL"
    measure = measured("sql_query", frame, query=query)
    mask = (frame["t"].isna() | (frame["t"] == "a")).to_numpy()
    assert (measure.value, measure.rows) == (mask.sum(), tuple(np.flatnonzero(mask)[:5]))
    largest = measured("sql_query", frame, query="SELECT max(n) FROM data", measure="number", low=0)
    assert largest.value == len(texts) - 1


def test_ages_and_volumes() -> None:
    times = pd.to_datetime(["2026-02-27T12:00Z", "2026-02-28T12:00Z", "2027-01-01T00:00Z", None])
    frame = pd.DataFrame({"at": times})
    fresh = measured("freshness", frame, column="at", hours=25)
    assert (fresh.value, fresh.passed, fresh.note) == (24, True, "1 later than now are left out")
    with pytest.raises(Invalid, match="no time before now"):
        measured("freshness", frame.iloc[2:], column="at")
    assert not measured("row_count", frame, low=5).passed
    change = measured("row_count_change", frame, before=8)
    assert (change.value, change.passed, change.note) == (-0.5, True, "4 rows after 8")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("DELETE FROM data", "must begin with SELECT"),
        ("SELECT 1; DROP TABLE data", "must be one statement"),
        ("SELECT load_extension('/tmp/x.so')", "not authorized"),
        ("SELECT * FROM sqlite_master", "prohibited"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n", "not"),
        ("SELECT * FROM pragma_database_list", "prohibited|not authorized"),
        ("SELECT colour FROM data", "no such column"),
        ("SELECT hex(zeroblob(1000000000))", "not authorized"),
        ("SELECT replace(hex(t), '6', printf('%.*c', 9000000, 'x')) FROM data", "too big"),
    ],
)
def test_a_query_can_only_read(query: str, problem: str) -> None:
    frame = pd.DataFrame({"t": ["aaaa"] * 3})
    with pytest.raises(Invalid, match=problem):
        measured("sql_query", frame, query=query)


def test_a_query_is_bounded_and_reads_only_its_columns() -> None:
    table = pa.table({"a": range(3000), "b": ["x"] * 3000, "A": [1] * 3000, "c d": [None] * 3000})
    assert answer(table, 'SELECT a, "c d" FROM data WHERE a < 2;', 5).count == 2
    assert answer(table, "SELECT count(*) FROM data", 5).first == (3000,)
    with pytest.raises(Invalid, match="not answered within"):
        answer(table, "SELECT count(*) FROM data a, data b, data c WHERE a.a + b.a = c.a", 5, 0.2)
    times = pa.table({"at": pa.array([NOW], pa.timestamp("us", tz="UTC"))})
    assert answer(times, "SELECT date(at, '+1 day') FROM data", 5).first == ("2026-03-02",)


@pytest.mark.parametrize(
    ("kind", "settings", "problem"),
    [
        ("no_such", {}, "no quality check kind"),
        ("missing_values", {}, "needs column"),
        ("missing_values", {"column": "gone"}, "no column 'gone'"),
        ("missing_values", {"column": "id", "share": 2}, "between 0 and 1"),
        ("number_range", {"column": "town", "low": 1}, "is of the type text"),
        ("number_range", {"column": "price"}, "at least one limit"),
        ("number_range", {"column": "price", "low": 2, "high": 1}, "above the upper"),
        ("allowed_values", {"column": "town", "values": []}, "one value"),
        ("text_pattern", {"column": "town", "pattern": "("}, "no regular expression"),
        ("unique_key", {"columns": ["id", "id"]}, "twice"),
        ("unique_key", {"columns": ["id", "gone"]}, "no column 'gone'"),
        ("sql_query", {"query": "SELECT 1", "measure": "number"}, "at least one limit"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    workspace: Workspace, kind: str, settings: dict[str, Any], problem: str
) -> None:
    workspace.data.register("sales", sales(20))
    with pytest.raises((Invalid, NotFound), match=problem):
        workspace.data.add_quality_check("sales", kind, settings)
    assert workspace.data.quality_checks("sales") == []


def sales(rows: int, first: int = 0, **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"id": np.arange(first, first + rows), "town": ["Bonn", "Cork"] * (rows // 2)}
    )
    at = pd.date_range("2026-02-27", periods=rows, freq="h", tz="UTC")
    return frame.assign(price=np.linspace(1, 9, rows), at=at, **columns)


def test_a_blocking_check_holds_a_version_back_until_it_is_released(workspace: Workspace) -> None:
    data = workspace.data
    data.register("sales", sales(20))
    key = data.add_quality_check("sales", "unique_key", {"columns": ["id"]}, severity="block")
    warn = data.add_quality_check("sales", "missing_values", {"column": "price", "share": 0.1})
    assert [r.status for r in data.quality_results("sales@1")] == ["passed", "passed"]

    twice = sales(30).assign(id=[0, 0, *range(2, 30)])
    held = data.register("sales", twice)
    assert (held.ref, held.status) == ("sales@2", "held")
    assert held.held_for == "id: unique (6.67 % (2 rows), limit at most 0 %)"
    assert data.version("sales").ref == "sales@1"
    assert list(data.versions("sales")["status"]) == ["held", "active"]
    assert data.datasets()["ref"].tolist() == ["sales@1"]
    assert data.failing_rows(key.id, "sales@2")["id"].tolist() == [0, 0]
    assert data.failing_rows(warn.id, "sales@2").empty
    (item,) = workspace.attention.items()
    assert (item.kind, item.ref, item.state) == ("dataset", "sales@2", "held")

    # The same rows again are the version that waits; other ones are compared with the one in use.
    again = data.register("sales", twice)
    assert (again.existed, again.status) == (True, "held")
    assert data.register("sales", sales(24, 7)).ref == "sales@3"
    with pytest.raises(Invalid, match="needs a reason"):
        data.release("sales@2", " ")
    released = data.release("sales@2", "the till was counted twice")
    assert (released.status, released.released_by) == ("active", "ada")
    assert released.held_for == held.held_for
    assert data.version("sales").ref == "sales@3"
    with pytest.raises(Conflict, match="not held back"):
        data.release("sales@2", "again")
    assert workspace.attention.items() == []

    history = data.quality_history("sales")
    assert history[["version", "status"]].to_numpy().tolist() == [
        [1, "passed"], [1, "passed"], [2, "failed"], [2, "passed"], [3, "passed"], [3, "passed"],
    ]  # fmt: skip
    verbs = workspace.activity.entries(kind="dataset", ref="sales@2")["verb"].tolist()
    assert {"registered", "held back", "released"} <= set(verbs)


def test_a_version_is_in_use_at_once_with_a_reason(workspace: Workspace) -> None:
    data = workspace.data
    data.register("sales", sales(20))
    data.add_quality_check("sales", "row_count", {"high": 25}, severity="block")
    version = data.register("sales", sales(30), release_reason="two shops more")
    assert (version.status, version.release_reason) == ("active", "two shops more")
    assert data.register("sales", sales(26)).status == "held"
    late = data.register("sales", sales(26), release_reason="so be it")
    assert (late.ref, late.status, late.existed) == ("sales@3", "active", True)


def test_checks_are_edited_and_removed_with_their_history(workspace: Workspace) -> None:
    data = workspace.data
    data.register("sales", sales(20))
    check = data.add_quality_check("sales", "row_count", {"low": 10}, severity="block")
    with pytest.raises(Conflict, match="already"):
        data.add_quality_check("sales", "row_count", {"low": 10})
    after = data.edit_quality_check(check.id, {"low": 25}, severity="warn")
    assert (after.title, after.severity) == ("Rows: at least 25", "warn")
    assert data.register("sales", sales(22)).status == "active"
    assert data.quality_history("sales")["low"].tolist() == [10, 25]
    assert [r.ok for r in data.run_quality_checks("sales@1")] == [False]
    data.delete("sales@2")
    assert data.quality_history("sales")["version"].tolist() == [1]
    data.remove_quality_check(check.id, "not of use")
    assert data.quality_history("sales").empty
    with pytest.raises(NotFound, match="no quality check"):
        data.remove_quality_check(check.id)


def test_a_check_that_cannot_be_measured_holds_back_too(workspace: Workspace) -> None:
    data = workspace.data
    data.register("sales", sales(20))
    data.add_quality_check("sales", "number_range", {"column": "price", "low": 0}, severity="block")
    version = data.register("sales", sales(22).drop(columns="price"), on_breach="accept")
    assert (version.status, version.held_for) == (
        "held", "price: at least 0 (there is no column 'price')")  # fmt: skip


def write(folder: Path, frame: pd.DataFrame) -> None:
    folder.mkdir(exist_ok=True)
    frame.to_parquet(folder / "sales.parquet", index=False)


def test_a_refresh_shows_its_checks_and_ends_held(
    workspace: Workspace, tmp_path: Path, clock: FixedClock
) -> None:
    data, folder = workspace.data, tmp_path / "shop"
    write(folder, sales(20))
    data.register_from("sales", "parquet", {"path": str(folder)})
    data.add_quality_check("sales", "row_count", {"low": 15}, severity="block")
    age = data.add_quality_check(
        "sales", "freshness", {"column": "at", "hours": 72}, severity="block"
    )
    assert [r.status for r in data.quality_results("sales")] == ["passed", "passed"]

    write(folder, sales(10))
    check = data.check_refresh("sales")
    assert check.held_for == "Rows: at least 15 (10 rows, limit at least 15 rows)"
    assert check.to_json()["quality"][0]["status"] == "failed"
    assert data.refresh("sales").status == "held"
    assert data.refresh("sales").existed
    assert data.version("sales").ref == "sales@1"

    # Rows that do not change grow old all the same.
    write(folder, sales(20))
    clock.advance(timedelta(days=5))
    assert data.refresh("sales").existed
    (stale,) = [r for r in data.quality_results("sales@1") if r.check_id == age.id]
    assert (stale.status, stale.message) == ("failed", "6.7 days, limit at most 3.0 days")
    states = {item.ref: item.state for item in workspace.attention.items()}
    assert states == {"sales@2": "held", "sales@1": "failed"}
    assert workspace.activity.verify().intact


@PATIENT
@given(st.integers(0, 10_000))
def test_suggestions_never_fail_on_the_version_itself(seed: int) -> None:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.data.profile import profile
    from pilothouse.data.quality.suggestions import suggest

    draw = np.random.default_rng(seed)
    rows = int(draw.integers(20, 60))
    frame = pd.DataFrame(
        {
            "id": draw.permutation(rows),
            "code": [f"c{n}" for n in draw.integers(0, 2 * rows, rows)],
            "x": np.where(draw.random(rows) < draw.random(), np.nan, draw.normal(size=rows)),
            "at": pd.to_datetime(NOW - pd.to_timedelta(draw.integers(0, 3000, rows), unit="h")),
        }
    )
    table = canonical(pa.Table.from_pandas(frame, preserve_index=False))
    before = int(draw.integers(1, 200))
    version = DatasetVersionInfo(
        "s@2", "s", 2, "", "", rows, 4, 0, (), None, "", "", {}, "at", "", NOW, "ada"
    )
    for suggestion in suggest(version, profile(table), NOW, before, float(draw.integers(1, 48))):
        kind, params = read_check(suggestion.kind, suggestion.settings)
        measure = kind.measure(params, CheckedRows.of(table, NOW, before))
        assert measure is None or measure.passed, suggestion


@pytest.mark.parametrize(
    ("kind", "settings", "columns"),
    [
        ("missing_values", {"column": "x"}, [["x"]]),
        ("unique_key", {"columns": ["x", "t"]}, [["x"], ["t"]]),
        ("row_count", {"low": 1}, []),
        ("sql_query", {"query": "SELECT rowid FROM data WHERE X < 0"}, [["x"]]),
        ("sql_query", {"query": "SELECT count(*) FROM data", "measure": "number", "low": 3},
         [["t"]]),
    ],
)  # fmt: skip
def test_a_check_of_a_version_reads_only_its_columns(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    settings: dict[str, Any],
    columns: list[list[str]],
) -> None:
    workspace.data.register("wide", pd.DataFrame({"t": ["a", "b", "c"], "x": [1, 2, 3], "y": 1.5}))
    read: list[list[str]] = []
    whole = pq.ParquetFile.read

    def reader(file: pq.ParquetFile, columns: list[str]) -> pa.Table:
        read.append(columns)
        return whole(file, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read", reader)
    check = workspace.data.add_quality_check("wide", kind, settings)
    assert read == columns
    result = next(r for r in workspace.data.quality_results("wide") if r.check_id == check.id)
    assert result.ok, result
