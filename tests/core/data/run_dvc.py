"""Runs in an environment with DVC: it makes a repository, then judges what was written into it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

from dvc.repo import Repo
from dvc.utils.serialize import load_yaml

CSV = "town,size\nBonn,1\nCork,2\n"


def make(root: Path) -> None:
    """A tracked file, a tracked folder, the output of a stage, and a file only in a remote."""
    root.mkdir()
    os.chdir(root)
    repo = Repo.init(no_scm=True)
    Path("towns.csv").write_text(CSV)
    shutil.copytree(sys.argv[3], "parts")
    Path("pushed.csv").write_text(CSV.replace("Bonn", "Lyon"))
    with repo.config.edit() as config:
        config["remote"]["near"] = {"url": str(root.parent / "store")}
        config["core"]["remote"] = "near"
    repo = Repo(".")
    repo.add(["towns.csv", "parts", "pushed.csv"])
    repo.push(targets=["pushed.csv"])
    drop(repo, "pushed.csv")
    repo.run(name="make", cmd="cp towns.csv made.csv", deps=["towns.csv"], outs=["made.csv"])


def drop(repo: Repo, name: str) -> None:
    """Remove an object from the cache."""
    md5 = hashlib.md5(Path(name).read_bytes()).hexdigest()
    path = Path(repo.cache.local.path) / md5[:2] / md5[2:]
    path.chmod(0o644)
    path.unlink()


def check(root: Path) -> None:
    """What DVC says of `ours.parquet.dvc`: its status, its content, a change, an addition."""
    os.chdir(root)
    repo = Repo(".")
    target = Path("ours.parquet")
    repo.checkout(targets=["ours.parquet.dvc"])
    content = target.read_bytes()
    status = repo.status(targets=["ours.parquet.dvc"])
    before = load_yaml("ours.parquet.dvc")
    target.chmod(0o644)
    target.unlink()
    target.write_bytes(content + b"more")
    changed = list(repo.status(targets=["ours.parquet.dvc"]))
    target.write_bytes(content)
    repo.add("ours.parquet")
    after = load_yaml("ours.parquet.dvc")
    answers = {
        "status": status,
        "changed": changed,
        "digest": hashlib.sha256(content).hexdigest(),
        "same hash": before["outs"][0]["md5"] == after["outs"][0]["md5"],
        "meta": after.get("meta"),
    }
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2]))
