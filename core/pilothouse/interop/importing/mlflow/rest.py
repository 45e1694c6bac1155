"""Reading an MLflow server over its REST API."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.mlflow.common import MlflowStore, is_prompt, status
from pilothouse.interop.importing.mlflow.folder import dataset
from pilothouse.interop.importing.mlflow.http_client import HttpClient
from pilothouse.interop.importing.mlflow.registry_folder import version
from pilothouse.interop.importing.records import (
    INPUT,
    OUTPUT,
    DatasetRecord,
    ExperimentRecord,
    FileRecord,
    LoggedModelRecord,
    MetricRecord,
    ModelRecord,
    ModelUse,
    RunRecord,
    VersionRecord,
)
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.mlflow.artifact_paths import clean
from pilothouse.interop.mlflow.run_serialisation import NOTE, RUN_NAME
from pilothouse.kit.errors import NotFound, PilothouseError

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"
MODEL_FILES = "/ajax-api/2.0/mlflow/logged-models/{}/artifacts/files"
EXPERIMENTS, RUNS, HISTORY, MODELS, COUNTED = 1_000, 100, 25_000, 100, 1_000
MAX_PAGES, MAX_DEPTH = 1_000_000, 64
ARTIFACT_SCHEME = "mlflow-artifacts:"
PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
Json = dict[str, Any]
log = logging.getLogger(__name__)


class RemoteSource(MlflowStore):
    """A tracking server, read page by page; no answer is trusted."""

    kind = "server"

    def __init__(self, client: HttpClient, report: ReportBuilder) -> None:
        self.report = report
        self.name = client.url
        self._client = client
        self._prompts: set[str] = set()
        self.written_by = "MLflow's REST API"

    def experiments(self) -> Iterator[ExperimentRecord]:
        """Every experiment, the deleted ones too."""
        fields = {"max_results": EXPERIMENTS, "view_type": "ALL"}
        for row in self._pages("experiments/search", "experiments", fields):
            number, name = coerce.text(row.get("experiment_id")), coerce.text(row.get("name"))
            if not number or not name:
                self.report.broken("experiment", number or name, "it has no id or no name")
                continue
            tags = _pairs(row.get("tags"))
            yield ExperimentRecord(
                id=number,
                name=name,
                note=tags.get(NOTE, ""),
                deleted=row.get("lifecycle_stage") == "deleted",
                created_at=coerce.instant(row.get("creation_time")),
                updated_at=coerce.instant(row.get("last_update_time")),
                tags=tags,
            )

    def _pages(self, path: str, noun: str, fields: Json, *, get: bool = False) -> Iterator[Json]:
        """Every row of a listing; one whose page tokens repeat is abandoned."""
        token, visited = "", set[str]()
        for _ in range(MAX_PAGES):
            request = fields | ({"page_token": token} if token else {})
            ask = self._client.get if get else self._client.post
            response = ask(API + path, **request)
            yield from _rows(response.get(noun))
            token = coerce.text(response.get("next_page_token"))
            if not token:
                return
            if token in visited:
                self.report.broken(
                    noun, self.name, "the server tells the same page again and again"
                )
                return
            visited.add(token)

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many runs it has; None above one page, where counting costs as much as reading."""
        fields = {
            "experiment_ids": [experiment.id],
            "run_view_type": "ALL",
            "max_results": COUNTED,
        }
        response = self._client.post(API + "runs/search", **fields)
        return None if response.get("next_page_token") else len(_rows(response.get("runs")))

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """Its runs, the oldest first: those that start meanwhile come at the end."""
        fields = {
            "experiment_ids": [experiment.id],
            "run_view_type": "ALL",
            "max_results": RUNS,
            "order_by": ["attributes.start_time ASC"],
        }
        for row in self._pages("runs/search", "runs", fields):
            info = _inner(row, "info")
            number = coerce.text(info.get("run_id") or info.get("run_uuid"))
            if not coerce.RUN_ID.fullmatch(number):
                self.report.skipped("run", number, "its name is no run id")
            else:
                yield _run(experiment, number, info, row)

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories, metric by metric."""
        for key in run.metrics:
            yield from self._points(run.id, key)

    def _points(self, run: str, key: str) -> Iterator[Points]:
        fields = {"run_id": run, "run_uuid": run, "metric_key": key, "max_results": HISTORY}
        steps: list[int] = []
        values: list[float] = []
        instants: list[int] = []
        bad = 0
        for row in self._pages("metrics/get-history", "metrics", fields, get=True):
            at, value = coerce.micros(row.get("timestamp")), coerce.number(row.get("value"))
            step = coerce.integer(row.get("step", 0))
            if at is None or value is None or step is None:
                bad += 1
                continue
            steps.append(step)
            values.append(value)
            instants.append(at)
            if len(steps) == HISTORY:
                yield Points(key, steps, values, at_us=instants)
                steps, values, instants = [], [], []
        if steps:
            yield Points(key, steps, values, at_us=instants)
        if bad:
            self.report.broken("metric", f"{run}/{key}", f"rows that are no points: {bad:,}")

    def logged_models(self, experiment: ExperimentRecord) -> Iterator[LoggedModelRecord]:
        """Its logged models; MLflow 2 has none."""
        fields = {"experiment_ids": [experiment.id], "max_results": MODELS}
        try:
            for row in self._pages("logged-models/search", "models", fields):
                info = _inner(row, "info")
                number = coerce.text(info.get("model_id"))
                if not coerce.MODEL_ID.fullmatch(number):
                    self.report.skipped("logged model", number, "its name is no model id")
                else:
                    yield _logged_model(experiment, number, info, _inner(row, "data"))
        except NotFound:
            return

    def files(self, owner: RunRecord | LoggedModelRecord) -> Iterator[FileRecord]:
        """The files that the server lists, folder by folder."""
        waiting = [""]
        visited = {""}
        while waiting:
            folder = waiting.pop()
            try:
                rows = list(self._listing(owner, folder))
            except PilothouseError as refused:
                self.report.broken("files", f"{owner.id}/{folder}", str(refused))
                continue
            for row in rows:
                path = self._path(owner, folder, coerce.text(row.get("path")))
                if path is None or path in visited:
                    continue
                visited.add(path)
                if row.get("is_dir") is True:
                    waiting.append(path)
                else:
                    yield FileRecord(
                        path, coerce.integer(row.get("file_size")), self._address_of(owner, path)
                    )

    def _listing(self, owner: RunRecord | LoggedModelRecord, folder: str) -> Iterator[Json]:
        if isinstance(owner, LoggedModelRecord):
            path = f"logged-models/{owner.id}/artifacts/directories"
            fields = {"artifact_directory_path": folder} if folder else {}
        else:
            path = "artifacts/list"
            inside = {"path": folder} if folder else {}
            fields = {"run_id": owner.id, "run_uuid": owner.id} | inside
        return self._pages(path, "files", fields, get=True)

    def _path(self, owner: RunRecord | LoggedModelRecord, folder: str, raw: str) -> str | None:
        """The path of a listed file, if it is inside the listed folder; else None."""
        try:
            path = clean(raw)
        except PilothouseError:
            path = ""
        inside = path.startswith(f"{folder}/") if folder else bool(path)
        if not inside or path.count("/") > MAX_DEPTH:
            self.report.broken("file", f"{owner.id}/{raw}", "it is no path inside its folder")
            return None
        return path

    def _address_of(self, owner: RunRecord | LoggedModelRecord, path: str) -> str:
        if owner.artifact_uri.startswith(ARTIFACT_SCHEME):
            root = owner.artifact_uri.removeprefix(ARTIFACT_SCHEME).split("?")[0]
            # Of an address with a host only the path is asked for, of this server.
            root = "/".join(root.split("/")[3:]) if root.startswith("//") else root
            return FILES + quote(f"{root.strip('/')}/{path}")
        if isinstance(owner, LoggedModelRecord):
            return f"{MODEL_FILES.format(owner.id)}?artifact_file_path={quote(path, safe='')}"
        return f"/get-artifact?run_id={owner.id}&run_uuid={owner.id}&path={quote(path, safe='')}"

    def read(self, file: FileRecord) -> Iterator[bytes]:
        """The bytes of a file."""
        return self._client.chunks(file.location)

    def models(self) -> Iterator[ModelRecord]:
        """Every registered model, with the versions that a search of all versions finds."""
        versions: dict[str, list[VersionRecord]] = defaultdict(list)
        fields: Json = {"max_results": EXPERIMENTS}
        for row in self._pages("model-versions/search", "model_versions", fields, get=True):
            number = coerce.integer(row.get("version"))
            if number is not None:
                record = version(number, row, _pairs(row.get("tags")))
                versions[coerce.text(row.get("name"))].append(record)
        self._prompts.clear()
        fields = {"max_results": MODELS}
        for row in self._pages("registered-models/search", "registered_models", fields, get=True):
            name, tags = coerce.text(row.get("name")), _pairs(row.get("tags"))
            if is_prompt(tags):
                self._prompts.add(name)
            elif name:
                yield _model(name, row, tags, versions[name])

    def unsupported(self) -> Mapping[str, int]:
        """The prompts, which newer servers list only on request; nothing else can be counted."""
        fields = {"max_results": MODELS, "filter": PROMPTS}
        try:
            for row in self._pages(
                "registered-models/search", "registered_models", fields, get=True
            ):
                self._prompts.add(coerce.text(row.get("name")))
        except PilothouseError:
            log.info("the server does not tell of prompts")
        return {"prompts": len(self._prompts)}

    def size(self) -> int | None:
        """Only listing every folder would tell."""
        return None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _run(experiment: ExperimentRecord, number: str, info: Json, row: Json) -> RunRecord:
    data, inputs, outputs = (_inner(row, name) for name in ("data", "inputs", "outputs"))
    used = [(item, INPUT) for item in _rows(inputs.get("model_inputs"))]
    used += [(item, OUTPUT) for item in _rows(outputs.get("model_outputs"))]
    keys = {coerce.text(item.get("key")) for item in _rows(data.get("metrics"))}
    tags = _pairs(data.get("tags"))
    return RunRecord(
        id=number,
        experiment=experiment.id,
        status=status(info.get("status")),
        name=coerce.text(info.get("run_name")) or tags.get(RUN_NAME, ""),
        user=coerce.text(info.get("user_id")),
        started_at=coerce.instant(info.get("start_time")),
        ended_at=coerce.instant(info.get("end_time")),
        deleted=info.get("lifecycle_stage") == "deleted",
        params=_pairs(data.get("params")),
        tags=tags,
        datasets=tuple(_dataset(item) for item in _rows(inputs.get("dataset_inputs"))),
        model_uses=tuple(
            ModelUse(model, direction, coerce.integer(item.get("step")) or 0)
            for item, direction in used
            if coerce.MODEL_ID.fullmatch(model := coerce.text(item.get("model_id")))
        ),
        metrics=tuple(sorted(key for key in keys if key)),
        artifact_uri=coerce.text(info.get("artifact_uri")),
        fingerprint=coerce.fingerprint(row),
    )


def _dataset(row: Json) -> DatasetRecord:
    return dataset(_inner(row, "dataset"), _pairs(row.get("tags")))


def _logged_model(
    experiment: ExperimentRecord, number: str, info: Json, data: Json
) -> LoggedModelRecord:
    return LoggedModelRecord(
        id=number,
        experiment=experiment.id,
        name=coerce.text(info.get("name")),
        status=coerce.text(info.get("status")),
        kind=coerce.text(info.get("model_type")),
        run_id=coerce.text(info.get("source_run_id")),
        message=coerce.text(info.get("status_message")),
        created_at=coerce.instant(info.get("creation_timestamp_ms")),
        updated_at=coerce.instant(info.get("last_updated_timestamp_ms")),
        params=_pairs(data.get("params")),
        tags=_pairs(info.get("tags")),
        metrics=tuple(_model_metrics(data)),
        artifact_uri=coerce.text(info.get("artifact_uri")),
        fingerprint=coerce.fingerprint(info, data),
    )


def _model_metrics(data: Json) -> Iterator[MetricRecord]:
    for row in _rows(data.get("metrics")):
        at, value = coerce.instant(row.get("timestamp")), coerce.number(row.get("value"))
        step = coerce.integer(row.get("step", 0))
        if at is not None and value is not None and step is not None:
            texts = (coerce.text(row.get(n)) for n in ("run_id", "dataset_name", "dataset_digest"))
            yield MetricRecord(coerce.text(row.get("key")), value, at, step, *texts)


def _model(
    name: str, row: Json, tags: Mapping[str, str], versions: list[VersionRecord]
) -> ModelRecord:
    aliases = {
        coerce.text(item.get("alias")): coerce.integer(item.get("version"))
        for item in _rows(row.get("aliases"))
    }
    return ModelRecord(
        name=name,
        note=coerce.text(row.get("description")),
        created_at=coerce.instant(row.get("creation_timestamp")),
        updated_at=coerce.instant(row.get("last_updated_timestamp")),
        tags=tags,
        aliases={alias: number for alias, number in aliases.items() if number is not None},
        versions=tuple(sorted(versions, key=lambda version: version.version)),
    )


def _rows(value: Any) -> list[Json]:
    """The objects of a list; anything else in it is ignored."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _inner(value: Json, name: str) -> Json:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _pairs(value: Any) -> dict[str, str]:
    return {coerce.text(row.get("key")): coerce.text(row.get("value")) for row in _rows(value)}
