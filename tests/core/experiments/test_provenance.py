"""Which commit a folder is at, with git and without; and the environment of a run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pilothouse.experiments.code_patch import program
from pilothouse.experiments.provenance.environment import capture
from pilothouse.experiments.provenance.git import PATCH, UNKNOWN, identity, patch
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace


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
    code = identity(repository)
    assert code.commit == git(repository, "rev-parse", "HEAD")
    assert (code.dirty, code.branch) == (False, "main")


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
    environment = capture()
    assert environment.python == ".".join(str(part) for part in sys.version_info[:3])
    assert environment.packages["numpy"]
    assert "no-such-package" not in environment.packages
    assert environment.to_json()["packages"] == environment.packages


def test_a_clean_tree_has_no_patch(repository: Path) -> None:
    (repository / "notes.txt").write_text("untracked\n")
    assert patch(repository) is None


def test_a_patch_makes_the_changed_tree_of_the_committed_one(repository: Path) -> None:
    (repository / "fit.py").write_text("2\n")
    (repository / "new.py").write_text("staged\n")
    git(repository, "add", "new.py")
    (repository / "notes.txt").write_text("untracked\n")
    changes = patch(repository)
    assert changes is not None
    assert changes.startswith(b"# Untracked, not kept: notes.txt\n")
    git(repository, "reset", "-q", "--hard")
    (repository.parent / "code.patch").write_bytes(changes)
    git(repository, "apply", str(repository.parent / "code.patch"))
    assert (repository / "fit.py").read_text() == "2\n"
    assert (repository / "new.py").read_text() == "staged\n"


def test_binary_files_are_named_and_not_kept(repository: Path) -> None:
    (repository / "weights b.bin").write_bytes(bytes(range(256)))
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "weights")
    (repository / "weights b.bin").write_bytes(bytes(range(255, -1, -1)))
    (repository / "fit.py").write_text("2\n")
    changes = patch(repository)
    assert changes is not None
    assert changes.startswith(b"# Binary, not kept: weights b.bin\ndiff --git a/fit.py b/fit.py\n")
    assert b"Binary files" not in changes


def test_a_long_patch_is_cut_between_files(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.experiments.provenance.git.MAX_BYTES", 4096)
    for name in ("a.py", "b.py", "c.py"):
        (repository / name).write_text("x = 1\n" * 300)
        git(repository, "add", name)
    changes = patch(repository)
    assert changes is not None
    assert changes.count(b"diff --git ") == 1
    assert changes.startswith(b"# Cut at 4 kB")
    assert len(changes) < 4096


def test_a_repositorys_own_diff_program_is_not_run(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(repository, "config", "diff.external", str(trap))
    git(repository, "config", "diff.trap.textconv", str(trap))
    (repository / ".gitattributes").write_text("*.py diff=trap\n")
    (repository / "fit.py").write_text("2\n")
    assert b"+2" in (patch(repository) or b"")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("keeps", [True, False])
def test_a_run_keeps_its_uncommitted_code_unless_switched_off(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    monkeypatch.setattr("pilothouse.experiments.api.running_folder", lambda: repository)
    (repository / "fit.py").write_text("2\n")
    settings = Settings(workspace=tmp_path / "workspace", actor="ada", code_patch=keeps)
    workspace = open_workspace(settings=settings)
    run = workspace.experiments.run(workspace.experiments.start("late"))
    assert run.dirty is True
    assert run.has_artifact(PATCH) is keeps
    if keeps:
        assert b"+2" in workspace.experiments.artifact(run.id, PATCH)
    workspace.store.engine.dispose()


def test_a_run_starts_when_its_patch_cannot_be_kept(
    repository: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "fit.py").write_text("2\n")

    def full(_data: bytes) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(store.artifacts, "put_bytes", full)
    keeping = replace(store, settings=store.settings.model_copy(update={"code_patch": True}))
    running = program(keeping, repository)
    assert running.identity.dirty is True
    assert running.patch == ""
