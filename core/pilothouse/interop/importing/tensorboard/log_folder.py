"""Reading a log folder: an experiment, with a run for each folder of event files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.run_changes import TagColumns
from pilothouse.experiments.tables import FINISHED, RUNNING
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.file_end import read_records
from pilothouse.interop.importing.kept_points import KeptPoints
from pilothouse.interop.importing.records import (
    ExperimentRecord,
    FileRecord,
    LoggedModelRecord,
    RunRecord,
)
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.runs_only import RunsOnly
from pilothouse.interop.importing.sandbox import Entry, Sandbox
from pilothouse.interop.importing.still_written import wrote_just_now
from pilothouse.interop.importing.tensorboard import frames
from pilothouse.interop.importing.tensorboard.events import EventReader
from pilothouse.interop.importing.tensorboard.hparams import Session
from pilothouse.interop.importing.tensorboard.media import MediaFiles
from pilothouse.interop.importing.tensorboard.run_folders import Part, RunFolder, run_folders
from pilothouse.kit.errors import PilothouseError

PARENT, FOLDER, GROUP, MODEL = (
    *("tensorboard.parent", "tensorboard.folder"),
    *("tensorboard.group", "tensorboard.model"),
)
# A log folder with such a name says nothing; the folder above it does.
COMMON_NAMES = frozenset(
    {"runs", "logs", "log", "lightning_logs", "tensorboard", "tb_logs", "tb", "events"}
)
FORMAT = 1  # of what is read: a higher one reads again what was imported
FIRST_BYTES = 1 << 16


@dataclass
class _Contents:
    """What the event files of a run hold, but for their points."""

    session: Session
    media: MediaFiles = field(default_factory=MediaFiles)
    first_us: int | None = None
    last_us: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)


class TensorBoardSource(RunsOnly):
    """A log folder, live or copied from another machine."""

    tracker = "TensorBoard"
    kind = "folder"
    written_by = "event files"
    tag_columns = TagColumns({}, PARENT)

    def __init__(self, folder: Path, report: ReportBuilder) -> None:
        self.root = Sandbox(folder)
        self.report = report
        self.name = f"tensorboard:{self.root.folder}"
        self._folders = run_folders(self.root, report, self._first_tag)
        self._by_id: dict[str, RunFolder] = {}
        self._media: dict[str, MediaFiles] = {}
        self._short_runs = KeptPoints()
        self._skipped = Counter[str]()

    def experiments(self) -> Iterator[ExperimentRecord]:
        """One, named after the folder."""
        name = _experiment_name(self.root.folder)
        yield ExperimentRecord(id=f"tensorboard:{name}", name=name)

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many runs the folder has; those without a value are not imported."""
        return len(self._folders)

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """A run for each folder that has event files with values."""
        self._skipped.clear()
        for folder in self._folders:
            name = folder.path or experiment.name
            contents = _Contents(Session())
            count, points_read = self._short_runs.collect(self._read(folder, contents))
            self._skipped.update(contents.skipped)
            if contents.first_us is None or not (
                count or contents.media.records or contents.session.params
            ):
                self.report.skipped("run", name, "its event files hold nothing that is imported")
                continue
            run = self._run(experiment, folder, name, contents)
            self._by_id[run.id], self._media[run.id] = folder, contents.media
            self._short_runs.keep(run.id, points_read)
            yield run

    def _run(
        self, experiment: ExperimentRecord, folder: RunFolder, name: str, contents: _Contents
    ) -> RunRecord:
        session = contents.session
        for problem in sorted(session.problems):
            self.report.broken("run", name, problem)
        tags = {FOLDER: folder.path or ".", GROUP: session.group, MODEL: session.model_uri}
        if session.description:
            tags["tensorboard.description"] = session.description
        running = RUNNING if wrote_just_now(contents.last_us) else FINISHED
        status = session.status or running
        return RunRecord(
            id=_run_id(folder.path, contents.first_us),
            experiment=experiment.id,
            status=status,
            name=name,
            user=coerce.text(session.user),
            source="TensorBoard",
            started_at=coerce.instant_of_micros(contents.first_us),
            ended_at=_later(coerce.instant_of_micros(contents.last_us), session.ended_at),
            params=coerce.text_mapping(session.params),
            tags=coerce.filled_texts(tags),
            fingerprint=coerce.fingerprint(
                FORMAT,
                [(file.path, file.size) for file in folder.files],
                *([RUNNING] if status == RUNNING else []),  # so that its end is a change
            ),
        )

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories, tag by tag in batches."""
        points_read = self._short_runs.take(run.id)
        if points_read is not None:
            yield from points_read
        else:
            yield from self._read(self._by_id[run.id], _Contents(Session()))

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """Its images and texts, a file each."""
        yield from self._media[owner.id].records.values()

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of an image or a text, out of its event file."""
        path, start, end = file.location.rsplit(":", 2)
        return self.root.part(path, int(start), int(end))

    def unsupported(self) -> Mapping[str, int]:
        """What the runs that were read hold beyond numbers, hyperparameters, images and texts."""
        return self._skipped

    def size(self) -> int | None:
        """The bytes of all event files."""
        return sum(file.size for folder in self._folders for file in folder.files)

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self, folder: RunFolder, contents: _Contents) -> Iterator[Points]:
        for part in folder.parts:
            for file in part.files:
                yield from self._read_file(file, part, contents)

    def _read_file(self, file: Entry, part: Part, contents: _Contents) -> Iterator[Points]:
        reader = EventReader(contents.session, part.suffix)
        records = frames.batches(self.root.chunks(file.path))
        yield from read_records(records, reader.read, self.report, "event file", file.path)
        yield from reader.rest()
        self._report_faults(file, reader)
        contents.skipped.update(reader.skipped)
        contents.media.add(file.path, reader.contents, self.report)
        instants = (contents.first_us, contents.last_us, reader.first_us, reader.last_us)
        if micros := [instant for instant in instants if instant is not None]:
            contents.first_us, contents.last_us = min(micros), max(micros)

    def _report_faults(self, file: Entry, reader: EventReader) -> None:
        if reader.bad_records:
            message = f"records that are no events: {reader.bad_records:,}"
            self.report.broken("event file", file.path, message)
        if reader.bad_instants:
            message = f"points whose time is none: {reader.bad_instants:,}"
            self.report.broken("event file", file.path, message)

    def _first_tag(self, file: Entry) -> str:
        """The only tag among the first numbers of a file; empty when there are several."""
        reader = EventReader(Session())
        try:
            head, _ = self.root.head(file.path, FIRST_BYTES)
            for batch in frames.batches([head]):
                for _ in reader.read(batch):
                    pass
        except PilothouseError:
            return ""
        keys = {points.key for points in reader.rest()}
        return keys.pop() if len(keys) == 1 else ""


def _experiment_name(folder: Path) -> str:
    named = folder.parent if folder.name.lower() in COMMON_NAMES else folder
    return named.name or folder.name or "TensorBoard"


def _run_id(path: str, first_us: int | None) -> str:
    """The same for a folder that was moved or has grown: its place in the log and its beginning."""
    return coerce.derived_id("tensorboard", path, first_us)


def _later(last: datetime | None, ended_s: float) -> datetime | None:
    ended_at = coerce.instant(ended_s * 1000) if ended_s > 0 else None
    return max((at for at in (last, ended_at) if at is not None), default=None)
