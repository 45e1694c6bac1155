"""Reading an `mlruns/` folder, MLflow's file store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.local_files import LocalFiles
from pilothouse.interop.importing.mlflow import metric_files
from pilothouse.interop.importing.mlflow.common import MlflowStore, is_prompt, sandbox, status
from pilothouse.interop.importing.mlflow.registry_folder import registered
from pilothouse.interop.importing.records import (
    INPUT,
    OUTPUT,
    DatasetRecord,
    ExperimentRecord,
    LoggedModelRecord,
    MetricRecord,
    ModelRecord,
    ModelUse,
    RunRecord,
)
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Entry, Sandbox, reason
from pilothouse.interop.mlflow.run_serialisation import NOTE, RUN_NAME
from pilothouse.kit.errors import PilothouseError

TRASH, MODELS, TRACES = ".trash", "models", "traces"
RESERVED = ("tags", "datasets", TRACES, MODELS)
META = "meta.yaml"
MAX_TEXT = 1 << 20
STATUSES = {"1": "LOGGED_MODEL_PENDING", "2": "LOGGED_MODEL_READY"}
STATUSES |= {"3": "LOGGED_MODEL_UPLOAD_FAILED"}
UNREADABLE = (OSError, PilothouseError)


def is_store(root: Sandbox) -> bool:
    """Whether a folder looks like a file store: an experiment in it, or the trash of one."""
    return any(_is_experiment(root, entry) for above in ("", TRASH) for entry in _in(root, above))


def _in(root: Sandbox, path: str) -> list[Entry]:
    return [entry for entry in root.folders(path) if entry.name not in (TRASH, MODELS)]


def _is_experiment(root: Sandbox, entry: Entry) -> bool:
    return any(child.name == META and child.is_file for child in root.entries(entry.path))


class FolderSource(MlflowStore, LocalFiles):
    """A file store, live or copied from another machine."""

    kind = "folder"
    written_by = "MLflow's file store"

    def __init__(self, folder: Path, report: ReportBuilder) -> None:
        super().__init__(sandbox(folder), report)
        self.name = f"folder:{self.root.folder}"
        self._experiment_folders: dict[str, str] = {}
        self._prompts: set[str] = set()

    def experiments(self) -> Iterator[ExperimentRecord]:
        """Every experiment; those in the trash are deleted."""
        self._experiment_folders.clear()
        for above in ("", TRASH):
            for entry in self.root.folders(above, self.problem_callback("experiment")):
                if entry.name in (TRASH, MODELS):
                    continue
                experiment = self._experiment(entry, is_trash=above == TRASH)
                if experiment is not None:
                    self._experiment_folders[experiment.id] = entry.path
                    yield experiment

    def _experiment(self, entry: Entry, *, is_trash: bool) -> ExperimentRecord | None:
        if not _is_experiment(self.root, entry):
            if entry.name.isdigit():
                self.report.broken("experiment", entry.path, f"it has no {META}")
            return None
        if entry.name in self._experiment_folders:
            self.report.broken("experiment", entry.path, "another one has the same id")
            return None
        meta = self._meta("experiment", entry.path)
        name = coerce.text(meta.get("name")) if meta else ""
        if meta is None or not name:
            if meta is not None:
                self.report.broken("experiment", entry.path, "it has no name")
            return None
        tags = self._texts(f"{entry.path}/tags")
        return ExperimentRecord(
            id=entry.name,
            name=name,
            note=tags.get(NOTE, ""),
            deleted=is_trash or meta.get("lifecycle_stage") == "deleted",
            created_at=coerce.instant(meta.get("creation_time")),
            updated_at=coerce.instant(meta.get("last_update_time")),
            tags=tags,
        )

    def _meta(self, kind: str, path: str) -> dict[str, Any] | None:
        try:
            return self.root.yaml(f"{path}/{META}")
        except UNREADABLE as broken:
            self.report.broken(kind, path, f"{META}: {reason(broken)}")
            return None

    def _texts(self, path: str) -> dict[str, str]:
        """One file a key, its body the value; a key with slashes lies in folders."""
        values = {}
        for entry in self.root.files(path, self.problem_callback("value")):
            try:
                body, is_cut = self.root.head(entry.path, MAX_TEXT)
            except UNREADABLE as broken:
                self.report.broken("value", entry.path, reason(broken))
                continue
            if is_cut:
                self.report.noted("value", entry.path, f"cut after {MAX_TEXT:,} bytes")
            value = coerce.text(body)
            if not _is_utf8(body):
                self.report.noted("value", entry.path, "bytes that are no UTF-8 were replaced")
            values[entry.path.removeprefix(f"{path}/")] = value
        return values

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many of its folders are runs by their names."""
        return sum(1 for _ in self._run_folders(experiment, quiet=True))

    def _run_folders(self, experiment: ExperimentRecord, *, quiet: bool = False) -> Iterator[Entry]:
        tell = (lambda _path, _why: None) if quiet else self.problem_callback("run")
        for entry in self.root.folders(self._experiment_folders[experiment.id], tell):
            if coerce.RUN_ID.fullmatch(entry.name):
                yield entry
            elif entry.name not in RESERVED and not quiet:
                self.report.skipped("run", entry.path, "its name is no run id")

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """Its runs, one folder each."""
        for entry in self._run_folders(experiment):
            meta = self._meta("run", entry.path)
            if meta is None:
                continue
            if coerce.text(meta.get("run_id") or meta.get("run_uuid")) != entry.name:
                self.report.broken("run", entry.path, f"its {META} is of another run")
                continue
            try:
                yield self._run(experiment, entry, meta)
            except OSError as broken:
                self.report.broken("run", entry.path, reason(broken))

    def _run(
        self, experiment: ExperimentRecord, entry: Entry, meta: Mapping[str, Any]
    ) -> RunRecord:
        path = entry.path
        params, tags = self._texts(f"{path}/params"), self._texts(f"{path}/tags")
        uses = self._uses(path, "outputs", OUTPUT) + self._uses(path, "inputs", INPUT)
        datasets = self._datasets(experiment, path)
        quiet = lambda _path, _why: None  # noqa: E731
        sizes = [(e.path, e.size) for e in self.root.files(f"{path}/metrics", quiet)]
        files = [(e.path, e.size) for e in self.root.files(f"{path}/artifacts", quiet)]
        return RunRecord(
            id=entry.name,
            experiment=experiment.id,
            status=status(meta.get("status")),
            name=coerce.text(meta.get("run_name"))
            or coerce.text(meta.get("name"))
            or tags.get(RUN_NAME, ""),
            user=coerce.text(meta.get("user_id")),
            source=coerce.text(meta.get("source_name")),
            commit=coerce.text(meta.get("source_version")),
            started_at=coerce.instant(meta.get("start_time")),
            ended_at=coerce.instant(meta.get("end_time")),
            deleted=meta.get("lifecycle_stage") == "deleted",
            deleted_at=coerce.instant(meta.get("deleted_time")),
            params=params,
            tags=tags,
            datasets=datasets,
            model_uses=uses,
            artifact_uri=coerce.text(meta.get("artifact_uri")),
            fingerprint=coerce.fingerprint(
                meta, params, tags, sizes, files, [vars(item) for item in (*datasets, *uses)]
            ),
        )

    def _uses(self, run: str, folder: str, direction: str) -> tuple[ModelUse, ...]:
        uses = []
        for entry in self.root.folders(f"{run}/{folder}", self.problem_callback("input")):
            meta = self._meta("input", entry.path)
            if meta is None or meta.get("source_type") == "DATASET":
                continue
            model = entry.name if direction == OUTPUT else coerce.text(meta.get("source_id"))
            if coerce.MODEL_ID.fullmatch(model):
                uses.append(ModelUse(model, direction, coerce.integer(meta.get("step")) or 0))
        return tuple(uses)

    def _datasets(self, experiment: ExperimentRecord, run: str) -> tuple[DatasetRecord, ...]:
        datasets = []
        for entry in self.root.folders(f"{run}/inputs", self.problem_callback("dataset")):
            meta = self._meta("dataset", entry.path)
            if meta is None or meta.get("source_type") != "DATASET":
                continue
            number = coerce.text(meta.get("source_id"))
            folder = f"{self._experiment_folders[experiment.id]}/datasets/{number}"
            fields = self._meta("dataset", folder)
            if fields is not None:
                datasets.append(dataset(fields, coerce.text_mapping(meta.get("tags"))))
        return tuple(datasets)

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories, line by line."""
        folder = f"{self._experiment_folders[run.experiment]}/{run.id}/metrics"
        for entry in self.root.files(folder, self.problem_callback("metric")):
            key = entry.path.removeprefix(f"{folder}/")
            try:
                bad = yield from metric_files.points(key, self.root.chunks(entry.path))
            except UNREADABLE as broken:
                self.report.broken("metric", entry.path, reason(broken))
                continue
            if bad:
                self.report.broken("metric", entry.path, f"lines that are no points: {bad:,}")

    def logged_models(self, experiment: ExperimentRecord) -> Iterator[LoggedModelRecord]:
        """Its logged models, one folder each."""
        folder = f"{self._experiment_folders[experiment.id]}/{MODELS}"
        for entry in self.root.folders(folder, self.problem_callback("logged model")):
            if not coerce.MODEL_ID.fullmatch(entry.name):
                self.report.skipped("logged model", entry.path, "its name is no model id")
                continue
            meta = self._meta("logged model", entry.path)
            if meta is not None:
                yield self._logged_model(experiment, entry, meta)

    def _logged_model(
        self, experiment: ExperimentRecord, entry: Entry, meta: Mapping[str, Any]
    ) -> LoggedModelRecord:
        params, tags = self._texts(f"{entry.path}/params"), self._texts(f"{entry.path}/tags")
        figures: list[MetricRecord] = []
        for metric in self.root.files(f"{entry.path}/metrics", self.problem_callback("metric")):
            key = metric.path.removeprefix(f"{entry.path}/metrics/")
            try:
                figures += metric_files.model_metrics(key, self.root.head(metric.path, MAX_TEXT)[0])
            except UNREADABLE as broken:
                self.report.broken("metric", metric.path, reason(broken))
        files = [
            (item.path, item.size)
            for item in self.root.files(f"{entry.path}/artifacts", lambda _path, _why: None)
        ]
        return LoggedModelRecord(
            id=entry.name,
            experiment=experiment.id,
            name=coerce.text(meta.get("name")),
            status=STATUSES.get(coerce.text(meta.get("status")), ""),
            kind=coerce.text(meta.get("model_type")),
            run_id=coerce.text(meta.get("source_run_id")),
            message=coerce.text(meta.get("status_message")),
            created_at=coerce.instant(meta.get("creation_timestamp")),
            updated_at=coerce.instant(meta.get("last_updated_timestamp")),
            deleted=meta.get("lifecycle_stage") == "deleted",
            params=params,
            tags=tags,
            metrics=tuple(figures),
            artifact_uri=coerce.text(meta.get("artifact_location")),
            fingerprint=coerce.fingerprint(
                meta, params, tags, [vars(item) for item in figures], files
            ),
        )

    def folder_of(self, owner: RunRecord | LoggedModelRecord) -> str | None:
        """Where the files of a run or a logged model lie: with it, unless it says elsewhere."""
        above = f"{MODELS}/" if isinstance(owner, LoggedModelRecord) else ""
        own = f"{self._experiment_folders[owner.experiment]}/{above}{owner.id}/artifacts"
        if self.root.is_folder(own):
            return own
        return self.root.relocate(owner.artifact_uri, owner.id)

    def models(self) -> Iterator[ModelRecord]:
        """Every registered model in `models/`."""
        self._prompts.clear()
        for entry in self.root.folders(MODELS, self.problem_callback("model")):
            meta = self._meta("model", entry.path)
            if meta is None:
                continue
            tags = self._texts(f"{entry.path}/tags")
            if is_prompt(tags):
                self._prompts.add(entry.name)
            else:
                yield registered(self.root, self.report, entry, meta, tags, self._texts)

    def unsupported(self) -> Mapping[str, int]:
        """Traces by their folders, and the prompts that `models` has met."""
        traces = sum(
            len(self.root.folders(f"{p}/{TRACES}")) for p in self._experiment_folders.values()
        )
        return {"prompts": len(self._prompts), "traces": traces}


def dataset(fields: Mapping[str, Any], tags: Mapping[str, str]) -> DatasetRecord:
    """A dataset by the fields that the file store and the REST API share."""
    return DatasetRecord(
        name=coerce.text(fields.get("name")),
        digest=coerce.text(fields.get("digest")),
        source_type=coerce.text(fields.get("source_type")),
        source=coerce.text(fields.get("source")),
        columns=coerce.text(fields.get("schema")),
        profile=coerce.text(fields.get("profile")),
        tags=tags,
    )


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
