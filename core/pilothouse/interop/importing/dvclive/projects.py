"""Reading projects: an experiment each, with a run for each folder and for each commit of DVC."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.run_changes import TagColumns
from pilothouse.experiments.tables import FINISHED
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.dvclive.git_repository import (
    GitExperiment,
    GitRepository,
    has_experiments,
)
from pilothouse.interop.importing.dvclive.project_files import CommitFiles, FolderFiles
from pilothouse.interop.importing.dvclive.results import (
    METRICS,
    PARAMS,
    Artifact,
    HistoryReader,
    ResultFiles,
    RunResults,
    live_folders,
    read_facts,
    summary_number,
)
from pilothouse.interop.importing.file_names import distinct, safe_path
from pilothouse.interop.importing.json_lines import parsed_json
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
from pilothouse.kit.errors import PilothouseError

# Folders of other programs, in which no results of DVCLive are looked for.
OTHERS = frozenset({".git", ".dvc", ".venv", "node_modules", "mlruns", "mlartifacts", "wandb"})
FORMAT = 1  # of what is read: a higher one reads again what was imported
MAX_ENTRIES, MAX_MEMBERS, MAX_LIST = 200_000, 20_000, 16 << 20
FOLDER = ".dir"  # the end of a folder's hash, whose object lists its files
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
CACHE = ".dvc/cache/files/md5"


@dataclass
class DvcProject:
    """A folder with results, its repository if that has experiments, and those."""

    path: str
    name: str
    lives: list[str] = field(default_factory=list)
    repository: GitRepository | None = None
    experiments: list[GitExperiment] = field(default_factory=list)


class DvcliveSource(RunsOnly):
    """A folder with projects, one project, or one folder of DVCLive."""

    tracker = "DVCLive"
    kind = "folder"
    written_by = "DVCLive and DVC"
    tag_columns = TagColumns({"dvc.message": "note"}, "dvc.parent")

    def __init__(self, folder: Path, report: ReportBuilder) -> None:
        self.root = Sandbox(folder)
        self.report = report
        self.name = f"dvclive:{self.root.folder}"
        self._entries = list(_files(self.root))
        below = ""
        if "" in live_folders(entry.path for entry in self._entries):
            # The folder of a run was named: its project is above, but nothing else of it is meant.
            below = f"{self.root.folder.name}/"
            self.root = Sandbox(self.root.folder.parent)
            self._entries = list(_files(self.root, below.rstrip("/")))
        self._projects = self._with_experiments(self._live_projects(), only_folder=bool(below))
        self._by_id: dict[str, tuple[ResultFiles, RunResults]] = {}
        self._places: dict[str, str] = {}
        self._short_runs = KeptPoints()

    def _live_projects(self) -> dict[str, DvcProject]:
        projects = dict[str, DvcProject]()
        for live in live_folders(entry.path for entry in self._entries):
            path = self._project_of(live)
            project = projects.setdefault(path, DvcProject(path, self._project_name(path)))
            project.lives.append(live.removeprefix(f"{path}/") if path else live)
        return projects

    def _project_of(self, live: str) -> str:
        """The nearest folder above that Git or DVC manages, else the one above."""
        parent = live.rstrip("/").rpartition("/")[0]
        path = parent
        while True:
            for mark in (".git", ".dvc"):
                if self.root.is_folder(f"{path}/{mark}" if path else mark):
                    return path
            if not path:
                return parent
            path = path.rpartition("/")[0]

    def _project_name(self, path: str) -> str:
        return coerce.text(path.rpartition("/")[2] or self.root.folder.name) or "DVCLive"

    def _with_experiments(
        self, projects: dict[str, DvcProject], *, only_folder: bool
    ) -> list[DvcProject]:
        """The projects, and the repositories here, below or of a project that have experiments."""
        if not only_folder:
            folders = [entry.path for entry in self.root.entries() if entry.is_folder]
            for path in ["", *folders, *projects]:
                if has_experiments(self.root, path):
                    project = projects.setdefault(path, DvcProject(path, self._project_name(path)))
                    self._open_repository(project)
        return [project for _, project in sorted(projects.items())]

    def _open_repository(self, project: DvcProject) -> None:
        if project.repository is not None:
            return
        try:
            project.repository = GitRepository(self.root, project.path)
            project.experiments = project.repository.experiments()
        except PilothouseError as broken:
            self.report.broken("experiments in Git", project.name, reason(broken))

    def experiments(self) -> Iterator[ExperimentRecord]:
        """The projects by name."""
        for name in sorted({project.name for project in self._projects}):
            yield ExperimentRecord(id=f"dvclive:{name}", name=name)

    def _of(self, experiment: ExperimentRecord) -> list[DvcProject]:
        return [one for one in self._projects if f"dvclive:{one.name}" == experiment.id]

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many runs the project has; a folder that is one of its commits counts twice."""
        projects = self._of(experiment)
        return sum(len(project.lives) + len(project.experiments) for project in projects)

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """The runs of the project: its commits, then its folders that are none of them."""
        for project in self._of(experiment):
            signatures = dict[str, str]()
            for commit in project.experiments:
                run = self._of_commit(project, commit)
                if run is not None:
                    if run.live is not None:
                        signatures[run.signature()] = commit.name
                    yield self._record(experiment, project, run, commit)
            files = self._folder_files(project)
            for live in project.lives:
                run = ResultFiles(files, live, project.name)
                if not self._is_of_commit(run, signatures):
                    yield self._record(experiment, project, run, None)

    def _of_commit(self, project: DvcProject, commit: GitExperiment) -> ResultFiles | None:
        assert project.repository is not None
        try:
            files = project.repository.files(commit.commit)
        except PilothouseError as broken:
            self.report.broken("experiment in Git", commit.name, reason(broken))
            return None
        lives = live_folders(files)
        if len(lives) > 1:
            message = f"it has several folders of DVCLive; {lives[0]} is read"
            self.report.noted("experiment in Git", commit.name, message)
        seconds = coerce.integer(commit.committed_s)
        at_us = coerce.micros(seconds * 1000) if seconds is not None else None
        tree = CommitFiles(project.repository, files)
        return ResultFiles(tree, lives[0] if lives else None, commit.name, at_us or 0)

    def _folder_files(self, project: DvcProject) -> FolderFiles:
        above = f"{project.path}/" if project.path else ""
        entries = {
            entry.path.removeprefix(above): entry
            for entry in self._entries
            if entry.path.startswith(above)
        }
        return FolderFiles(self.root, project.path, entries)

    def _is_of_commit(self, run: ResultFiles, signatures: Mapping[str, str]) -> bool:
        """Whether a folder holds the results of a commit; the report says so."""
        try:
            name = signatures.get(run.signature()) if signatures else None
        except PilothouseError:
            return False
        if name is not None:
            message = f"it holds the results of the experiment {name}, which is imported"
            self.report.skipped("folder", f"{run.label}/{run.live}", message)
        return name is not None

    def _record(
        self,
        experiment: ExperimentRecord,
        project: DvcProject,
        run: ResultFiles,
        commit: GitExperiment | None,
    ) -> RunRecord:
        results = read_facts(run, self.report)
        reader = HistoryReader(run, results, self.report)
        _, points_read = self._short_runs.collect(reader.points())
        record = (
            _commit_record(experiment, run, results, commit)
            if commit
            else _folder_record(experiment, run, results)
        )
        self._by_id[record.id], self._places[record.id] = (run, results), project.path
        self._short_runs.keep(record.id, points_read)
        return record

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories, and the numbers of its summary that no history has."""
        points_read = self._short_runs.take(run.id)
        if points_read is not None:
            yield from points_read
        else:
            files, results = self._by_id[run.id]
            again = replace(results, skipped=Counter())
            yield from HistoryReader(files, again, self.report).points()

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """What lies in DVCLive's folder beside the numbers, and the artifacts that are there."""
        run, results = self._by_id[owner.id]
        sizes, histories = run.files.sizes, set(run.histories().values())
        taken = set[str]()
        for path, whole in run.inside().items():
            if path not in (METRICS, PARAMS) and whole not in histories:
                taken.add(path)
                yield FileRecord(path, sizes[whole], f"{owner.id}\n{whole}")
        for artifact in results.artifacts:
            inside = [path for path in run.inside().values() if _is_at(path, artifact.path)]
            if not inside:  # else it is among the files of DVCLive's folder
                for name, size, location in self._artifact_files(owner.id, artifact):
                    path = distinct(safe_path(name), taken)
                    taken.add(path)
                    yield FileRecord(path, size, location)

    def _artifact_files(
        self, owner: str, artifact: Artifact
    ) -> Iterator[tuple[str, int | None, str]]:
        """The name and size of each file of an artifact, and where it is: here or in the cache."""
        run, _ = self._by_id[owner]
        sizes = run.files.sizes
        here = [path for path in sizes if _is_at(path, artifact.path)]
        if here:
            yield from ((path, sizes[path], f"{owner}\n{path}") for path in here)
        elif (cached := self._cached(owner, artifact.md5)) is None:
            where = f"DVC keeps its bytes elsewhere; its hash is {artifact.md5}"
            message = where if artifact.md5 else "its bytes are not with the results"
            self.report.skipped("artifact", f"{run.label}/{artifact.path}", message)
        elif artifact.md5.endswith(FOLDER):
            for name, md5 in self._listed(cached):
                member = Artifact(artifact.name, f"{artifact.path}/{name}", artifact.kind, md5)
                yield from self._artifact_files(owner, member)
        else:
            yield artifact.path, artifact.size, f"\n{cached}"

    def _listed(self, path: str) -> Iterator[tuple[str, str]]:
        """The files of a folder with their hashes, out of its list in DVC's cache."""
        try:
            listed = parsed_json(self.root.read_limited(path, MAX_LIST))
        except PilothouseError as broken:
            self.report.broken("artifact", path, reason(broken))
            return
        for item in listed[:MAX_MEMBERS] if isinstance(listed, list) else ():
            md5 = coerce.text(item.get("md5")) if isinstance(item, dict) else ""
            if MD5.fullmatch(md5) and not md5.endswith(FOLDER):
                yield coerce.text(item.get("relpath")), md5

    def _cached(self, owner: str, md5: str) -> str | None:
        """Where DVC's cache has the bytes of this hash, if it has."""
        if not MD5.fullmatch(md5):
            return None
        above = self._places[owner]
        path = f"{CACHE}/{md5[:2]}/{md5[2:]}"
        path = f"{above}/{path}" if above else path
        try:
            self.root.head(path, 0)
        except PilothouseError:
            return None
        return path

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of a file of a run, or of an object in DVC's cache."""
        owner, _, path = file.location.partition("\n")
        return self._by_id[owner][0].files.chunks(path) if owner else self.root.chunks(path)

    def unsupported(self) -> Mapping[str, int]:
        """What the histories that were read hold beyond numbers."""
        return sum((results.skipped for _, results in self._by_id.values()), Counter[str]())

    def size(self) -> int | None:
        """The bytes of the folders; what lies in Git is not counted."""
        lives = [
            f"{project.path}/{live}" if project.path else live
            for project in self._projects
            for live in project.lives
        ]
        inside = (entry for entry in self._entries if entry.path.startswith(tuple(lives)))
        return sum(entry.size for entry in inside)

    def close(self) -> None:
        """Nothing is held open."""


def _folder_record(
    experiment: ExperimentRecord, run: ResultFiles, results: RunResults
) -> RunRecord:
    """A run of a folder. DVCLive gives no id: its place, parameters and beginnings are one."""
    assert isinstance(run.files, FolderFiles)
    entries = [run.files.entries[path] for path in run.inside().values()]
    identity = coerce.fingerprint(results.beginning(), dict(results.params))
    first_ms, last_ms = (
        [at_us // 1000] if at_us is not None else [entry.modified_s * 1000 for entry in entries]
        for at_us in (results.first_us, results.last_us)
    )
    return RunRecord(
        id=coerce.derived_id("dvclive", run.label, run.live, identity),
        experiment=experiment.id,
        status=FINISHED,
        name=(run.live or "").rstrip("/") or run.label,
        source="DVCLive",
        started_at=coerce.instant(min(first_ms, default=None)),
        ended_at=coerce.instant(max(last_ms, default=None)),
        params=results.params,
        tags=coerce.filled_texts({"dvclive.folder": (run.live or "").rstrip("/")} | _tags(results)),
        fingerprint=coerce.fingerprint(
            FORMAT, [(path, run.files.sizes[path]) for path in run.inside().values()]
        ),
    )


def _commit_record(
    experiment: ExperimentRecord, run: ResultFiles, results: RunResults, commit: GitExperiment
) -> RunRecord:
    """A run of a commit, whose hash is its identity wherever the repository was cloned to."""
    tags = {
        "dvc.experiment": commit.name,
        "dvc.commit": commit.commit,
        "dvc.base": commit.base,
        "dvc.message": commit.subject,
    }
    committed_at = coerce.instant_of_micros(run.at_us) if run.at_us else None
    return RunRecord(
        id=coerce.derived_id("dvc", commit.commit),
        experiment=experiment.id,
        status=FINISHED,
        name=commit.name,
        user=commit.author,
        source="DVC",
        commit=commit.base,
        started_at=coerce.instant_of_micros(results.first_us) or committed_at,
        ended_at=coerce.instant_of_micros(results.last_us) or committed_at,
        params=results.params,
        tags=coerce.filled_texts(tags | _tags(results)),
        fingerprint=coerce.fingerprint(FORMAT, commit.commit),
    )


def _tags(results: RunResults) -> dict[str, str]:
    tags = {
        f"dvclive.summary.{key}": value
        for key, value in results.summary.items()
        if isinstance(value, str) and summary_number(value) is None
    }
    for artifact in results.artifacts:
        kind = f" ({artifact.kind})" if artifact.kind else ""
        tags[f"dvclive.artifact.{artifact.name}"] = f"{artifact.path}{kind}"
    return tags


def _is_at(path: str, artifact: str) -> bool:
    """Whether a path is an artifact's, or that of a file in its folder."""
    return path == artifact or path.startswith(f"{artifact}/")


def _files(root: Sandbox, path: str = "") -> Iterator[Entry]:
    return islice(root.files(path, lambda _path, _why: None, OTHERS), MAX_ENTRIES)


def holds_results(root: Sandbox, most: int) -> bool:
    """Whether a folder holds results of DVCLive, or is or has a repository with experiments."""
    if root.folder.name in OTHERS:
        return False
    paths = (entry.path for entry in islice(_files(root), most))
    if any(live_folders([path]) for path in paths):
        return True
    folders = [entry.path for entry in root.entries() if entry.is_folder]
    return any(has_experiments(root, path) for path in ["", *folders])
