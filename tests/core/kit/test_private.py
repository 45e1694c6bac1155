"""A workspace is its owner's alone; pages of others and formulas of others get nowhere."""

from __future__ import annotations

import os
import stat
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest

from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.kit.hosts import refusal
from pilothouse.kit.settings import Settings
from pilothouse.kit.spreadsheets import escape, to_csv
from pilothouse.workspace import open_workspace


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def generous() -> None:
    """A machine on which new files are everybody's to read."""
    os.umask(0o022)


@pytest.mark.usefixtures("generous")
def test_a_new_workspace_and_its_database_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    workspace.experiments.start("flights")
    writer = Journal(folder / "journal" / "late")
    writer.labels({"at": writer.stamp(), "ids": ["a"], "labels": [1], "times": [0]})
    assert {
        path.name: oct(mode(path)) for path in (folder, *folder.iterdir()) if path.is_dir()
    } == {name: oct(0o700) for name in ("workspace", "run", "logs", "artifacts", "journal")} | {
        "journal": oct(mode(folder / "journal"))
    }
    files = [path for path in folder.iterdir() if path.is_file()]
    assert {"pilothouse.db", "pilothouse.db-wal", "pilothouse.db-shm", "activity.anchor"} <= {
        path.name for path in files
    }
    files += list((folder / "journal" / "late").iterdir())
    assert {oct(mode(path)) for path in files} == {oct(0o600)}
    workspace.store.engine.dispose()


@pytest.mark.usefixtures("generous")
def test_a_workspace_of_before_becomes_private(tmp_path: Path) -> None:
    open_workspace(settings=Settings(workspace=tmp_path, actor="ada")).store.engine.dispose()
    for path in (tmp_path, tmp_path / "logs"):
        path.chmod(0o755)
    (tmp_path / "pilothouse.db").chmod(0o644)
    open_workspace(settings=Settings(workspace=tmp_path, actor="ada")).store.engine.dispose()
    assert [oct(mode(tmp_path / name)) for name in (".", "logs", "pilothouse.db")] == [
        oct(0o700),
        oct(0o700),
        oct(0o600),
    ]


@pytest.mark.usefixtures("generous")
def test_a_folder_that_was_there_for_something_else_keeps_its_rights(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    open_workspace(settings=Settings(workspace=folder, actor="ada")).store.engine.dispose()
    assert mode(folder) == 0o755
    assert mode(folder / "pilothouse.db") == 0o600


def headers(host: str, origin: str = "") -> list[tuple[bytes, bytes]]:
    pairs = [(b"host", host.encode())]
    return pairs + ([(b"origin", origin.encode())] if origin else [])


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:5050", ""),
        ("localhost:5050", "http://localhost:5050"),
        ("127.0.0.1:5050", "http://localhost:5050"),
        ("127.0.0.1:5050", "http://127.0.0.1:8501"),
        ("[::1]:5050", "http://[::1]:5050"),
        ("LOCALHOST", "http://localhost"),
    ],
)
def test_our_own_pages_may_come_in(host: str, origin: str) -> None:
    assert refusal(headers(host, origin), {8501}) == ""


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("", ""),
        ("evil.example", ""),
        ("evil.example:5050", ""),
        ("127.0.0.1.evil.example:5050", ""),
        ("127.0.0.1:port", ""),
        ("user@127.0.0.1:5050", ""),
        ("127.0.0.1:5050", "http://127.0.0.1:3000"),
        ("127.0.0.1:5050", "http://127.0.0.1"),
        ("127.0.0.1:5050", "https://127.0.0.1:5050"),
        ("127.0.0.1:5050", "http://evil.example:5050"),
        ("127.0.0.1:5050", "http://127.0.0.1:5050@evil.example"),
        ("127.0.0.1:5050", "null"),
        ("127.0.0.1:5050", "file://"),
    ],
)
def test_pages_and_names_of_others_may_not(host: str, origin: str) -> None:
    assert refusal(headers(host, origin), {8501}) != ""


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "-"]
)
def test_a_formula_becomes_text(text: str) -> None:
    assert escape(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-1.5", "+3", "-1e-5", "a=b", "", 5, -2.5, None, "x@y"])
def test_what_is_no_formula_stays(value: object) -> None:
    assert escape(value) is value


def test_a_frame_has_no_formula_in_it_anywhere() -> None:
    frame = pd.DataFrame({"=head": ["=1", "b"], "n": [-1, 2], "mixed": [-1.5, "@x"]})
    frame["kind"] = pd.Categorical(["+a", "b"])
    text = to_csv(frame)
    assert text.decode().splitlines() == ["'=head,n,mixed,kind", "'=1,-1,-1.5,'+a", "b,2,'@x,b"]
    assert len(pd.read_csv(BytesIO(text))) == 2
