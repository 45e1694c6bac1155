"""The command line as a person calls it: arguments in, exit code and both streams out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pilothouse.cli import main


@dataclass(frozen=True)
class CommandResult:
    """The exit code of a command and what it printed."""

    code: int
    out: str
    err: str


Call = Callable[..., CommandResult]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call `pilothouse …` in this process, in the folder's workspace."""

    def run(*arguments: str) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["pilothouse", *arguments, "--workspace", str(folder)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return CommandResult(code if isinstance(code, int) else 0, out, err)

    return run
