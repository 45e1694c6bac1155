"""The code of a recipe: a folder, or a commit of a Git repository, copied as one zip file.

A recipe runs what was registered, whatever happens to the folder later.
"""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pilothouse.experiments.provenance import git
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.audit.archives import zip_member

MAX_FILES = 5_000
MAX_BYTES = 100 * 1024 * 1024
SKIPPED_FOLDERS = frozenset(
    (".git", ".venv", "venv", "__pycache__", ".ipynb_checkpoints", "mlruns", ".mypy_cache")
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files make the same bytes
GIT_SECONDS = 60


@dataclass(frozen=True)
class CodeSnapshot:
    """The files of a recipe by their path, and the commit they are of, if any."""

    files: dict[str, bytes]
    commit: str = ""

    def to_zip(self) -> bytes:
        """One zip file, the same for the same files."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.files):
                archive.writestr(zipfile.ZipInfo(path, EPOCH), self.files[path])
        return buffer.getvalue()


def take(folder: Path, commit: str = "") -> CodeSnapshot:
    """The files of a folder, or of a commit of the repository that the folder is in.

    Raises NotFound without the folder or the commit, Invalid when there is too much in it.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder.", hint="Give the folder of the training code.")
    if commit:
        return _of_commit(folder, commit)
    identity = git.identity(folder)
    clean = identity.commit if identity.commit and not identity.dirty else ""
    return CodeSnapshot(_of_folder(folder), clean or "")


def of_files(files: Mapping[str, bytes]) -> CodeSnapshot:
    """Code that is given as its files. Raises Invalid for a path that leads out of its folder."""
    checked: dict[str, bytes] = {}
    for name, content in files.items():
        _check_path(name)
        if not SKIPPED_FOLDERS & set(PurePosixPath(name).parts):
            checked[name] = content
    if not checked:
        raise Invalid("there are no files.", fields={"files": "needed"})
    _check_size("the upload", len(checked), sum(map(len, checked.values())))
    return CodeSnapshot(checked)


def unpack(data: bytes, target: Path) -> None:
    """Write the files of `to_zip` below an empty folder."""
    for path, content in files_of(data).items():
        destination = target.joinpath(*_check_path(path).parts)
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(content)


def of_upload(uploads: Mapping[str, bytes]) -> CodeSnapshot:
    """Code from uploaded files; a zip file is taken apart. Raises Invalid."""
    files: dict[str, bytes] = {}
    for name, content in uploads.items():
        if name.endswith(".zip"):
            files |= _unzipped(name, content)
        else:
            files[name] = content
    return of_files(files)


def _unzipped(name: str, content: bytes) -> dict[str, bytes]:
    """The files of a zip file, without the folder that all of them are in."""
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            total = 0
            for info in archive.infolist():
                total += info.file_size
                _check_size(name, len(files) + 1, total)  # before anything is unpacked
                if not info.is_dir():
                    files[info.filename] = zip_member(archive, info.filename)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as broken:
        raise Invalid(f"{name} cannot be read as a zip file: {broken}.") from broken
    roots = {path.partition("/")[0] for path in files}
    if len(roots) == 1 and all("/" in path for path in files):
        return {path.partition("/")[2]: data for path, data in files.items()}
    return files


def files_of(data: bytes) -> dict[str, bytes]:
    """The files of `to_zip` by their path."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _check_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise Invalid(f"the recipe holds the path {name!r}, which leads out of it.")
    return path


def _of_folder(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(root) / name
            if path.is_symlink() or not path.is_file():
                continue  # a link may lead out of the folder
            total += path.stat().st_size
            _check_size(folder, len(files) + 1, total)
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    if not files:
        raise Invalid(f"{folder} holds no files.")
    return files


def _check_size(folder: Path | str, count: int, total: int) -> None:
    if count > MAX_FILES or total > MAX_BYTES:
        raise Invalid(
            f"{folder} holds more than {MAX_FILES:,} files or {MAX_BYTES >> 20} MB.",
            hint="A recipe is code: keep data in datasets and name the folder of the code alone.",
        )


def _of_commit(folder: Path, commit: str) -> CodeSnapshot:
    """`git archive` of the folder at a commit: links and what is ignored are not in it."""
    if commit.startswith("-"):
        raise Invalid(f"{commit!r} is not a commit.", fields={"commit": "not a commit"})
    full = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}")
    commit_id = full.decode().strip()
    archive = _git(folder, "archive", "--format=zip", commit_id, ".")

    files: dict[str, bytes] = {}
    total = 0
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        for info in content.infolist():
            is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
            if info.is_dir() or is_link:
                continue
            total += info.file_size
            _check_size(folder, len(files) + 1, total)
            files[info.filename] = content.read(info)
    if not files:
        raise Invalid(f"the commit {commit_id[:12]} holds no files in {folder}.")
    return CodeSnapshot(files, commit_id)


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", *git.PLAIN, "-C", str(folder), *arguments]
    try:
        result = subprocess.run(
            command, capture_output=True, timeout=GIT_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise Invalid(f"git did not answer: {failed}.") from failed
    if result.returncode:
        lines = result.stderr.decode(errors="replace").strip().splitlines() or ["git failed"]
        raise NotFound(f"git says of {folder}: {lines[-1]}.", hint="Name a commit that it has.")
    return result.stdout
