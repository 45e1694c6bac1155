"""Code identity: which commit a folder is at, and what in it was changed since."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

TIMEOUT_SECONDS = 5
PATCH = "code.patch"
MAX_BYTES = 1 << 20
MAX_UNTRACKED = 50
# A repository's own configuration may name programs and odd forms of a diff: none are to be used.
PLAIN = ("-c", "core.fsmonitor=false", "-c", "core.quotepath=false")
DIFF = (
    *("diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--no-renames"),
)
SECTION = b"diff --git "


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


def patch(folder: Path) -> bytes | None:
    """What the folder's repository holds beyond its commit, as `git apply` takes it; None if none.

    At most `MAX_BYTES`, cut between files. What is not kept (binary and untracked files) is
    listed in the lines before the first file, which git skips.
    """
    changed = _run_git(folder, *DIFF)
    if not changed.startswith(SECTION):
        return None
    whole = len(changed) <= MAX_BYTES
    texts, binaries = _sections(changed if whole else _cut_between_files(changed))
    header = [f"# Binary, not kept: {name}" for name in binaries]
    header += _untracked(folder)
    if not whole:
        header.append(f"# Cut at {MAX_BYTES >> 10} kB: the files after the last one are left out.")
    return "".join(f"{line}\n" for line in header).encode() + b"".join(texts)


@dataclass(frozen=True)
class PatchSize:
    """How much a patch changes: files, lines added, lines removed."""

    files: int
    added: int
    removed: int


def patch_size(patch: str) -> PatchSize:
    """How much a patch changes."""
    lines = patch.splitlines()
    return PatchSize(
        sum(line.startswith("diff --git ") for line in lines),
        sum(line.startswith("+") and not line.startswith("+++ ") for line in lines),
        sum(line.startswith("-") and not line.startswith("--- ") for line in lines),
    )


def _cut_between_files(changed: bytes) -> bytes:
    return changed[: changed.rfind(b"\n" + SECTION, 0, MAX_BYTES) + 1]


def _sections(changed: bytes) -> tuple[list[bytes], list[str]]:
    """The changes of text files, a piece each, and the names of the binary ones."""
    texts, binaries = [], []
    for piece in re.split(rb"^(?=diff --git )", changed, flags=re.MULTILINE)[1:]:
        head, _, _ = piece.partition(b"\n@@ ")
        if b"\nBinary files " in head:
            binaries.append(head.partition(b" b/")[2].partition(b"\n")[0].decode(errors="replace"))
        else:
            texts.append(piece)
    return texts, binaries


def _untracked(folder: Path) -> list[str]:
    listed = _run_git(folder, "ls-files", "--others", "--exclude-standard", "--full-name", ":/")
    names = listed.decode(errors="replace").splitlines()
    lines = [f"# Untracked, not kept: {name}" for name in names[:MAX_UNTRACKED]]
    more = len(names) - MAX_UNTRACKED
    return [*lines, f"# Untracked, not kept: {more} more"] if more > 0 else lines


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
    options = ("--porcelain=v2", "--branch", "--untracked-files=no")
    return _run_git(folder, "status", *options).decode(errors="replace").splitlines()


def _run_git(folder: Path, *arguments: str) -> bytes:
    """What git answers, at most a little more than a patch may have; nothing when it fails."""
    try:
        process = subprocess.Popen(
            ["git", *PLAIN, "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except OSError:
        return b""

    timeout = Timer(TIMEOUT_SECONDS, process.kill)
    timeout.start()
    with process:
        output = process.stdout.read(MAX_BYTES + 1) if process.stdout else b""
        in_time = timeout.is_alive()

    timeout.cancel()
    cut = in_time and len(output) > MAX_BYTES  # git was stopped, because no more is wanted
    return output if cut or process.returncode == 0 else b""
