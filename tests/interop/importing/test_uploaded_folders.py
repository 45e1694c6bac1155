"""Folders and archives that came through the browser: imported as a path is, and confined."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from harness import event_files
from harness import wandb_files as wb
from pilothouse.interop.importing import uploaded_folders
from pilothouse.kit.errors import Invalid
from pilothouse.workspace import Workspace


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        f"{folder.name}/{path.relative_to(folder)}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return content.getvalue()


def tarred(files: dict[str, bytes], link: str = "") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, body in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(body)
            archive.addfile(item, io.BytesIO(body))
        if link:
            item = tarfile.TarInfo("logs/latest")
            item.type, item.linkname = tarfile.SYMTYPE, link
            archive.addfile(item)
    return content.getvalue()


def test_a_dropped_folder_and_its_archives_are_one_import(
    workspace: Workspace, tmp_path: Path
) -> None:
    events = [event_files.event(step, event_files.scalar("x", step)) for step in range(9)]
    event_files.write(tmp_path / "logs" / "first", events)
    files, imports = files_of(tmp_path / "logs"), workspace.imports
    report = imports.run(imports.upload(files))
    assert (report.imported["runs"], report.imported["points"]) == (1, 9)
    for archive in (zipped(files), tarred(files, link="/etc/passwd")):
        path = imports.upload({"logs.bin": archive})
        assert not list(Path(path).rglob("latest")), "links are left out"
        report = imports.run(path)
        assert (report.imported.get("runs", 0), report.already_imported["runs"]) == (0, 1)
    report = imports.run(str(tmp_path / "logs"))
    assert report.already_imported["runs"] == 1


def test_a_folder_of_wandb_is_recognised(workspace: Workspace, tmp_path: Path) -> None:
    wb.write(tmp_path / "wandb", "abcd1234", [wb.run("abcd1234"), wb.history(0, {"loss": 1.0})])
    path = workspace.imports.upload(files_of(tmp_path / "wandb"))
    assert workspace.imports.preview(path).runs == 1


def test_what_is_hostile_or_damaged_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    imports, folder = workspace.imports, workspace.store.folder / "uploads"
    good = zipped({"a.txt": b"a" * 999})
    for files, message in (
        ({}, "no files"),
        ({"../a": b"x"}, "no path inside"),
        ({"/etc/a": b"x"}, "no path inside"),
        ({"x.zip": zipped({"../../a": b"x"})}, "no path inside"),
        ({"x.tar.gz": tarred({"/a": b"x"})}, "no path inside"),
        ({"x.zip": zipped({})}, "damaged|no files"),
        ({"x.zip": good[:60]}, "damaged"),
        ({"x.tar.gz": tarred({"a": b"x" * 9999})[:40]}, "damaged"),
    ):
        with pytest.raises(Invalid, match=message):
            imports.upload(files)
    monkeypatch.setattr(uploaded_folders, "ALWAYS_FINE", 100)
    monkeypatch.setattr(uploaded_folders, "MAX_RATIO", 1)
    with pytest.raises(Invalid, match="unpacks to more"):
        imports.upload({"x.zip": good})
    monkeypatch.setattr(uploaded_folders, "MAX_FILES", 1)
    with pytest.raises(Invalid, match="more than 1 files"):
        imports.upload({"a": b"x", "b": b"y"})
    assert not folder.exists() or not list(folder.iterdir())
