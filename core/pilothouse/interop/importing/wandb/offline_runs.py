"""Reading a folder of offline runs: an experiment for each project, a run for each run id."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.run_changes import TagColumns
from pilothouse.experiments.tables import FAILED, FINISHED, RUNNING
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.file_end import read_records
from pilothouse.interop.importing.kept_points import KeptPoints
from pilothouse.interop.importing.protobuf import Malformed
from pilothouse.interop.importing.records import (
    ExperimentRecord,
    FileRecord,
    LoggedModelRecord,
    RunRecord,
)
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.runs_only import RunsOnly
from pilothouse.interop.importing.sandbox import Entry, Sandbox, reason
from pilothouse.interop.importing.still_written import wrote_just_now
from pilothouse.interop.importing.wandb import log_blocks
from pilothouse.interop.importing.wandb.run_records import (
    Media,
    RunFacts,
    RunReader,
    output_lines,
    without_media,
)
from pilothouse.kit.errors import PilothouseError

TAG_COLUMNS = TagColumns({"wandb.notes": "note"}, "wandb.parent")
ENDING, FILES, CONSOLE = ".wandb", "files", "output.log"
NO_PROJECT = "uncategorized"  # as W&B names the project of runs without one
FORMAT = 1  # of what is read: a higher one reads again what was imported
FIRST_RECORDS, MAX_ENTRIES = 1_000, 200_000
NO_END = "it has no end: its process was killed"
GOES_ON = "it has no end yet and wrote something just now: import again after it"


@dataclass(frozen=True)
class OfflineRun:
    """The run files of one run id in the order of their beginning: a resumed run has several."""

    project: str
    id: str
    files: tuple[Entry, ...]


class WandbSource(RunsOnly):
    """A `wandb` folder, live or copied from another machine."""

    tracker = "Weights & Biases"
    kind = "folder"
    written_by = "offline runs"
    tag_columns = TAG_COLUMNS

    def __init__(self, folder: Path, report: ReportBuilder) -> None:
        self.root = Sandbox(folder)
        self.report = report
        self.name = f"wandb:{self.root.folder}"
        self._runs = self._found()
        self._by_id: dict[str, OfflineRun] = {}
        self._facts: dict[str, RunFacts] = {}
        self._short_runs = KeptPoints()
        self._skipped = Counter[str]()

    def _found(self) -> list[OfflineRun]:
        grouped = defaultdict[tuple[str, str], list[Entry]](list)
        entries = islice(self.root.files("", lambda _path, _why: None), MAX_ENTRIES)
        for entry in entries:
            if entry.name.endswith(ENDING) and (identity := self._identity(entry)):
                grouped[identity].append(entry)
        return [
            OfflineRun(*identity, tuple(sorted(files, key=lambda file: file.path)))
            for identity, files in sorted(grouped.items())
        ]

    def _identity(self, entry: Entry) -> tuple[str, str] | None:
        """The project and the id of a run file, from its first records."""
        facts = RunFacts()
        reader = RunReader(facts)
        try:
            records = log_blocks.records(self.root.chunks(entry.path))
            for record in islice(records, FIRST_RECORDS):
                for _ in reader.read(record):
                    pass
                if facts.texts.get("id"):
                    return facts.texts.get("project") or NO_PROJECT, facts.texts["id"]
        except PilothouseError as broken:
            self.report.broken("run file", entry.path, reason(broken))
            return None
        if entry.size == log_blocks.FILE_HEADER:
            message = "its process was killed before anything was written"
            self.report.skipped("run file", entry.path, message)
        else:
            self.report.broken("run file", entry.path, "its first records name no run")
        return None

    def experiments(self) -> Iterator[ExperimentRecord]:
        """The projects."""
        for project in sorted({run.project for run in self._runs}):
            name = coerce.text(project)
            yield ExperimentRecord(id=f"wandb:{name}", name=name)

    def _of(self, experiment: ExperimentRecord) -> list[OfflineRun]:
        return [run for run in self._runs if f"wandb:{coerce.text(run.project)}" == experiment.id]

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many runs the project has."""
        return len(self._of(experiment))

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """The runs of the project."""
        for run in self._of(experiment):
            facts = RunFacts()
            _, points_read = self._short_runs.collect(self._read(run, facts))
            record = self._run(experiment, run, facts)
            self._by_id[record.id], self._facts[record.id] = run, facts
            self._short_runs.keep(record.id, points_read)
            self._skipped.update(facts.skipped)
            self._report_artifacts(run, facts)
            yield record

    def _run(self, experiment: ExperimentRecord, run: OfflineRun, facts: RunFacts) -> RunRecord:
        status = _status(facts)
        if facts.exit_code is None:
            self.report.noted("run", run.id, GOES_ON if status == RUNNING else NO_END)
        started_us = facts.first_us if facts.started_us is None else facts.started_us
        return RunRecord(
            id=_run_id(run),
            experiment=experiment.id,
            status=status,
            name=coerce.text(facts.texts.get("name") or run.id),
            user=coerce.text(facts.user),
            source=coerce.text(facts.program),
            commit=coerce.text(facts.git_commit),
            started_at=coerce.instant_of_micros(started_us),
            ended_at=_ended_at(facts, started_us),
            params={
                coerce.text(key): _text(value)
                for key, value in facts.config.items()
                if not key.startswith("_wandb")
            },
            tags=_tags(run, facts),
            fingerprint=coerce.fingerprint(
                FORMAT,
                [(file.path, file.size) for file in run.files],
                [(path, file.size) for path, file in self._run_files(run)],
                *([RUNNING] if status == RUNNING else []),  # so that its end is a change
            ),
        )

    def _report_artifacts(self, run: OfflineRun, facts: RunFacts) -> None:
        for name, digest in facts.artifacts.items():
            message = f"W&B keeps its bytes outside the run's folder; its digest is {digest}"
            self.report.skipped("artifact", f"{run.id}/{name}", message)

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories, and the numbers of its summary that no history has."""
        points_read = self._short_runs.take(run.id)
        if points_read is not None:
            yield from points_read
        else:
            yield from self._read(self._by_id[run.id], RunFacts())
        facts = self._facts[run.id]
        at_us = facts.last_us or facts.started_us or 0
        for key, value in facts.summary.items():
            is_number = isinstance(value, int | float)
            if is_number and key not in facts.metrics and not key.startswith("_"):
                number = coerce.number(float(value) if isinstance(value, bool) else value)
                if number is not None:
                    yield Points(key, [facts.last_step], [number], at_us=[at_us])

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """What lies in its `files` folders, and its console lines when no file has them."""
        run = self._by_id[owner.id]
        by_path = dict[str, FileRecord]()
        for path, entry in self._run_files(run):
            by_path[path] = FileRecord(path, entry.size, entry.path)
        if CONSOLE not in by_path and self._facts[owner.id].has_output:
            by_path[CONSOLE] = FileRecord(CONSOLE, None, f"\n{owner.id}")
        yield from by_path.values()

    def _run_files(self, run: OfflineRun) -> Iterator[tuple[str, Entry]]:
        """What lies in the `files` folders beside the run files, with the path below them."""
        tell = lambda path, why: self.report.skipped("file", path, why)  # noqa: E731
        for file in run.files:
            above = file.path.rpartition("/")[0]
            folder = f"{above}/{FILES}" if above else FILES
            for entry in self.root.files(folder, tell):
                yield entry.path.removeprefix(f"{folder}/"), entry

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of a file, or the console lines out of the run files."""
        if not file.location.startswith("\n"):
            return self.root.chunks(file.location)
        return self._console(self._by_id[file.location[1:]])

    def _console(self, run: OfflineRun) -> Iterator[bytes]:
        for file in run.files:
            for record in log_blocks.records(self.root.chunks(file.path)):
                try:
                    for line in output_lines(record):
                        yield (line if line.endswith("\n") else f"{line}\n").encode()
                except Malformed:
                    continue

    def unsupported(self) -> Mapping[str, int]:
        """What the histories that were read hold beyond numbers and files."""
        return self._skipped

    def size(self) -> int | None:
        """The bytes of all run files."""
        return sum(file.size for run in self._runs for file in run.files)

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self, run: OfflineRun, facts: RunFacts) -> Iterator[Points]:
        for file in run.files:
            reader = RunReader(facts)
            facts.exit_code = None  # a resumed run has ended when its last file says so
            records = log_blocks.records(self.root.chunks(file.path))
            yield from read_records(records, reader.read, self.report, "run file", file.path)
            yield from reader.rest()
        facts.summary = without_media(facts.summary)
        if facts.bad_records:
            message = f"records that are no messages: {facts.bad_records:,}"
            self.report.broken("run", run.id, message)


def _status(facts: RunFacts) -> str:
    """How it ended; one without an end still runs when it wrote something just now."""
    if facts.exit_code is not None:
        return FINISHED if facts.exit_code == 0 else FAILED
    return RUNNING if wrote_just_now(facts.last_us) else FAILED


def _run_id(run: OfflineRun) -> str:
    """W&B's ids are unique in a project only."""
    return coerce.derived_id("wandb", run.project, run.id)


def _tags(run: OfflineRun, facts: RunFacts) -> dict[str, str]:
    tags = {
        "wandb.id": run.id,
        "wandb.tags": ", ".join(facts.tags),
        "wandb.git_remote": facts.git_remote,
        "wandb.python": facts.python,
    }
    for name in ("entity", "group", "job_type", "notes", "sweep", "host"):
        tags[f"wandb.{name}"] = facts.texts.get(name, "")
    for key, value in facts.summary.items():
        if isinstance(value, str) and not key.startswith("_"):
            tags[f"wandb.summary.{key}"] = value
    return coerce.filled_texts(tags)


def _text(value: Any) -> str:
    """A value of the config as text."""
    return value.noun if isinstance(value, Media) else coerce.value_text(value)


def _ended_at(facts: RunFacts, started_us: int | None) -> datetime | None:
    ends = [facts.last_us]
    if started_us is not None:
        ends.append(started_us)
        if 0 < facts.runtime_s < 1 << 32:
            ends.append(min(started_us + facts.runtime_s * 1_000_000, coerce.LATEST_US))
    return coerce.instant_of_micros(max((end for end in ends if end is not None), default=None))


def is_wandb_folder(root: Sandbox, most: int) -> bool:
    """Whether one of the first files of a folder is a run file."""
    entries = islice(root.files("", lambda _path, _why: None), most)
    return any(entry.name.endswith(ENDING) for entry in entries)
