"""Datasets from what DVC tracks: pointers, the lock file, caches and remotes, verified by MD5."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.tracker_writers import run_script
from pilothouse.kit.errors import Conflict, Invalid, NotFound, PilothouseError, Refused, Unavailable
from pilothouse.storage.store import Store
from pilothouse.workspace import Workspace

CSV = b"town,size\nBonn,1\nCork,2\n"


class Repo:
    """A repository as DVC lays it out: objects in the cache, pointers beside the data."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / ".dvc" / "cache"
        self.cache.mkdir(parents=True)
        (root / ".dvc" / "config").touch()

    def store(self, content: bytes, suffix: str = "", cache: Path | None = None) -> str:
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
        path = (cache or self.cache) / "files" / "md5" / md5[:2] / md5[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return md5

    def folder(self, files: dict[str, bytes]) -> str:
        entries = [{"md5": self.store(files[name]), "relpath": name} for name in sorted(files)]
        return self.store(json.dumps(entries).encode(), ".dir")

    def pointer(self, name: str, md5: str) -> str:
        path = self.root / f"{name}.dvc"
        path.write_text(f"outs:\n- md5: {md5}\n  size: 1\n  hash: md5\n  path: {name}\n")
        return str(path)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def add(workspace: Workspace, path: str, **settings: Any) -> Any:
    return workspace.data.register_from("towns", "dvc", {"path": path, **settings})


def test_a_tracked_file_is_registered_and_refreshed(workspace: Workspace, repo: Repo) -> None:
    md5 = repo.store(CSV)
    pointer = repo.pointer("towns.csv", md5)
    version = add(workspace, pointer)
    assert (version.rows, version.source) == (2, f"DVC {pointer}, md5 {md5}")
    assert workspace.data.refresh("towns").existed
    repo.pointer("towns.csv", repo.store(CSV + b"Cork,1\n"))
    assert workspace.data.check_refresh("towns").rows == 3
    assert workspace.data.refresh("towns").ref == "towns@2"


def test_an_output_of_the_lock_file_is_chosen(workspace: Workspace, repo: Repo) -> None:
    lock = repo.root / "dvc.lock"
    outs = "".join(
        f"    - path: {name}\n      hash: md5\n      md5: {repo.store(content)}\n      size: 1\n"
        for name, content in (("a.csv", CSV), ("b.csv", CSV + b"Lyon,3\n"))
    )
    lock.write_text(f"schema: '2.0'\nstages:\n  clean:\n    cmd: run\n    outs:\n{outs}")
    with pytest.raises(Invalid, match="names 2 outputs") as several:
        add(workspace, str(lock))
    assert "a.csv, b.csv" in str(several.value)
    assert add(workspace, str(lock), out="b.csv").rows == 3
    with pytest.raises(NotFound, match=r"no output 'c\.csv'"):
        add(workspace, str(lock), out="c.csv")


def test_a_tracked_folder_is_one_table_or_one_of_its_files(
    workspace: Workspace, repo: Repo
) -> None:
    parts = {f"day={day}/part.parquet": parquet(day) for day in (1, 2)}
    pointer = repo.pointer("parts", repo.folder(parts))
    assert add(workspace, pointer).rows == 2
    assert workspace.data.frame("towns")["day"].tolist() == [1, 2]
    mixed = repo.pointer("mixed", repo.folder({"a.csv": CSV, "b.csv": CSV}))
    with pytest.raises(Invalid, match="not all Parquet"):
        add(workspace, mixed)
    preview = workspace.data.preview_from("dvc", {"path": mixed, "file": "b.csv"})
    assert preview.frame["town"].tolist() == ["Bonn", "Cork"]
    with pytest.raises(NotFound, match="has no file"):
        add(workspace, mixed, file="c.csv")
    hostile = repo.pointer("hostile", repo.folder({"../../secret.parquet": CSV, "a": CSV}))
    with pytest.raises(Invalid, match="lies outside of it"):
        add(workspace, hostile)


def parquet(number: int) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": [number]}), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def test_objects_are_found_in_remotes_that_are_folders(
    workspace: Workspace, repo: Repo, tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    pointer = repo.pointer("towns.csv", repo.store(CSV, cache=remote))
    (repo.root / ".dvc" / "config").write_text(
        "[core]\n    remote = far\n['remote \"far\"']\n    url = s3://bucket/data\n"
    )
    with pytest.raises(Unavailable, match=r"neither in the cache.*s3://bucket/data"):
        add(workspace, pointer)
    assert workspace.data.preview_from("dvc", {"path": pointer, "cache": str(remote)})
    (repo.root / ".dvc" / "config.local").write_text(
        "['remote \"near\"']\n    url = ../../remote\n"
    )
    assert add(workspace, pointer).rows == 2


def test_what_is_damaged_or_no_pointer_is_refused(
    workspace: Workspace, repo: Repo, tmp_path: Path
) -> None:
    md5 = repo.store(CSV)
    pointer = repo.pointer("towns.csv", md5)
    stored = repo.cache / "files" / "md5" / md5[:2] / md5[2:]
    stored.write_bytes(CSV + b"Eve,9\n")
    with pytest.raises(Unavailable, match="is damaged"):
        add(workspace, pointer)
    stored.unlink()
    outside = tmp_path / "outside"
    outside.write_bytes(CSV)
    stored.symlink_to(outside)
    with pytest.raises(Unavailable, match="neither in the cache"):
        add(workspace, pointer)
    old = repo.root / "old.dvc"
    old.write_text(f"outs:\n- md5: {md5}\n  path: old.csv\n")
    other = tmp_path / "alone.dvc"
    other.write_text((repo.root / "towns.csv.dvc").read_text())
    cases: list[tuple[Path, type[PilothouseError], str]] = [
        (old, Invalid, "written by DVC 2"),
        (repo.root / ".dvc" / "config", Invalid, "names nothing that DVC tracks"),
        (other, NotFound, "no repository of DVC"),
        (repo.root, NotFound, "there is no file"),
    ]
    for path, error, message in cases:
        with pytest.raises(error, match=message):
            add(workspace, str(path))
    for text in (
        "outs:\n- md5: ../../secret\n  hash: md5\n  path: a\n",
        "outs: &a [*a]\n",
        "[" * 99,
    ):
        old.write_text(text)
        with pytest.raises(Invalid):
            add(workspace, str(old))


def test_caches_outside_of_the_allowed_folders_are_not_read(
    store: Store, repo: Repo, tmp_path: Path
) -> None:
    pointer = repo.pointer("towns.csv", repo.store(CSV))
    settings = store.settings.model_copy(update={"data_folders": str(repo.root)})
    data = Workspace(replace(store, settings=settings)).data
    assert len(data.preview_from("dvc", {"path": pointer}).frame) == 2
    (repo.root / ".dvc" / "config").write_text(f"[cache]\n    dir = {tmp_path}/elsewhere\n")
    with pytest.raises(Refused, match="outside of the folders"):
        data.preview_from("dvc", {"path": pointer})


def test_a_version_is_written_and_read_again(workspace: Workspace, repo: Repo) -> None:
    version = workspace.data.register("towns", CSV, filename="towns.csv")
    (repo.root / ".git").mkdir()
    pointer = workspace.data.write_dvc("towns", repo.root / "towns.parquet")
    assert pointer == repo.root / "towns.parquet.dvc"
    assert (repo.root / ".gitignore").read_text() == "/towns.parquet\n"
    assert not (repo.root / "towns.parquet").exists()
    [stored] = [path for path in repo.cache.rglob("*") if path.is_file()]
    assert stored.stat().st_mode & 0o777 == 0o444
    assert add(workspace, str(pointer)).existed
    assert workspace.data.write_dvc(version.ref, repo.root / "towns.parquet") == pointer
    other = repo.root / "kept.parquet.dvc"
    other.write_text("people: notes\n")
    with pytest.raises(Conflict, match="is not a pointer of kept"):
        workspace.data.write_dvc("towns", repo.root / "kept.parquet")
    assert other.read_text() == "people: notes\n"
    for path, error in ((repo.root / "a.dvc", Invalid), (repo.root.parent / "a", NotFound)):
        with pytest.raises(error):
            workspace.data.write_dvc("towns", path)


@pytest.mark.proof
@pytest.mark.long
def test_dvc_accepts_what_we_write_and_we_read_what_it_adds(
    workspace: Workspace, tmp_path: Path
) -> None:
    root = tmp_path / "repository"
    script = Path(__file__).parent / "run_dvc.py"
    made = tmp_path / "parts"
    for day in (1, 2, 3):
        part = made / f"day={day}" / "part.parquet"
        part.parent.mkdir(parents=True)
        part.write_bytes(parquet(day))
    run_script("dvclive", script, "make", str(root), str(made), cwd=tmp_path)
    add(workspace, str(root / "towns.csv.dvc"))
    assert workspace.data.frame("towns")["size"].tolist() == [1, 2]
    folder = {"path": str(root / "parts.dvc")}
    parts = workspace.data.register_from("parts", "dvc", folder)
    assert parts.rows == 3
    lock = {"path": str(root / "dvc.lock"), "out": "made.csv"}
    assert workspace.data.register_from("made", "dvc", lock).rows == 2
    pushed = {"path": str(root / "pushed.csv.dvc")}
    assert workspace.data.register_from("pushed", "dvc", pushed).rows == 2

    pointer = workspace.data.write_dvc("parts", root / "ours.parquet")
    answers = json.loads(run_script("dvclive", script, "check", str(root), cwd=tmp_path))
    assert answers["status"] == {}
    assert answers["digest"] == parts.digest
    assert answers["changed"] == ["ours.parquet.dvc"]
    assert answers["same hash"]
    assert answers["meta"] == {"pilothouse": "parts@1"}
    assert workspace.data.register_from("parts", "dvc", {"path": str(pointer)}).existed
