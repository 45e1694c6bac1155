"""What is asked wrongly ends in one sentence and its own exit code, never in a traceback."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.programs import free_port
from pilothouse.workspace import Workspace

Call = Callable[..., Any]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else holds."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        yield door.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["jobs", "cancel", "nope"], 4, "no job 'nope'"),
        (["jobs", "retry", "nope"], 4, "no job 'nope'"),
        (["train", "nope", "late"], 4, "no dataset 'nope'"),
        (["train", "nope", "late", "--trials", "many"], 2, "not a valid integer"),
        (["datasets", "register", "late", "/nowhere.csv"], 2, "does not exist"),
        (["demo", "flights", "--weeks", "0"], 2, "0 weeks is no demo"),
        (["demo", "cars"], 2, "No such command"),
        (["nonsense"], 2, "No such command"),
        (["server", "--port", "99999"], 2, "server_port"),
        (["server", "--port", "-1"], 2, "server_port"),
        (["app", "--port", "99999"], 2, "app_port"),
        (["up", "--app-port", "99999"], 2, "app_port"),
    ],
)
def test_nonsense(
    call: Call, workspace: Workspace, arguments: list[str], code: int, expected: str
) -> None:
    answer = call(*arguments)
    assert answer.code == code
    assert expected in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    ("arguments", "option"),
    [(["server", "--port"], "--port"), (["app", "--port"], "--port")],
)
def test_a_taken_port_is_named_with_what_to_do(
    call: Call, taken: int, arguments: list[str], option: str
) -> None:
    answer = call(*arguments, str(taken))
    assert answer.code == 6
    assert f"port {taken}" in answer.err
    assert option in answer.err


@pytest.mark.parametrize(
    ("option", "other"), [("--app-port", "--server-port"), ("--server-port", "--app-port")]
)
def test_up_starts_nothing_when_a_port_is_taken(
    call: Call, folder: Path, taken: int, option: str, other: str
) -> None:
    answer = call("up", "--no-browser", option, str(taken), other, str(free_port()))
    assert answer.code == 6
    assert f"port {taken}" in answer.err
    assert option in answer.err
    assert not folder.exists()


def test_settings_of_the_environment_that_make_no_sense_are_named(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTHOUSE_APP_PORT", "abc")
    answer = call("runs", "list")
    assert answer.code == 2
    assert "app_port" in answer.err
    assert "Traceback" not in answer.err


def test_a_workspace_that_cannot_be_written_is_named(call: Call, folder: Path) -> None:
    folder.mkdir()
    (folder / "pilothouse.db").touch()
    (folder / "run").write_text("in the way")
    answer = call("runs", "list")
    assert answer.code == 6
    assert str(folder) in answer.err


def test_a_database_that_is_none_is_named(call: Call, folder: Path) -> None:
    folder.mkdir()
    (folder / "pilothouse.db").write_bytes(b"this is no database " * 500)
    answer = call("models", "list", "--json")
    assert answer.code == 6
    assert answer.out == ""
    assert "file is not a database" in answer.err
    assert "pilothouse doctor" in answer.err
