"""Reading Comet's offline archives: an experiment for each project, a run for each key."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.run_changes import TagColumns
from pilothouse.experiments.tables import FAILED, FINISHED
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.comet.messages import (
    NAME,
    NESTED,
    OFFLINE,
    TEXT_FILES,
    ArchiveFacts,
    MessageReader,
    Upload,
    message_text,
)
from pilothouse.interop.importing.file_end import FileEnd, read_records
from pilothouse.interop.importing.file_names import distinct, safe_path
from pilothouse.interop.importing.json_lines import lines, parsed_json
from pilothouse.interop.importing.kept_points import KeptPoints
from pilothouse.interop.importing.records import (
    ExperimentRecord,
    FileRecord,
    LoggedModelRecord,
    RunRecord,
)
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.runs_only import RunsOnly
from pilothouse.interop.importing.sandbox import Entry, Sandbox, reason
from pilothouse.interop.importing.zip_members import ZipArchive, ZipMember, open_archive
from pilothouse.kit.errors import PilothouseError, Unavailable

ENDING, EXPERIMENT, MESSAGES = ".zip", "experiment.json", "messages.json"
NO_PROJECT = "general"  # as Comet names the project of runs without one
FORMAT = 1  # of what is read: a higher one reads again what was imported
MAX_ENTRIES, MAX_EXPERIMENT = 200_000, 1 << 20
MAX_LOOKED_INTO, MAX_FIRST_MEMBERS = 20, 5_000
ASSET, MODEL, CODE = "asset", "model-element", "source_code"
# Kinds whose files have no ending in their names.
ENDINGS = {
    "confusion-matrix": ".json",
    "curve": ".json",
    "embeddings": ".json",
    "histogram3d": ".json",
    "llm_data": ".json",
    "text-sample": ".txt",
}
NO_NAME = "auto-generated-in-the-backend"
SYSTEM_TAGS = {"hostname": "host", "python_version": "python", "os": "os", "command": "command"}
KEY_IN_NAME = re.compile(r"[0-9A-Za-z]{32,50}(?=[-.])")
NO_END = "its archive says no end"


@dataclass(frozen=True)
class OfflineExperiment:
    """The archives of one key in the order of their beginning: a resumed run has several."""

    project: str
    key: str
    archives: tuple[ZipArchive, ...]
    descriptions: tuple[Mapping[str, Any], ...]

    def first(self, name: str) -> Any:
        """What the first archive that says anything says under this name."""
        values = (description.get(name) for description in self.descriptions)
        return next(filter(None, values), None)


class CometSource(RunsOnly):
    """A folder of archives, or one archive."""

    tracker = "Comet"
    written_by = "offline archives"
    tag_columns = TagColumns({}, "comet.parent")

    def __init__(self, path: Path, report: ReportBuilder) -> None:
        self.kind = "folder" if path.is_dir() else "file"
        self.root = Sandbox(path if path.is_dir() else path.parent)
        self.report = report
        self.name = f"comet:{path}"
        self._only = "" if path.is_dir() else path.name
        self._size = 0
        self._runs = self._grouped()
        self._by_id: dict[str, OfflineExperiment] = {}
        self._facts: dict[str, ArchiveFacts] = {}
        self._short_runs = KeptPoints()

    def _grouped(self) -> list[OfflineExperiment]:
        opened = defaultdict[str, list[tuple[Mapping[str, Any], ZipArchive]]](list)
        for entry in archive_files(self.root, self._only):
            archive, description = self._opened(entry)
            if archive is not None and description is not None:
                self._size += entry.size
                opened[coerce.text(description.get("offline_id"))].append((description, archive))
        runs = []
        for key, pairs in sorted(opened.items()):
            pairs.sort(key=lambda pair: coerce.integer(pair[0].get("start_time")) or 0)
            descriptions = tuple(description for description, _ in pairs)
            projects = (coerce.text(text.get("project_name")) for text in descriptions)
            project = next(filter(None, projects), NO_PROJECT)
            archives = tuple(archive for _, archive in pairs)
            runs.append(OfflineExperiment(project, key, archives, descriptions))
        return runs

    def _opened(self, entry: Entry) -> tuple[ZipArchive | None, Mapping[str, Any] | None]:
        """An archive and the description in it; what is wrong with it is reported."""
        try:
            archive = open_archive(self.root, entry.path)
        except PilothouseError as broken:
            self.report.broken("archive", entry.path, reason(broken))
            return None, None
        names = archive.members.keys() & {EXPERIMENT, MESSAGES}
        if not names and not archive.problem:
            return None, None  # another zip archive that lies here
        if archive.problem:
            count = len(archive.members)
            rest = f"; the {count:,} members before are read" if count else ""
            self.report.broken("archive", entry.path, archive.problem + rest)
        description = _description(archive)
        if description is None and archive.members:
            self.report.broken("archive", entry.path, f"it has no readable {EXPERIMENT}")
            key = KEY_IN_NAME.match(entry.name)
            description = {"offline_id": key[0]} if key and MESSAGES in archive.members else None
        return archive, description

    def experiments(self) -> Iterator[ExperimentRecord]:
        """The projects."""
        for name in sorted({run.project for run in self._runs}):
            yield ExperimentRecord(id=f"comet:{name}", name=name)

    def _of(self, experiment: ExperimentRecord) -> list[OfflineExperiment]:
        return [run for run in self._runs if f"comet:{run.project}" == experiment.id]

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many runs the project has."""
        return len(self._of(experiment))

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """The runs of the project."""
        for run in self._of(experiment):
            facts = ArchiveFacts()
            _, points_read = self._short_runs.collect(self._read(run, facts))
            record = _record(experiment, run, facts)
            self._by_id[record.id], self._facts[record.id] = run, facts
            self._short_runs.keep(record.id, points_read)
            self._report_run(run, facts)
            yield record

    def _report_run(self, run: OfflineExperiment, facts: ArchiveFacts) -> None:
        if facts.bad_messages:
            message = f"lines that are no messages: {facts.bad_messages:,}"
            self.report.broken("run", run.key, message)
        if _stopped_at(run) is None:
            self.report.noted("run", run.key, NO_END)
        for name, address in facts.elsewhere.items():
            message = f"it is at {address}, which is not opened"
            self.report.skipped("file", f"{run.key}/{name}", message)

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories."""
        points_read = self._short_runs.take(run.id)
        if points_read is not None:
            yield from points_read
        else:
            yield from self._read(self._by_id[run.id], ArchiveFacts())

    def _read(self, run: OfflineExperiment, facts: ArchiveFacts) -> Iterator[Points]:
        reader = MessageReader(facts)
        for number, archive in enumerate(run.archives):
            reader.archive = number
            records = _messages(archive)
            yield from read_records(records, reader.read, self.report, "archive", archive.path)
        yield from reader.rest()

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """What the program logged, and the texts in the messages."""
        run, facts = self._by_id[owner.id], self._facts[owner.id]
        taken = set[str]()
        for kind in sorted(facts.texts):
            path = distinct(TEXT_FILES[kind][0], taken)
            taken.add(path)
            yield FileRecord(path, None, f"{kind}\n{owner.id}")
        for upload in facts.uploads:
            member = run.archives[upload.archive].members.get(upload.member)
            path = distinct(_path(upload), taken)
            if member is None:
                message = "its bytes are not in the archive"
                self.report.broken("file", f"{run.key}/{path}", message)
                continue
            taken.add(path)
            location = f"\n{upload.archive}\n{member.name}\n{owner.id}"
            yield FileRecord(path, member.size, location)

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of a file out of its archive, or a text out of the messages."""
        if not file.location.startswith("\n"):
            kind, owner = file.location.split("\n")
            return _text(self._by_id[owner], kind)
        above, _, owner = file.location.rpartition("\n")
        _, number, name = above.split("\n", 2)
        archive = self._by_id[owner].archives[int(number)]
        return archive.chunks(archive.members[name])

    def unsupported(self) -> Mapping[str, int]:
        """What the runs that were read hold beyond numbers, parameters and files."""
        return sum((facts.skipped for facts in self._facts.values()), Counter[str]())

    def size(self) -> int | None:
        """The bytes of all archives."""
        return self._size

    def close(self) -> None:
        """Nothing is held open."""


def _record(experiment: ExperimentRecord, run: OfflineExperiment, facts: ArchiveFacts) -> RunRecord:
    others = facts.others
    started = coerce.instant(run.first("start_time")) or coerce.instant_of_micros(facts.first_us)
    stopped = coerce.instant(_stopped_at(run)) or coerce.instant_of_micros(facts.last_us)
    separator = "." if others.get(NESTED) else "|"
    params = {name.replace("|", separator): value for name, value in facts.params.items()}
    return RunRecord(
        id=coerce.derived_id("comet", run.key),
        experiment=experiment.id,
        status=FAILED if _stopped_at(run) is None else FINISHED,
        name=coerce.text(others.get(NAME)) or run.key,
        user=facts.system.get("user", ""),
        source=facts.program,
        commit=facts.git.get("parent", ""),
        started_at=started,
        ended_at=stopped,
        params={name: coerce.value_text(value) for name, value in params.items()},
        tags=_tags(run, facts),
        fingerprint=coerce.fingerprint(
            FORMAT,
            run.project,
            [
                (len(archive.members), archive.problem, _checksums(archive))
                for archive in run.archives
            ],
        ),
    )


def _checksums(archive: ZipArchive) -> list[tuple[int, int]]:
    """What changes when anything of an archive does; the names of its other members are chance."""
    members = (archive.members.get(name) for name in (EXPERIMENT, MESSAGES))
    return [(member.crc, member.size) for member in members if member is not None]


def _stopped_at(run: OfflineExperiment) -> Any:
    """When the last archive says that its program ended, or None."""
    return run.descriptions[-1].get("stop_time")


def _tags(run: OfflineExperiment, facts: ArchiveFacts) -> dict[str, str]:
    labels = run.first("tags")
    labels = sorted(map(coerce.text, labels)) if isinstance(labels, list) else []
    tags = {
        "comet.id": run.key,
        "comet.workspace": coerce.text(run.first("workspace")),
        "comet.tags": ", ".join(filter(None, labels)),
        "comet.git_remote": facts.git.get("origin", ""),
        "comet.git_branch": facts.git.get("branch", ""),
    }
    for name, tag in SYSTEM_TAGS.items():
        tags[f"comet.{tag}"] = facts.system.get(name, "")
    for key, value in facts.others.items():
        if key not in (NAME, NESTED, OFFLINE):
            tags[f"comet.other.{key}"] = coerce.value_text(value)
    return coerce.filled_texts(tags)


def _path(upload: Upload) -> str:
    """Where a file lies below its run: assets where the program put them, others by their kind."""
    name = "" if upload.name == NO_NAME else upload.name
    if upload.kind == ASSET:
        return safe_path(name)
    ending = f".{upload.ending}" if upload.ending else ENDINGS.get(upload.kind, "")
    if upload.kind == CODE:
        name = name.rpartition("/")[2]
    if upload.step is not None and upload.kind not in (CODE, MODEL):
        name = f"{name.removesuffix(ending)}/step-{upload.step}{ending}"
    elif "." not in name.rpartition("/")[2]:
        name += ending
    above = f"models/{upload.group}" if upload.kind == MODEL else upload.kind
    return safe_path(f"{above}/{name}")


def _text(run: OfflineExperiment, kind: str) -> Iterator[bytes]:
    for archive in run.archives:
        records = _messages(archive)
        try:
            for message in records:
                if content := message_text(message, kind):
                    yield content.encode()
        except PilothouseError:
            return  # what is before the damage is the text; the damage is in the report


def _messages(archive: ZipArchive) -> Generator[dict[str, Any] | None, None, FileEnd]:
    member = archive.members.get(MESSAGES)
    if member is None:
        return FileEnd(0, problem=f"there is no {MESSAGES}")
    return (yield from lines(archive.chunks(member)))


def _description(archive: ZipArchive) -> Mapping[str, Any] | None:
    """What `experiment.json` says, when it says whose archive it is."""
    member = archive.members.get(EXPERIMENT)
    if member is None:
        return None
    try:
        value = parsed_json(_whole(archive, member))
    except PilothouseError:
        return None
    return value if isinstance(value, dict) and coerce.text(value.get("offline_id")) else None


def _whole(archive: ZipArchive, member: ZipMember) -> bytes:
    if member.size > MAX_EXPERIMENT:
        raise Unavailable(f"it is larger than {MAX_EXPERIMENT:,} bytes.")
    return b"".join(archive.chunks(member))


def archive_files(root: Sandbox, only: str = "") -> Iterator[Entry]:
    """The files of a folder that may be archives, or the only one that was named."""
    if only:
        yield from (entry for entry in root.entries() if entry.name == only and entry.is_file)
        return
    entries = islice(root.files("", lambda _path, _why: None), MAX_ENTRIES)
    yield from (entry for entry in entries if entry.name.lower().endswith(ENDING))


def holds_archive(root: Sandbox, only: str, most: int) -> bool:
    """Whether one of the first archives among the first files is of Comet."""
    entries = root.files("", lambda _path, _why: None)
    candidates = (
        archive_files(root, only)
        if only
        else (entry for entry in islice(entries, most) if entry.name.lower().endswith(ENDING))
    )
    for entry in islice(candidates, MAX_LOOKED_INTO):
        try:
            members = open_archive(root, entry.path, MAX_FIRST_MEMBERS).members
        except PilothouseError:
            continue
        if members.keys() & {EXPERIMENT, MESSAGES}:
            return True
    return False
