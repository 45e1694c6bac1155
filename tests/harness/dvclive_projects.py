"""Folders of DVCLive, and experiments of DVC as commits of a repository, by git's own commands."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Points = Sequence[tuple[Any, ...]]
AT_S = 1_700_000_000


def history(points: Points, name: str, columns: str = "step") -> str:
    rows = ["\t".join(map(str, point)) for point in points]
    return "".join(f"{row}\n" for row in [f"{columns}\t{name}", *rows])


def write(
    folder: Path,
    histories: Mapping[str, Points],
    params: str = "lr: 0.1\n",
    summary: Mapping[str, Any] | None = None,
    columns: str = "step",
) -> Path:
    """A folder as DVCLive leaves it."""
    for key, points in histories.items():
        path = folder / "plots" / "metrics" / f"{key}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(history(points, path.stem, columns), encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(summary or {"step": 0}), encoding="utf-8")
    return folder


def git(project: Path, *arguments: str, index: str = "index") -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_INDEX_FILE": str(project / ".git" / index),
        "GIT_AUTHOR_NAME": "ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_AUTHOR_DATE": f"{AT_S} +0000",
        "GIT_COMMITTER_NAME": "ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        "GIT_COMMITTER_DATE": f"{AT_S} +0000",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=project, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def begin(project: Path) -> str:
    """Make a project a repository; its first commit."""
    git(project, "init", "-q")
    tree = git(project, "write-tree")
    return git(project, "commit-tree", "-m", "start", tree)


def save_experiment(project: Path, base: str, name: str) -> str:
    """What lies in the project as an experiment of DVC: a commit on its own reference."""
    git(project, "add", "--all", index="experiment")
    tree = git(project, "write-tree", index="experiment")
    commit = git(project, "commit-tree", "-p", base, "-m", f"message of {name}", tree)
    git(project, "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", commit)
    return commit
