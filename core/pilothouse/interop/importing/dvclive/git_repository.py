"""Reading experiments out of a Git repository by the program `git`, which may run nothing else.

The repository is untrusted, and so is its configuration. Only commands that list and print objects
are run, with the directory named, without hooks, pagers, replaced objects and any way to fetch: a
repository that lacks an object would otherwise call the program that it names to get it. What git
says of errors is never shown, because it may quote files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pilothouse.interop.importing.sandbox import CHUNK_SIZE, Sandbox
from pilothouse.kit.errors import PilothouseError, Unavailable

GIT, REFS = ".git", "refs/exps/"
EXPERIMENT = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38}|[0-9a-f]{62})/([^/]+)")
FORMAT = "%00".join(
    f"%({name})"
    for name in ("refname", "objectname", "authorname", "committerdate:unix", "contents:subject")
)
SAFE_SETTINGS = (
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat"),
    *("core.alternateRefsCommand=", "protocol.allow=never", "gc.auto=0"),
)
SAFE_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "HOME": os.devnull,
    "LC_ALL": "C",
}
MAX_PACKED_REFS, MAX_EXPERIMENTS, MAX_FILES = 64 << 20, 20_000, 50_000
MAX_LIST, MAX_SECONDS = 64 << 20, 300
MISSING = "the program `git` reads them, and it is not installed on this machine"


@dataclass(frozen=True)
class GitExperiment:
    """An experiment: a commit on a reference of DVC; `base` is the commit that it began from."""

    name: str
    commit: str
    base: str
    author: str
    committed_s: str
    subject: str


@dataclass(frozen=True)
class GitFile:
    """A file of a commit."""

    path: str
    object: str
    size: int


def has_experiments(root: Sandbox, path: str) -> bool:
    """Whether there is a repository with experiments of DVC at a path; git is not asked."""
    directory = f"{path}/{GIT}" if path else GIT
    if not root.is_folder(directory):
        return False
    if root.is_folder(f"{directory}/{REFS.rstrip('/')}"):
        return True
    try:
        packed = root.read_limited(f"{directory}/packed-refs", MAX_PACKED_REFS)
    except PilothouseError:
        return False
    return f" {REFS}".encode() in packed


class GitRepository:
    """A repository of which experiments are read. Raises Unavailable when it cannot be read."""

    def __init__(self, root: Sandbox, path: str) -> None:
        program = shutil.which("git")
        if program is None:
            raise Unavailable(f"{MISSING}.")
        directory = f"{path}/{GIT}" if path else GIT
        _check_it_stands_alone(root, directory)
        settings = [part for setting in SAFE_SETTINGS for part in ("-c", setting)]
        git_dir = f"--git-dir={root.folder / directory}"
        self._command = [program, "--no-pager", git_dir, *settings]

    def experiments(self) -> list[GitExperiment]:
        """The experiments by reference. Raises Unavailable."""
        arguments = ("for-each-ref", f"--count={MAX_EXPERIMENTS}", f"--format={FORMAT}", REFS)
        experiments = []
        for line in self._output(*arguments, most=MAX_LIST).split(b"\n"):
            parts = line.decode("utf-8", "replace").split("\0")
            match = EXPERIMENT.fullmatch(parts[0])
            if match and len(parts) == 5:
                base = match[1] + match[2]
                experiments.append(GitExperiment(match[3], parts[1], base, *parts[2:]))
        return experiments

    def files(self, commit: str) -> dict[str, GitFile]:
        """The regular files of a commit by path. Raises Unavailable."""
        output = self._output("ls-tree", "-r", "-z", "--long", "--full-tree", commit, most=MAX_LIST)
        files = {}
        for line in output.split(b"\0"):
            facts, _, path = line.decode("utf-8", "replace").partition("\t")
            parts = facts.split()
            if len(parts) == 4 and parts[0].startswith("100"):
                # A file whose bytes are missing has no size; reading it says so.
                size = int(parts[3]) if parts[3].isdecimal() else 0
                files[path] = GitFile(path, parts[2], size)
            if len(files) > MAX_FILES:
                raise Unavailable(f"it has more than {MAX_FILES:,} files.")
        return files

    def chunks(self, file: GitFile) -> Iterator[bytes]:
        """The bytes of a file. Raises Unavailable."""
        with self._running("cat-file", "blob", file.object) as output:
            while piece := output.read(CHUNK_SIZE):
                yield piece

    def _output(self, *arguments: str, most: int) -> bytes:
        with self._running(*arguments) as output:
            content = output.read(most + 1)
            if len(content) > most:
                raise Unavailable("it lists too much to be read.")
        return content

    @contextmanager
    def _running(self, *arguments: str) -> Iterator[IO[bytes]]:
        """The output of a command, which is ended when it is left or when it takes too long.

        Raises Unavailable when it fails.
        """
        environment = {"PATH": os.environ.get("PATH", os.defpath), **SAFE_ENVIRONMENT}
        with subprocess.Popen(
            [*self._command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=Path("/"),
        ) as process:
            assert process.stdout is not None
            limit = threading.Timer(MAX_SECONDS, process.kill)
            limit.daemon = True
            limit.start()
            try:
                yield process.stdout
                ended_well = not process.stdout.read(1) and process.wait() == 0
            finally:
                limit.cancel()
                process.kill()
        if not ended_well:
            raise Unavailable("git cannot read it: the repository is damaged.")


def _check_it_stands_alone(root: Sandbox, directory: str) -> None:
    """Raises Unavailable when git would read anything outside of this directory."""
    links = list[str]()
    names = set[str]()
    for folder in ("", "/objects", "/objects/info", "/objects/pack", "/refs", f"/{REFS}"[:-1]):
        if root.is_folder(directory + folder):
            entries = root.entries(directory + folder, lambda path, _why: links.append(path))
            names.update(f"{folder}/{entry.name}" for entry in entries)
    elsewhere = {"/commondir", "/objects/info/alternates", "/objects/info/http-alternates"}
    if links or names & elsewhere or "/objects" not in names:
        raise Unavailable("parts of the repository lie elsewhere, and are not opened.")
