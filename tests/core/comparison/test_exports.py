"""A comparison that leaves the house: the same figures in every form, whatever they hold."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pilothouse.comparison import Comparisons, exports
from pilothouse.comparison.code_diff import git_diff, side_by_side
from pilothouse.comparison.comparison import Comparison
from pilothouse.experiments import Experiments
from pilothouse.experiments.provenance.git import UNKNOWN, CodeIdentity
from pilothouse.storage import Store


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def comparisons(store: Store) -> Comparisons:
    return Comparisons(store)


@pytest.fixture
def compared(room: Experiments, comparisons: Comparisons) -> tuple[Comparison, pd.DataFrame]:
    runs = []
    for name, auc, path in (("a_1 & co", 0.7, "C:\\x|y"), ("b~2", 0.75, "100%")):
        run = room.start("flights", name, code=UNKNOWN)
        room.log_metrics(run, {"roc_auc": auc, "log_loss": 0.5})
        room.log_params(run, {"path": path, "same": 1})
        room.log_artifact(run, "environment.json", json.dumps({"python": "3.11"}).encode())
        room.finish(run)
        runs.append(run)
    comparison = comparisons.compare(runs)
    return comparison, comparisons.metrics_with_verdicts(
        comparison, comparisons.significance(comparison)
    )


def test_csv_and_parquet_hold_every_row(compared: Any) -> None:
    comparison, rows = compared
    csv = pd.read_csv(io.BytesIO(exports.to_csv(comparison, rows)))
    parquet = pd.read_parquet(io.BytesIO(exports.to_parquet(comparison, rows)))
    assert len(csv) == len(parquet) == len(exports.flat_frame(comparison, rows))
    metric = csv[(csv["kind"] == "metric") & (csv["name"] == "roc_auc")]
    assert metric["value"].astype(float).tolist() == [0.7, 0.75]
    assert metric["verdict"].tolist() == ["baseline", "better"]
    assert set(csv["kind"]) == {"metric", "param", "fact", "package"}
    assert set(csv["baseline"]) == {comparison.baseline}


def test_markdown_is_a_table_whatever_a_value_holds(compared: Any) -> None:
    text = exports.to_markdown(*compared, "b is best.")
    assert text.startswith("b is best.\n")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {4}
    assert "0.7500 (+0.0500, better)" in text
    assert "C:\\\\x\\|y" in text


def test_latex_is_a_tabular_of_booktabs_with_nothing_unescaped(compared: Any) -> None:
    text = exports.to_latex(*compared)
    assert r"a\_1 \& co (baseline)" in text
    assert r"b\textasciitilde{}2" in text
    assert r"100\%" in text
    assert r"C:\textbackslash{}x\textbar{}y" in text
    assert r"\textbf{0.7500}" in text
    for rule in ("toprule", "midrule", "bottomrule"):
        assert f"\\{rule}" in text
    rows = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert {line.replace("\\&", "").count("&") for line in rows} == {2}


LOGGED = {
    "code": "007",
    "rounds": "16383",
    "day": "20240131",
    "id": "1" * 20,
    "rate": "0.10",
    "tiny": "1e-05",
    "whole": "1.0",
    "flag": "True",
    "low": "-0.50",
    "nothing": "None",
    "missing": "NaN",
    "gap": "1_000",
    "path": "a, b",
    "quoted": '"x"',
}


@pytest.mark.parametrize("other", [{}, dict.fromkeys(LOGGED, "other"), {"code": "7"}])
def test_parameters_leave_exactly_as_they_were_logged(
    room: Experiments, comparisons: Comparisons, other: dict[str, str]
) -> None:
    """No form takes a text for a number: not alone, beside other texts or beside none at all."""
    runs = []
    for params in (LOGGED, other):
        runs.append(room.start("flights", code=UNKNOWN))
        room.log_params(runs[-1], params)
        room.log_metrics(runs[-1], {"loss": 0.5})
        room.finish(runs[-1])
    comparison = comparisons.compare(runs)
    settled = comparisons.metrics_with_verdicts(comparison, comparisons.significance(comparison))
    csv = pd.read_csv(
        io.BytesIO(exports.to_csv(comparison, settled)), dtype=str, keep_default_na=False
    )
    parquet = pd.read_parquet(io.BytesIO(exports.to_parquet(comparison, settled)))
    for frame in (csv, parquet):
        for run, params in zip(runs, (LOGGED, other), strict=True):
            rows = frame[(frame["kind"] == "param") & (frame["run"] == run)]
            there = rows[rows["value"].notna() & (rows["value"] != "")]
            assert dict(zip(there["name"], there["value"], strict=True)) == params
    markdown, latex = (
        form(comparison, settled) for form in (exports.to_markdown, exports.to_latex)
    )
    for key, text in LOGGED.items():
        assert f"| {key} | {text} |" in markdown
        assert f"{key} & {exports._latex(text)} &" in latex


def test_the_snippet_opens_this_comparison(compared: Any, store: Store) -> None:
    comparison, _ = compared
    text = exports.snippet(str(store.folder), comparison)
    namespace: dict[str, Any] = {}
    exec(text, namespace)  # what we wrote ourselves
    assert namespace["compared"].baseline == comparison.baseline
    assert [run.id for run in namespace["compared"].runs] == [run.id for run in comparison.runs]
    namespace["ws"].store.engine.dispose()


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commits(folder: Path) -> tuple[str, str]:
    """A repository with two commits of one file."""
    git(folder, "init", "-q")
    hashes = []
    for text in ("rate = 1\n", "rate = 2\n"):
        (folder / "train.py").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "x")
        hashes.append(git(folder, "rev-parse", "HEAD"))
    return hashes[0], hashes[1]


def test_the_code_between_two_commits_is_gits_own_diff(tmp_path: Path) -> None:
    before, after = commits(tmp_path)
    diff = git_diff(tmp_path, before, after)
    assert diff is not None
    assert "-rate = 1" in diff
    assert "+rate = 2" in diff
    assert git_diff(tmp_path, "0" * 40, after) is None
    assert git_diff(tmp_path, "--output=/tmp/x", after) is None
    assert git_diff(tmp_path / "nowhere", before, after) is None


def test_uncommitted_changes_are_laid_side_by_side(
    room: Experiments, comparisons: Comparisons
) -> None:
    runs = []
    for patch in ("+rate = 1\n same\n", "+rate = 2\n same\n+more\n"):
        run = room.start("a", code=CodeIdentity("a" * 40, dirty=True))
        room.log_artifact(run, "code.patch", patch.encode())
        runs.append(run)
    diff = comparisons.code_diff(runs[1], runs[0])
    assert "Both ran at commit aaaaaaaaaaaa." in diff.message
    assert "differ" in diff.message
    assert diff.uncommitted["kind"].tolist() == ["changed", "same", "right"]
    assert diff.uncommitted["left"].tolist() == ["+rate = 1", " same", ""]
    bare = room.start("a", code=CodeIdentity("b" * 40, dirty=True))
    diff = comparisons.code_diff(bare, runs[0])
    assert "were not kept" in diff.message
    assert "No repository" in diff.message


def test_long_texts_show_only_what_differs() -> None:
    left = [str(number) for number in range(200)]
    right = [*left[:50], "new", *left[50:150], *left[151:]]
    frame = side_by_side("\n".join(left), "\n".join(right))
    assert (frame["kind"] == "gap").sum() == 1
    assert (frame["kind"] == "same").sum() == 12
    assert side_by_side("a\nb", "a\nb").empty
