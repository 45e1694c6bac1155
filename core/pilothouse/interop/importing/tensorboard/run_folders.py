"""Which event files of a log folder are one run.

A folder with event files is a run, but for two kinds that writers make below the folder of a run
and that belong to it: `add_scalars` writes each line of a chart to a folder named after the chart
and the line, and `add_hparams` writes its values to a folder named by the time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from itertools import islice

from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Entry, Sandbox
from pilothouse.kit.errors import PilothouseError

MARK = "tfevents"
MAX_FILES = 200_000
# Folders of other programs, whose event files are their own business.
OTHERS = frozenset({"mlruns", "mlartifacts", "wandb", ".git", ".venv", "node_modules"})
TIME_NAME = re.compile(r"\d{9,11}\.\d+")
STARTED = re.compile(r"tfevents\.(\d+)")
FirstTag = Callable[[Entry], str]


@dataclass(frozen=True)
class Part:
    """Event files of a run; `suffix` is put after the tags of their numbers."""

    files: tuple[Entry, ...]
    suffix: str = ""


@dataclass(frozen=True)
class RunFolder:
    """The event files of a run; `path` is its folder, empty for the log folder itself."""

    path: str
    parts: tuple[Part, ...]

    @property
    def files(self) -> tuple[Entry, ...]:
        """All its event files, in the order in which they were begun."""
        return tuple(file for part in self.parts for file in part.files)


def event_files(root: Sandbox, tell: Callable[[str, str], None]) -> Iterable[Entry]:
    """The event files of a folder, but for those in folders of other trackers."""
    return (entry for entry in root.files("", tell) if _is_event_file(entry))


def _is_event_file(entry: Entry) -> bool:
    return MARK in entry.name and not OTHERS.intersection(entry.path.split("/")[:-1])


def run_folders(root: Sandbox, report: ReportBuilder, first_tag: FirstTag) -> list[RunFolder]:
    """The runs of a log folder by path; `first_tag` reads the first tag of an event file."""
    folders = defaultdict[str, list[Entry]](list)
    tell = lambda path, why: report.skipped("file", path, why)  # noqa: E731
    files = iter(event_files(root, tell))
    for entry in islice(files, MAX_FILES):
        folders[entry.path.rpartition("/")[0]].append(entry)
    if next(files, None) is not None:
        report.broken("folder", root.folder.name, f"only {MAX_FILES:,} event files are read")
    ordered = {path: tuple(sorted(folders[path], key=_begun)) for path in sorted(folders)}
    above = {path: _run_above(path, ordered) for path in ordered}
    sessions = _only_sessions(above)
    parts = defaultdict[str, list[Part]](list)
    for path, entries in ordered.items():
        parent, suffix = above[path], ""
        if parent is not None and path not in sessions:
            suffix = _line_of_chart(_below(path, parent), first_tag(entries[0]))
        belongs = parent is not None and (path in sessions or bool(suffix))
        parts[parent if parent is not None and belongs else path].append(Part(entries, suffix))
    return [RunFolder(path, tuple(of_run)) for path, of_run in sorted(parts.items())]


def _begun(entry: Entry) -> tuple[int, str]:
    """The time in a file's name, then the name."""
    match = STARTED.search(entry.name)
    return (int(match[1][:18]) if match else 0, entry.name)


def _run_above(path: str, folders: Container[str]) -> str | None:
    """The nearest folder above that has event files too."""
    while path:
        path = path.rpartition("/")[0]
        if path in folders:
            return path
    return None


def _below(path: str, parent: str) -> str:
    return path.removeprefix(f"{parent}/") if parent else path


def _only_sessions(above: dict[str, str | None]) -> set[str]:
    """Folders named by the time that are the only one of their run: several are trials."""
    named = defaultdict[str, list[str]](list)
    for path, parent in above.items():
        if parent is not None and TIME_NAME.fullmatch(_below(path, parent)):
            named[parent].append(path)
    return {paths[0] for paths in named.values() if len(paths) == 1}


def _line_of_chart(name: str, tag: str) -> str:
    """The suffix of a folder that `add_scalars` made for a line of the chart `tag`, or nothing."""
    if not tag:
        return ""
    for start in (f"{tag.replace('/', '_')}_", f"{tag}/"):
        if name.startswith(start) and len(name) > len(start):
            return f"/{name.removeprefix(start)}"
    return ""


def is_log_folder(root: Sandbox, most: int) -> bool:
    """Whether one of the first files of a folder is an event file."""
    if root.folder.name in OTHERS:
        return False
    try:
        entries = islice(root.files("", lambda _path, _why: None), most)
        return any(map(_is_event_file, entries))
    except PilothouseError:
        return False
