"""What DVCLive wrote of a run: parameters, histories, summary, and which files it has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.dvclive.project_files import ProjectFiles, flat, mapping_in
from pilothouse.interop.importing.file_end import FileEnd, read_records
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import reason
from pilothouse.interop.importing.text_lines import lines_of
from pilothouse.interop.importing.waiting_points import TOO_MANY, WaitingPoints
from pilothouse.kit.errors import PilothouseError

LIVE, METRICS, PARAMS, HISTORIES, ENDING = (
    *("dvclive", "metrics.json", "params.yaml"),
    *("plots/metrics/", ".tsv"),
)
PROJECT, POINTER = "dvc.yaml", ".dvc"
STEP, TIMESTAMP = "step", "timestamp"
MAX_VALUES = 20_000
TEXTS = "texts in histories"


@dataclass
class ResultFiles:
    """Where a run's results lie: the project's files, and DVCLive's folder in it if it has one."""

    files: ProjectFiles
    live: str | None
    label: str
    at_us: int = 0

    def inside(self) -> dict[str, str]:
        """The files in DVCLive's folder by their path in it, with their path in the project."""
        if self.live is None:
            return {}
        inside = (path for path in sorted(self.files.sizes) if path.startswith(self.live))
        return {path.removeprefix(self.live): path for path in inside}

    def histories(self) -> dict[str, str]:
        """The files of histories by the metric."""
        return {
            path.removeprefix(HISTORIES).removesuffix(ENDING): whole
            for path, whole in self.inside().items()
            if path.startswith(HISTORIES) and path.endswith(ENDING)
        }

    def signature(self) -> str:
        """The same for equal results, in a folder or in a commit. Raises Unavailable."""
        results = [*self.histories().values(), f"{self.live}{METRICS}"]
        paths = [path for path in results if path in self.files.sizes]
        return coerce.fingerprint([(path, self.files.digest(path)) for path in paths])


@dataclass
class Artifact:
    """A file that the program named in `dvc.yaml`, with its pointer's hash when DVC keeps it."""

    name: str
    path: str
    kind: str
    md5: str = ""
    size: int | None = None


@dataclass
class RunResults:
    """What a run's files say of it, but for its points."""

    params: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: list[Artifact] = field(default_factory=list)
    last_step: int = 0
    first_values: dict[str, tuple[int, str]] = field(default_factory=dict)
    first_us: int | None = None
    last_us: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)

    def beginning(self) -> list[tuple[str, str]]:
        """The values of the first step by metric: what is the same when the run has grown."""
        first = min((step for step, _ in self.first_values.values()), default=0)
        values = sorted(self.first_values.items())
        return [(key, value) for key, (step, value) in values if step == first]


def live_folders(paths: Iterable[str]) -> list[str]:
    """The folders that DVCLive wrote, with a slash at the end; empty for the folder itself."""
    folders = set()
    for path in paths:
        above = path[: path.find(HISTORIES)] if HISTORIES in path else None
        if above is not None and path.endswith(ENDING) and (not above or above.endswith("/")):
            folders.add(above)
        elif path == f"{LIVE}/{METRICS}" or path.endswith(f"/{LIVE}/{METRICS}"):
            folders.add(path.removesuffix(METRICS))
    return sorted(folders)


def read_facts(run: ResultFiles, report: ReportBuilder) -> RunResults:
    """What the files but the histories say; what cannot be read is reported."""
    results = RunResults()
    sizes = run.files.sizes
    project = _mapping(run, PROJECT, report) if PROJECT in sizes else {}
    params, metrics = _declared(project, "params"), _declared(project, "metrics")
    if run.live is None:
        params.append(PARAMS)
    else:
        params.insert(0, f"{run.live}{PARAMS}")
        metrics.insert(0, f"{run.live}{METRICS}")
    for path in dict.fromkeys(path for path in params if path in sizes):
        for key, value in flat(_mapping(run, path, report), "."):
            name = f"{path}:{key}" if key in results.params else key
            if len(results.params) < MAX_VALUES:
                results.params[name] = coerce.value_text(value)
    for path in dict.fromkeys(path for path in metrics if path in sizes):
        for key, value in flat(_mapping(run, path, report), "/"):
            if len(results.summary) < MAX_VALUES:
                results.summary.setdefault(key, value)
    results.last_step = coerce.integer(results.summary.pop(STEP, None)) or 0
    results.artifacts = list(_artifacts(run, project, report))
    return results


def _mapping(run: ResultFiles, path: str, report: ReportBuilder) -> dict[str, Any]:
    try:
        return mapping_in(run.files, path)
    except PilothouseError as broken:
        report.broken("file", f"{run.label}/{path}", reason(broken))
        return {}


def _declared(project: dict[str, Any], noun: str) -> list[str]:
    """The files that `dvc.yaml` names as parameters or metrics, of its stages too."""
    stages = project.get("stages")
    sections = [project, *(stages.values() if isinstance(stages, dict) else ())]
    paths = []
    for section in sections:
        entries = section.get(noun) if isinstance(section, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            names = list(entry) if isinstance(entry, dict) else [entry]
            paths += [name for name in names if isinstance(name, str)]
    return paths


def _artifacts(
    run: ResultFiles, project: dict[str, Any], report: ReportBuilder
) -> Iterator[Artifact]:
    entries = project.get("artifacts")
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        path = coerce.text(entry.get("path")) if isinstance(entry, dict) else ""
        if not path:
            continue
        artifact = Artifact(coerce.text(name), path, coerce.text(entry.get("type")))
        pointer = f"{path}{POINTER}"
        if path not in run.files.sizes and pointer in run.files.sizes:
            outs = _mapping(run, pointer, report).get("outs")
            out = outs[0] if isinstance(outs, list) and outs else None
            if isinstance(out, dict):
                artifact.md5 = coerce.text(out.get("md5"))
                artifact.size = coerce.integer(out.get("size"))
        yield artifact


class HistoryReader:
    """Reads the histories of a run, fills in when they begin and end, and gives points."""

    def __init__(self, run: ResultFiles, results: RunResults, report: ReportBuilder) -> None:
        self._run = run
        self._results = results
        self._report = report
        self._waiting = WaitingPoints()

    def points(self) -> Iterator[Points]:
        """Every point of every history, then the numbers of the summary that no history has."""
        for key, path in self._run.histories().items():
            yield from self._history(path, key)
        at_us = self._results.last_us or self._run.at_us
        for key, value in self._results.summary.items():
            number = None if key in self._waiting else summary_number(value)
            if number is not None:
                self._waiting.add(key, self._results.last_step, number, at_us)
        yield from self._waiting.rest()

    def _history(self, path: str, key: str) -> Iterator[Points]:
        table = _Table(self, key)
        rows = _rows(self._run.files.chunks(path))
        label = f"{self._run.label}/{path}"
        yield from read_records(rows, table.read, self._report, "history", label)
        if table.bad_rows:
            message = f"lines that are no points: {table.bad_rows:,}"
            self._report.broken("history", label, message)

    def add(self, key: str, step: int, value: float, at_us: int | None) -> Iterator[Points]:
        """Let a point wait; points come when enough do."""
        results = self._results
        results.first_values.setdefault(key, (step, repr(value)))
        if at_us is not None:
            results.first_us = min(results.first_us or at_us, at_us)
            results.last_us = max(results.last_us or at_us, at_us)
        if not self._waiting.add(key, step, value, self._run.at_us if at_us is None else at_us):
            results.skipped[TOO_MANY] += 1
        if self._waiting.is_full:
            yield from self._waiting.rest()

    def skip_text(self) -> None:
        """Count a text in a history."""
        self._results.skipped[TEXTS] += 1


@dataclass
class _Table:
    """The table of a history: a header, then a row for each point."""

    reader: HistoryReader
    key: str
    columns: list[str] = field(default_factory=list)
    next_step: int = 0
    bad_rows: int = 0

    def read(self, row: list[str]) -> Iterator[Points]:
        """Take a row."""
        if not self.columns:
            self.columns = row
            return
        cells = dict(zip(self.columns, row, strict=False))
        value = coerce.number(row[-1]) if len(row) == len(self.columns) else None
        step = coerce.integer(cells.get(STEP)) if STEP in self.columns else self.next_step
        if len(row) == len(self.columns) and value is None and step is not None:
            self.reader.skip_text()
        elif value is None or step is None:
            self.bad_rows += 1
        else:
            self.next_step = min(step + 1, coerce.INT64 - 1)
            yield from self.reader.add(self.key, step, value, coerce.micros(cells.get(TIMESTAMP)))


def _rows(chunks: Iterator[bytes]) -> Generator[list[str], None, FileEnd]:
    """The cells of each line; a last line without an end may be half a number, and is not read."""
    count = 0
    for line, is_whole in lines_of(chunks):
        if not is_whole:
            return FileEnd(count, is_torn=True)
        yield line.rstrip(b"\r").decode("utf-8", "replace").split("\t")
        count += 1
    return FileEnd(count)


def summary_number(value: Any) -> float | None:
    """A number of the summary; NaN and infinities are texts there."""
    if isinstance(value, str) and not math.isfinite(coerce.number(value) or 0.0):
        return coerce.number(value)
    return None if isinstance(value, str) else coerce.number(_truth(value))


def _truth(value: Any) -> Any:
    return float(value) if isinstance(value, bool) else value
