"""Reading an export of Neptune: an experiment for each project, a run for each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePosixPath

from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.run_changes import TagColumns
from pilothouse.experiments.tables import FAILED, FINISHED
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.file_end import read_records
from pilothouse.interop.importing.file_names import distinct, safe_path
from pilothouse.interop.importing.kept_points import KeptPoints
from pilothouse.interop.importing.neptune.attributes import (
    SYSTEM,
    UNIT,
    AttributeReader,
    ExportedFile,
    RunAttributes,
    series_lines,
    value_text,
)
from pilothouse.interop.importing.neptune.parquet_parts import (
    ExportedRun,
    batches,
    exported_runs,
    identity,
    is_export,
)
from pilothouse.interop.importing.records import (
    ExperimentRecord,
    FileRecord,
    LoggedModelRecord,
    RunRecord,
)
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.runs_only import RunsOnly
from pilothouse.interop.importing.sandbox import Entry, Sandbox, reason
from pilothouse.kit.errors import PilothouseError

TAG_COLUMNS = TagColumns({"neptune.description": "note"}, "neptune.parent")
FILES = "files"  # the folder beside that of the Parquet files
REGISTRY = {"models": "models of the registry", "model_versions": "versions of the registry"}
ENDINGS = (".parquet", ".parquet.tmp")
FORMAT = 1  # of what is read: a higher one reads again what was imported
MAX_ENTRIES, MAX_LOOKED_INTO = 200_000, 5
# What fills a field of the run, and is no tag.
FIELDS = frozenset({"creation_time", "modification_time", "owner", "forking/parent", "trashed"})


@dataclass(frozen=True)
class NeptuneRun:
    """A run with the ids that its rows name."""

    project: str
    id: str
    exported: ExportedRun


class NeptuneSource(RunsOnly):
    """A folder of an export, or of one project in it."""

    tracker = "Neptune"
    kind = "folder"
    written_by = "neptune-exporter"
    tag_columns = TAG_COLUMNS

    def __init__(self, folder: Path, report: ReportBuilder, artifacts: Path | None) -> None:
        self.name = f"neptune:{folder}"
        self.report = report
        self._registry = Counter[str]()
        self.root, below = _rooted(folder)
        entries = list(_parquet_files(self.root, below))
        self._files_root = Sandbox(artifacts) if artifacts else self.root
        self._has_own_files = artifacts is not None
        self._size = sum(entry.size for entry in entries)
        self._runs = list(self._identified(entries))
        self._by_id: dict[str, NeptuneRun] = {}
        self._attributes: dict[str, RunAttributes] = {}
        self._short_runs = KeptPoints()

    def _identified(self, entries: list[Entry]) -> Iterator[NeptuneRun]:
        runs, unfinished = exported_runs(entries)
        for name in unfinished:
            message = "its export did not end: the first part is missing"
            self.report.skipped("run", name, message)
        for run in runs:
            noun = REGISTRY.get(run.folder.rpartition("/")[2])
            if noun is not None:
                self._registry[noun] += 1
                continue
            try:
                yield NeptuneRun(*identity(self.root, run.parts[0]), run)
            except PilothouseError as broken:
                self.report.broken("Parquet file", run.parts[0].path, reason(broken))

    def experiments(self) -> Iterator[ExperimentRecord]:
        """The projects."""
        for name in sorted({coerce.text(run.project) for run in self._runs}):
            yield ExperimentRecord(id=f"neptune:{name}", name=name)

    def _of(self, experiment: ExperimentRecord) -> list[NeptuneRun]:
        return [run for run in self._runs if f"neptune:{coerce.text(run.project)}" == experiment.id]

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many runs the project has."""
        return len(self._of(experiment))

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """The runs of the project."""
        for run in self._of(experiment):
            attributes = RunAttributes()
            _, points_read = self._short_runs.collect(self._read(run, attributes))
            has_files = self._files_root.is_folder(self._files_folder(run))
            record = _record(experiment, run, attributes, has_files=has_files)
            self._by_id[record.id], self._attributes[record.id] = run, attributes
            self._short_runs.keep(record.id, points_read)
            self._report_run(run, attributes)
            yield record

    def _report_run(self, run: NeptuneRun, attributes: RunAttributes) -> None:
        if attributes.bad_rows:
            message = f"rows that are no points: {attributes.bad_rows:,}"
            self.report.broken("run", run.id, message)
        if attributes.finest:
            factor = UNIT // attributes.unit
            message = f"its steps have fractions; all of them are multiplied by {factor:,}"
            self.report.noted("run", run.id, message)

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories, with whole steps."""
        unit = self._attributes[run.id].unit
        points_read = self._short_runs.take(run.id)
        if points_read is None:
            again = self._read(self._by_id[run.id], RunAttributes())
            yield from (_with_steps_in(unit, points) for points in again)
        else:
            yield from (_with_steps_in(unit, points) for points in points_read)

    def _read(self, run: NeptuneRun, attributes: RunAttributes) -> Iterator[Points]:
        reader = AttributeReader(attributes)
        for part in run.exported.parts:
            records = batches(self.root, part)
            yield from read_records(records, reader.read, self.report, "Parquet file", part.path)
        yield from reader.rest()

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """Its files where they were exported, and the texts of its series."""
        run, attributes = self._by_id[owner.id], self._attributes[owner.id]
        taken = set[str]()
        for name in sorted(attributes.texts):
            path = distinct(f"{safe_path(name)}.txt", taken)
            taken.add(path)
            yield FileRecord(path, None, f"\n{owner.id}\n{name}")
        above = self._files_folder(run)
        if attributes.files and not self._files_root.is_folder(above):
            message = f"{len(attributes.files):,} files are not in a folder `{FILES}` beside"
            self.report.skipped("files", run.id, message)
            return
        for file in attributes.files:
            for ending, location in self._locations(above, file):
                path = distinct(safe_path(_file_name(file, attributes.unit) + ending), taken)
                taken.add(path)
                yield FileRecord(path, None, location)

    def _files_folder(self, run: NeptuneRun) -> str:
        """The folder of the files of a run's project."""
        above, _, project = run.exported.folder.rpartition("/")
        if self._has_own_files:
            return project
        beside = above.rpartition("/")[0]
        return f"{beside}/{FILES}/{project}" if beside else f"{FILES}/{project}"

    def _locations(self, above: str, file: ExportedFile) -> Iterator[tuple[str, str]]:
        """Where the bytes of a file are, with what is put after its name; a set has several."""
        location = f"{above}/{file.path}" if above else file.path
        if not self._files_root.is_folder(location):
            suffix = PurePosixPath(file.path).suffix
            yield ("" if file.attribute.endswith(suffix) else suffix), location
            return
        tell = lambda path, why: self.report.skipped("file", path, why)  # noqa: E731
        for entry in self._files_root.files(location, tell):
            yield entry.path.removeprefix(location), entry.path

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of a file, or the texts of a series, a line each."""
        if not file.location.startswith("\n"):
            return self._files_root.chunks(file.location)
        _, owner, name = file.location.split("\n", 2)
        return self._series(self._by_id[owner], name)

    def _series(self, run: NeptuneRun, name: str) -> Iterator[bytes]:
        for part in run.exported.parts:
            try:
                for batch in batches(self.root, part):
                    for line in series_lines(batch, name):
                        yield f"{line.rstrip()}\n".encode()
            except PilothouseError:
                continue  # the damage is in the report; the other parts have their texts

    def unsupported(self) -> Mapping[str, int]:
        """What is not read: the model registry, and other attributes than numbers and texts."""
        skipped = (attributes.skipped for attributes in self._attributes.values())
        return sum(skipped, Counter(self._registry))

    def size(self) -> int | None:
        """The bytes of the Parquet files."""
        return self._size

    def close(self) -> None:
        """Nothing is held open."""


def run_id(project: str, name: str) -> str:
    """Neptune's ids are unique in a project only."""
    return coerce.derived_id("neptune", project, name)


def _record(
    experiment: ExperimentRecord, run: NeptuneRun, attributes: RunAttributes, *, has_files: bool
) -> RunRecord:
    name = attributes.system("name") or attributes.system("custom_run_id") or run.id
    started, modified = (_instant(attributes, at) for at in ("creation_time", "modification_time"))
    return RunRecord(
        id=run_id(run.project, run.id),
        experiment=experiment.id,
        status=FAILED if attributes.system("failed") is True else FINISHED,
        name=coerce.text(name) or run.id,
        user=coerce.text(attributes.system("owner")),
        source="Neptune",
        started_at=started or coerce.instant_of_micros(attributes.first_us),
        ended_at=coerce.instant_of_micros(attributes.last_us) or modified,
        deleted=True in (attributes.system("archived"), attributes.system("trashed")),
        params=attributes.params,
        tags=_tags(run, attributes),
        fingerprint=coerce.fingerprint(
            FORMAT,
            [(part.name, part.size) for part in run.exported.parts],
            # Files that were elsewhere come when they are named.
            bool(attributes.files) and has_files,
        ),
    )


def _instant(attributes: RunAttributes, name: str) -> datetime | None:
    value = attributes.system(name)
    return value if isinstance(value, datetime) else None


def _tags(run: NeptuneRun, attributes: RunAttributes) -> dict[str, str]:
    tags = {"neptune.id": run.id}
    for path, value in attributes.values.items():
        name = path.removeprefix(SYSTEM)
        if name != path and name not in FIELDS:
            tags[f"neptune.{name.replace('/', '.')}"] = value_text(value)
    parent = attributes.system("forking/parent")
    if isinstance(parent, str) and parent:
        tags |= {"neptune.parent": run_id(run.project, parent), "neptune.forked_from": parent}
    return coerce.filled_texts(tags)


def _with_steps_in(unit: int, points: Points) -> Points:
    return replace(points, steps=[step // unit for step in points.steps])


def _file_name(file: ExportedFile, unit: int) -> str:
    if file.step is None or file.kind != "file_series":
        return file.attribute
    return f"{file.attribute}/step-{file.step // unit if file.step % unit == 0 else file.step}"


def _rooted(folder: Path) -> tuple[Sandbox, str]:
    """The folder that holds the Parquet files and those beside, and the path of the named one."""
    root = Sandbox(folder)
    runs, _ = exported_runs(_parquet_files(root))
    depth = min((_depth(run.folder) for run in runs), default=2)
    above = root.folder
    for _ in range(2 - depth):
        above = above.parent
    if depth < 2 and (above / FILES).is_dir():
        return Sandbox(above), root.folder.relative_to(above).as_posix()
    return root, ""


def _depth(folder: str) -> int:
    return min(len([part for part in folder.split("/") if part]), 2)


def _parquet_files(root: Sandbox, below: str = "") -> Iterator[Entry]:
    entries = islice(root.files(below, lambda _path, _why: None), MAX_ENTRIES)
    yield from (entry for entry in entries if entry.name.endswith(ENDINGS))


def holds_export(root: Sandbox, most: int) -> bool:
    """Whether one of the first files of a folder is a part of an exported run."""
    entries = islice(root.files("", lambda _path, _why: None), most)
    runs, _ = exported_runs(entry for entry in entries if entry.name.endswith(ENDINGS))
    return any(is_export(root, run.parts[0]) for run in runs[:MAX_LOOKED_INTO])
