"""Code identity: which commit a folder is at, and whether anything in it was changed since."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 5


@dataclass(frozen=True)
class CodeIdentity:
    """A commit and whether the tree differs from it; None where git has nothing to say."""

    commit: str | None = None
    dirty: bool | None = None
    branch: str | None = None


UNKNOWN = CodeIdentity()


def identity(folder: Path) -> CodeIdentity:
    """The commit of a folder; UNKNOWN without git, outside a repository, or before a commit.

    Untracked files do not count as changes: notebooks and data lie about in every project.
    """
    status = _git_status(folder)
    header = dict(_header(line) for line in status if line.startswith("# branch."))
    commit = header.get("oid", "(initial)")
    if commit == "(initial)":
        return UNKNOWN
    branch = header.get("head", "(detached)")
    return CodeIdentity(
        commit=commit,
        dirty=any(not line.startswith("#") for line in status),
        branch=None if branch == "(detached)" else branch,
    )


def running_folder() -> Path:
    """The folder of the program that runs, or the current one in a notebook or a shell."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main).resolve().parent if main else Path.cwd()


def running_source() -> str:
    """The program that runs, by its file name; empty in a notebook or a shell."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main).name if main else ""


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.removeprefix("# branch.").partition(" ")
    return name, value


def _git_status(folder: Path) -> list[str]:
    # A repository's own configuration may name a program as file monitor: it is not to run here.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), "status"]
    options = ["--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        answer = subprocess.run(
            [*command, *options],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return answer.stdout.splitlines() if answer.returncode == 0 else []
