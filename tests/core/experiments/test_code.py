"""Which commit a folder is at, with git and without; and the environment of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pilothouse.experiments.code import UNKNOWN, identity
from pilothouse.experiments.environment import capture


def git(folder: Path, *words: str) -> str:
    settings = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    command = ["git", *settings, "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "fit.py").write_text("1\n")
    git(folder, "add", "fit.py")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    (repository / "notes.txt").write_text("untracked\n")
    found = identity(repository)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert (found.dirty, found.branch) == (False, "main")


def test_a_changed_file_makes_it_dirty(repository: Path) -> None:
    (repository / "fit.py").write_text("2\n")
    assert identity(repository).dirty is True


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert identity(repository).branch is None
    assert identity(repository).commit is not None


def test_a_sub_folder_belongs_to_the_repository(repository: Path) -> None:
    (repository / "deep").mkdir()
    assert identity(repository / "deep").commit == identity(repository).commit


def test_before_the_first_commit_nothing_is_known(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert identity(tmp_path) == UNKNOWN


def test_outside_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert identity(tmp_path) == UNKNOWN
    assert identity(tmp_path / "missing") == UNKNOWN


def test_without_git_nothing_is_known(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert identity(repository) == UNKNOWN


def test_a_repositorys_file_monitor_is_not_run(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(trap))
    assert identity(repository).commit is not None
    assert not (tmp_path / "sprung").exists()


def test_the_environment_is_this_one() -> None:
    found = capture()
    assert found.python == ".".join(str(part) for part in sys.version_info[:3])
    assert found.packages["numpy"]
    assert "no-such-package" not in found.packages
    assert found.to_json()["packages"] == found.packages
