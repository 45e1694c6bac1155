"""Custom checks in SQL and Python: their numbers, their limits, and what they must not do."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.custom_checks.running import CheckBudget, run_checks
from pilothouse.monitoring.custom_checks.spec import CustomCheckSpec

WINDOW = pd.DataFrame(
    {
        "age": [20.0, 40.0, np.nan, 60.0],
        "Age": [1, 2, 3, 4],
        "region": ["north", None, "south", "south"],
        "sent": pd.to_datetime(["2026-03-01", "2026-03-02", None, "2026-03-04"], utc=True),
        "label": [1.0, 0.0, np.nan, 1.0],
    }
)
REFERENCE = pd.DataFrame({"age": np.arange(20.0, 70.0), "region": "north"})
USUAL = CheckBudget()
SHORT = CheckBudget(seconds=1.0, bytes=256 << 20)
PYTHON = (
    "def check(window, reference):\n    return window['age'].mean() - reference['age'].mean()\n"
)
BOMB = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"


def sql(code: str, **values: Any) -> CustomCheckSpec:
    return replace(CustomCheckSpec("own", "sql", code, 1.0, 2.0), **values)


def python(code: str, **values: Any) -> CustomCheckSpec:
    return replace(CustomCheckSpec("own", "python", code, 1.0, 2.0), **values)


def run(*specs: CustomCheckSpec, budget: CheckBudget = USUAL) -> list[Check]:
    return run_checks(specs, WINDOW, REFERENCE, budget)


def test_both_languages_see_the_same_rows() -> None:
    mean = "SELECT avg(age) - (SELECT avg(age) FROM reference_rows) FROM window_rows"
    in_sql, in_python = run(sql(mean), python(PYTHON))
    assert in_sql.score == pytest.approx(40 - 44.5)
    assert in_python.score == pytest.approx(in_sql.score)
    assert (in_sql.status, in_sql.signal) == ("ok", "custom")
    assert in_sql.method.startswith("SQL, ")


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("SELECT count(*) FROM window_rows WHERE region IS NULL", 1),
        ("SELECT max(age_2) FROM window_rows", 4),  # SQLite's "Age" is its "age"
        ("SELECT max(sent) = '2026-03-04 00:00:00' FROM window_rows", 1),
        ("WITH n AS (SELECT 3 AS x) SELECT x FROM n", 3),
        ("SELECT sum(label) FROM window_rows", 2),
    ],
)
def test_values_are_plain_in_sql(code: str, value: float) -> None:
    assert run(sql(code.replace("age_2", '"Age_2"')))[0].score == value


@pytest.mark.parametrize(
    ("score", "direction", "status"),
    [(0.5, "above", "ok"), (1.5, "above", "warn"), (2.5, "above", "fail"), (-1.5, "below", "warn")],
)
def test_the_number_is_held_against_its_limits(score: float, direction: Any, status: str) -> None:
    sign = -1 if direction == "below" else 1
    spec = sql(f"SELECT {score}", direction=direction, warn=sign * 1.0, fail=sign * 2.0)
    assert run(spec)[0].status == status


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("SELECT", "incomplete input"),
        ("nonsense", "syntax error"),
        ("SELECT height FROM window_rows", "no such column: height"),
        ("SELECT age FROM window_rows", "one row with one number"),
        ("SELECT 1, 2", "one row with one number"),
        ("SELECT 'many'", "not a number"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("SELECT 9e999", "infinite"),
        ("DELETE FROM window_rows", "may only read"),
        ("INSERT INTO window_rows (age) VALUES (1)", "may only read"),
        ("CREATE TABLE t (x)", "may only read"),
        ("DROP TABLE reference_rows", "may only read"),
        ("ATTACH DATABASE '/tmp/x.db' AS x", "may only read"),
        ("PRAGMA writable_schema = 1", "may only read"),
        ("VACUUM INTO '/tmp/x.db'", "may only read"),
        ("SELECT count(*) FROM sqlite_master", "may only read"),
        ("SELECT count(*) FROM stored.window_rows", "may only read"),
        ("SELECT load_extension('/tmp/x.so')", "may only read"),
        ("SELECT length(zeroblob(1000000000))", "too big"),
    ],
)
def test_sql_that_is_not_one_reading_select_is_an_error(code: str, message: str) -> None:
    check = run(sql(code))[0]
    assert (check.status, check.score) == ("error", None)
    assert message in check.message


@pytest.mark.parametrize(
    "code",
    [
        BOMB,
        "SELECT count(*) FROM " + ", ".join(f"reference_rows r{index}" for index in range(9)),
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) "
        "SELECT max(n) FROM (SELECT n, randomblob(1000000) AS b FROM r ORDER BY b)",
    ],
    ids=["recursion", "cross join", "memory"],
)
def test_a_bomb_is_an_error_soon_and_the_next_check_runs(code: str) -> None:
    began = time.monotonic()
    bomb, after = run(sql(code), sql("SELECT 1", name="after"), budget=SHORT)
    assert bomb.status == "error"
    assert "longer than 1 s" in bomb.message or "memory" in bomb.message
    assert (after.status, after.score) == ("ok", 1.0)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def check(window):\n    return 1\n", "TypeError"),
        ("x = 1\n", "no function check"),
        ("def check(", "SyntaxError"),
        ("def check(w, r):\n    return w['nothing'].mean()\n", "KeyError"),
        ("def check(w, r):\n    return 'much'\n", "not a number"),
        ("def check(w, r):\n    import os\n    os._exit(3)\n", "exit code 3"),
        ("def check(w, r):\n    return w['age'].nothing()\n", "AttributeError"),
    ],
)
def test_python_that_fails_is_an_error(code: str, message: str) -> None:
    check = run(python(code))[0]
    assert (check.status, check.score) == ("error", None)
    assert message in check.message


def test_python_may_print_and_is_ended_when_its_time_is_up() -> None:
    printed, endless, hungry = run(
        python("def check(w, r):\n    print('{\"score\": 9}')\n    return len(w)\n"),
        python("import time\ndef check(w, r):\n    time.sleep(60)\n"),
        python("def check(w, r):\n    return len(bytearray(4 << 30))\n"),
        budget=CheckBudget(seconds=1.0, bytes=1 << 30),
    )
    assert printed.score == 4
    assert "longer than 1 s" in endless.message
    assert "memory" in hungry.message


def test_no_number_is_insufficient() -> None:
    for check in run(sql("SELECT NULL"), sql("SELECT 1 WHERE 0")):
        assert (check.status, check.message) == ("insufficient", "it gave no number")


def test_draws_of_the_reference_say_what_chance_gives() -> None:
    rng = np.random.default_rng(1)
    reference = pd.DataFrame({"x": rng.normal(0, 1, 2_000)})
    gap = "SELECT avg(x) - (SELECT avg(x) FROM reference_rows) FROM window_rows"
    specs = [sql(gap, warn=0.01, fail=0.05, draws=199, name=f"c{index}") for index in range(2)]
    specs[1] = replace(
        specs[1],
        language="python",
        code="def check(w, r):\n    return w['x'].mean() - r['x'].mean()\n",
    )
    same = pd.DataFrame({"x": rng.normal(0.02, 1, 300)})
    for check in run_checks(specs, same, reference):
        assert check.score is not None
        assert check.score > 0.01
        assert check.status == "ok"
        assert "within chance" in check.message
        assert check.noise == pytest.approx(2.6 / np.sqrt(300), rel=0.5)
    moved = pd.DataFrame({"x": rng.normal(0.4, 1, 300)})
    for check in run_checks(specs, moved, reference):
        assert (check.status, check.p_value) == ("fail", 1 / 200)


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Own Check"},
        {"name": "psi"},
        {"name": "latency_p95"},
        {"language": "r"},
        {"code": " "},
        {"fail": 0.5},
        {"warn": float("nan")},
        {"draws": 5},
        {"direction": "near"},
    ],
)
def test_what_cannot_be_registered_is_refused(desk: Any, values: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        desk.monitoring.save_check(desk.deployment, replace(sql("SELECT 1"), **values))


def test_a_check_is_tried_saved_run_changed_and_removed(desk: Any, workspace: Any) -> None:
    desk.log(desk.draw(1_000, seed=1), desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    spec = CustomCheckSpec(
        "late-share", "sql", "SELECT avg(label) FROM window_rows", 0.1, 0.2, "above"
    )
    tried = desk.monitoring.try_check(desk.deployment, spec)
    assert tried.status == "fail"
    assert desk.monitoring.checks(desk.deployment).empty

    desk.monitoring.save_check(desk.deployment, spec)
    broken = replace(spec, name="broken", code="SELECT age FROM window_rows")
    desk.monitoring.save_check(desk.deployment, broken)
    again = desk.monitoring.window(desk.evaluate(desk.week(0))["window"])
    assert (again.id, again.revision, again.status) == (window, 2, "fail")
    results = desk.monitoring.results(window)
    custom = results[results["signal"] == "custom"].set_index("check")
    assert custom.loc["late-share", "score"] == pytest.approx(tried.score)
    assert custom.loc["broken", "status"] == "error"
    assert set(results[results["signal"] == "performance"]["status"]) == {"ok"}
    assert "late-share" in desk.monitoring.window_page(window).decode()

    first = desk.monitoring.check(desk.deployment, "late-share")
    changed = desk.monitoring.save_check(desk.deployment, replace(spec, fail=0.9, warn=0.8))
    assert changed.digest == first.digest
    assert changed.spec.fail == 0.9
    desk.monitoring.remove_check(desk.deployment, "broken", "never right")
    assert list(desk.monitoring.checks(desk.deployment)["name"]) == ["late-share"]
    with pytest.raises(NotFound):
        desk.monitoring.check(desk.deployment, "broken")
    assert desk.monitoring.window(desk.evaluate(desk.week(0))["window"]).status == "ok"
    verbs = workspace.activity.entries(kind="check")["verb"]
    assert sorted(verbs) == ["added", "added", "changed", "removed"]


def test_there_are_only_so_many_checks(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilothouse.monitoring.custom_checks.registry.MAX_CHECKS", 1)
    desk.monitoring.save_check(desk.deployment, sql("SELECT 1"))
    with pytest.raises(Conflict):
        desk.monitoring.save_check(desk.deployment, sql("SELECT 1", name="other"))


def test_the_program_of_the_process_imports_nothing_of_pilothouse() -> None:
    from pilothouse.monitoring.custom_checks import check_process

    assert "pilothouse." not in Path(check_process.__file__).read_text(encoding="utf-8")
