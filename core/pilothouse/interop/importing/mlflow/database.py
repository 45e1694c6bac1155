"""Reading an `mlflow.db`, the SQLite database of MLflow 2 and 3, without ever writing to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.local_files import LocalFiles
from pilothouse.interop.importing.mlflow.common import MlflowStore, is_prompt, sandbox, status
from pilothouse.interop.importing.mlflow.folder import STATUSES
from pilothouse.interop.importing.mlflow.registry_folder import DELETED
from pilothouse.interop.importing.mlflow.sqlite import Row, Tables
from pilothouse.interop.importing.records import (
    BATCH,
    INPUT,
    OUTPUT,
    DatasetRecord,
    ExperimentRecord,
    LoggedModelRecord,
    MetricRecord,
    ModelRecord,
    ModelUse,
    RunRecord,
    VersionRecord,
)
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.mlflow.run_serialisation import NOTE, RUN_NAME
from pilothouse.interop.mlflow.version_serialisation import STAGE_BY_NAME
from pilothouse.registry.tables import NONE

PAGE = 200
DEFAULT = "default"
NEEDED = ("experiments", "runs", "params", "tags", "metrics")
OTHERS = {
    "traces": "trace_info",
    "assessments": "assessments",
    "evaluation datasets": "evaluation_datasets",
    "scorers": "scorers",
    "webhooks": "webhooks",
    "gateway endpoints": "endpoints",
    "issues": "issues",
    "label schemas": "label_schemas",
}
DATASETS = (
    "SELECT i.destination_id, i.input_uuid, d.name, d.digest, d.dataset_source_type, "
    "d.dataset_source, d.dataset_schema, d.dataset_profile "
    "FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id "
    "WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id IN ({})"
)
DIRECTIONS = {("RUN_OUTPUT", "MODEL_OUTPUT"): OUTPUT, ("RUN_INPUT", "MODEL_INPUT"): INPUT}
HISTORY = "SELECT key, step, timestamp, value, {nan} FROM metrics WHERE run_uuid = ? ORDER BY key"


class DatabaseSource(MlflowStore, LocalFiles):
    """A tracking database; its files lie beside it, or in the folder that is named."""

    kind = "database"

    def __init__(self, file: Path, report: ReportBuilder, artifacts: Path | None = None) -> None:
        super().__init__(sandbox(artifacts or file.parent), report)
        self.name = f"database:{file.resolve()}"
        self._tables = Tables(file, NEEDED)
        self.written_by = self._tables.schema_description
        self._prompts: set[tuple[str, str]] = set()
        if not self._tables.is_known_schema:
            message = "its schema is not known here; what looks familiar is read"
            report.noted("database", self._tables.schema or "no schema version", message)

    def experiments(self) -> Iterator[ExperimentRecord]:
        """Every experiment, the deleted ones too."""
        columns = (
            *("experiment_id", "name", "lifecycle_stage", "creation_time"),
            *("last_update_time", "workspace"),
        )
        tags = self._key_values("experiment_tags", "experiment_id")
        for row in self._tables.rows("experiments", columns, order="experiment_id"):
            number, name = coerce.text(row["experiment_id"]), coerce.text(row["name"])
            if not name:
                self.report.broken("experiment", number, "it has no name")
                continue
            workspace = coerce.text(row["workspace"]) or DEFAULT
            yield ExperimentRecord(
                id=number,
                name=name if workspace == DEFAULT else f"{workspace}/{name}",
                deleted=row["lifecycle_stage"] == "deleted",
                created_at=coerce.instant(row["creation_time"]),
                updated_at=coerce.instant(row["last_update_time"]),
                note=tags[number].get(NOTE, ""),
                tags=tags[number],
            )

    def _key_values(
        self,
        table: str,
        owner: str,
        among: Sequence[str] | None = None,
        key: str = "key",
        value: str = "value",
    ) -> dict[str, dict[str, str]]:
        """Keys and values of many owners."""
        pairs: dict[str, dict[str, str]] = defaultdict(dict)
        for row in self._tables.rows(table, (owner, key, value), where=owner, among=among):
            pairs[coerce.text(row[owner])][coerce.text(row[key])] = coerce.text(row[value])
        return pairs

    def count(self, experiment: ExperimentRecord) -> int | None:
        """How many runs it has."""
        return self._tables.count("runs", "experiment_id", experiment.id)

    def runs(self, experiment: ExperimentRecord) -> Iterator[RunRecord]:
        """Its runs by id, a page at a time."""
        columns = (
            *("run_uuid", "name", "source_name", "source_version", "user_id", "status"),
            *("start_time", "end_time", "lifecycle_stage", "artifact_uri", "deleted_time"),
        )
        owner = ("experiment_id", experiment.id)
        for page in self._tables.pages("runs", columns, owner, "run_uuid", PAGE):
            yield from self._runs(experiment, page)

    def _runs(self, experiment: ExperimentRecord, page: Sequence[Row]) -> Iterator[RunRecord]:
        ids = [coerce.text(row["run_uuid"]) for row in page]
        params, tags = (
            self._key_values("params", "run_uuid", ids),
            self._key_values("tags", "run_uuid", ids),
        )
        datasets, uses = self._datasets(ids), self._uses(ids)
        points = self._tables.counts("metrics", "run_uuid", ids)
        latest: dict[str, list[Any]] = defaultdict(list)
        columns = ("run_uuid", "key", "step", "timestamp", "value", "is_nan")
        for row in self._tables.rows("latest_metrics", columns, where="run_uuid", among=ids):
            latest[coerce.text(row["run_uuid"])].append(list(row.values()))
        for number, row in zip(ids, page, strict=True):
            if not coerce.RUN_ID.fullmatch(number):
                self.report.skipped("run", number, "its name is no run id")
                continue
            facts = params[number], tags[number], tuple(datasets[number]), tuple(uses[number])
            metric_state = sorted(map(str, latest[number])), points.get(number, 0)
            yield self._run(experiment, row, facts, coerce.fingerprint(row, metric_state))

    def _run(
        self, experiment: ExperimentRecord, row: Row, facts: Any, metrics_stamp: str
    ) -> RunRecord:
        params, tags, datasets, uses = facts
        number, at = coerce.text(row["run_uuid"]), coerce.text(row["artifact_uri"])
        inputs = [vars(item) for item in (*datasets, *uses)]
        return RunRecord(
            id=number,
            experiment=experiment.id,
            status=status(row["status"]),
            name=coerce.text(row["name"]) or tags.get(RUN_NAME, ""),
            user=coerce.text(row["user_id"]),
            source=coerce.text(row["source_name"]),
            commit=coerce.text(row["source_version"]),
            started_at=coerce.instant(row["start_time"]),
            ended_at=coerce.instant(row["end_time"]),
            deleted=row["lifecycle_stage"] == "deleted",
            deleted_at=coerce.instant(row["deleted_time"]),
            params=params,
            tags=tags,
            datasets=datasets,
            model_uses=uses,
            artifact_uri=at,
            fingerprint=coerce.fingerprint(
                metrics_stamp, params, tags, inputs, self._file_sizes(at, number)
            ),
        )

    def _file_sizes(self, at: str, owner: str) -> list[tuple[str, int]]:
        folder = self.root.relocate(at, owner)
        if folder is None:
            return []
        return [(entry.path, entry.size) for entry in self.root.files(folder, lambda _p, _w: None)]

    def _datasets(self, ids: Sequence[str]) -> dict[str, list[DatasetRecord]]:
        datasets: dict[str, list[DatasetRecord]] = defaultdict(list)
        if not self._tables.has("inputs", "datasets"):
            return datasets
        rows = self._tables.query(DATASETS, ids)
        uses = [coerce.text(row["input_uuid"]) for row in rows]
        tags = self._key_values("input_tags", "input_uuid", uses, key="name")
        for row in rows:
            run, use, *texts = (coerce.text(value) for value in row.values())
            name, digest, source_type, source, schema, profile = texts
            datasets[run].append(
                DatasetRecord(name, digest, source_type, source, schema, profile, tags[use])
            )
        return datasets

    def _uses(self, ids: Sequence[str]) -> dict[str, list[ModelUse]]:
        uses: dict[str, list[ModelUse]] = defaultdict(list)
        columns = ("source_type", "source_id", "destination_type", "destination_id", "step")
        for row in self._tables.rows("inputs", columns, where="source_id", among=ids):
            ends = coerce.text(row["source_type"]), coerce.text(row["destination_type"])
            model = coerce.text(row["destination_id"])
            if ends in DIRECTIONS and coerce.MODEL_ID.fullmatch(model):
                step = coerce.integer(row["step"]) or 0
                uses[coerce.text(row["source_id"])].append(ModelUse(model, DIRECTIONS[ends], step))
        return uses

    def points(self, run: RunRecord) -> Iterator[Points]:
        """Its histories, metric by metric."""
        nan = "is_nan" if self._tables.has_column("metrics", "is_nan") else "0"
        bad = 0
        for key, rows in groupby(
            self._tables.iterate(HISTORY.format(nan=nan), run.id), itemgetter(0)
        ):
            name = coerce.text(key)
            stretch = _PointBuffer(name)
            for row in rows:
                if not stretch.add(row):
                    bad += 1
                elif len(stretch) == BATCH:
                    yield stretch.points()
                    stretch = _PointBuffer(name)
            if len(stretch):
                yield stretch.points()
        if bad:
            self.report.broken("metric", run.id, f"rows that are no points: {bad:,}")

    def logged_models(self, experiment: ExperimentRecord) -> Iterator[LoggedModelRecord]:
        """Its logged models; MLflow 2 has none."""
        columns = (
            *("model_id", "name", "artifact_location", "creation_timestamp_ms"),
            *("last_updated_timestamp_ms", "status", "lifecycle_stage", "model_type"),
            *("source_run_id", "status_message"),
        )
        owner = ("experiment_id", experiment.id)
        for page in self._tables.pages("logged_models", columns, owner, "model_id", PAGE):
            yield from self._logged_models(experiment, page)

    def _logged_models(
        self, experiment: ExperimentRecord, page: Sequence[Row]
    ) -> Iterator[LoggedModelRecord]:
        ids = [coerce.text(row["model_id"]) for row in page]
        params = self._key_values(
            "logged_model_params", "model_id", ids, "param_key", "param_value"
        )
        tags = self._key_values("logged_model_tags", "model_id", ids, "tag_key", "tag_value")
        figures = self._model_metrics(ids)
        for number, row in zip(ids, page, strict=True):
            if not coerce.MODEL_ID.fullmatch(number):
                self.report.skipped("logged model", number, "its name is no model id")
                continue
            at, metrics = coerce.text(row["artifact_location"]), tuple(figures[number])
            yield LoggedModelRecord(
                id=number,
                experiment=experiment.id,
                name=coerce.text(row["name"]),
                status=STATUSES.get(coerce.text(row["status"]), ""),
                kind=coerce.text(row["model_type"]),
                run_id=coerce.text(row["source_run_id"]),
                message=coerce.text(row["status_message"]),
                created_at=coerce.instant(row["creation_timestamp_ms"]),
                updated_at=coerce.instant(row["last_updated_timestamp_ms"]),
                deleted=row["lifecycle_stage"] == "deleted",
                params=params[number],
                tags=tags[number],
                metrics=metrics,
                artifact_uri=at,
                fingerprint=coerce.fingerprint(
                    row,
                    params[number],
                    tags[number],
                    [vars(metric) for metric in metrics],
                    self._file_sizes(at, number),
                ),
            )

    def _model_metrics(self, ids: Sequence[str]) -> dict[str, list[MetricRecord]]:
        columns = (
            *("model_id", "metric_name", "metric_timestamp_ms", "metric_step", "metric_value"),
            *("run_id", "dataset_name", "dataset_digest"),
        )
        metrics: dict[str, list[MetricRecord]] = defaultdict(list)
        for row in self._tables.rows("logged_model_metrics", columns, where="model_id", among=ids):
            at = coerce.instant(row["metric_timestamp_ms"])
            value, step = coerce.number(row["metric_value"]), coerce.integer(row["metric_step"])
            if at is None or value is None or step is None:
                self.report.broken("metric", row["model_id"], "a figure of it is no point")
                continue
            texts = (coerce.text(row[name]) for name in columns[5:])
            metrics[coerce.text(row["model_id"])].append(
                MetricRecord(coerce.text(row["metric_name"]), value, at, step, *texts)
            )
        return metrics

    def models(self) -> Iterator[ModelRecord]:
        """Every registered model."""
        self._prompts.clear()
        columns = ("name", "creation_time", "last_updated_time", "description", "workspace")
        for row in self._tables.rows("registered_models", columns, order="name"):
            key = coerce.text(row["workspace"]) or DEFAULT, coerce.text(row["name"])
            tags = self._rows_of_model("registered_model_tags", ("key", "value"), key)
            tag_values = {coerce.text(tag["key"]): coerce.text(tag["value"]) for tag in tags}
            if is_prompt(tag_values):
                self._prompts.add(key)
            elif key[1]:
                yield self._model(key, row, tag_values)

    def _rows_of_model(self, table: str, columns: Sequence[str], key: tuple[str, str]) -> list[Row]:
        """The rows of a table that are of one registered model, in its workspace."""
        selected = (*columns, "workspace")
        rows = self._tables.rows(table, selected, where="name", among=[key[1]])
        return [row for row in rows if (coerce.text(row["workspace"]) or DEFAULT) == key[0]]

    def _model(self, key: tuple[str, str], row: Row, tags: Mapping[str, str]) -> ModelRecord:
        aliases = {
            coerce.text(item["alias"]): coerce.integer(item["version"])
            for item in self._rows_of_model("registered_model_aliases", ("alias", "version"), key)
        }
        version_tags: dict[int | None, dict[str, str]] = defaultdict(dict)
        for item in self._rows_of_model("model_version_tags", ("version", "key", "value"), key):
            number = coerce.integer(item["version"])
            version_tags[number][coerce.text(item["key"])] = coerce.text(item["value"])
        return ModelRecord(
            name=key[1] if key[0] == DEFAULT else f"{key[0]}-{key[1]}",
            note=coerce.text(row["description"]),
            created_at=coerce.instant(row["creation_time"]),
            updated_at=coerce.instant(row["last_updated_time"]),
            tags=tags,
            aliases={alias: number for alias, number in aliases.items() if number is not None},
            versions=tuple(self._versions(key, version_tags)),
        )

    def _versions(
        self, key: tuple[str, str], version_tags: Mapping[int | None, Mapping[str, str]]
    ) -> list[VersionRecord]:
        columns = (
            *("version", "creation_time", "last_updated_time", "description", "current_stage"),
            *("source", "run_id", "run_link", "storage_location", "status"),
        )
        versions = []
        for row in self._rows_of_model("model_versions", columns, key):
            number, stage = coerce.integer(row["version"]), coerce.text(row["current_stage"])
            if number is None or stage == DELETED:
                continue
            at = coerce.MODEL_ID.search(coerce.text(row["source"]))
            versions.append(
                VersionRecord(
                    version=number,
                    source=coerce.text(row["source"]),
                    stage=STAGE_BY_NAME.get(stage.lower(), NONE),
                    run_id=coerce.text(row["run_id"]),
                    model_id=at[0] if at else "",
                    note=coerce.text(row["description"]),
                    run_link=coerce.text(row["run_link"]),
                    created_at=coerce.instant(row["creation_time"]),
                    updated_at=coerce.instant(row["last_updated_time"]),
                    tags=version_tags.get(number, {}),
                )
            )
        return sorted(versions, key=lambda version: version.version)

    def unsupported(self) -> Mapping[str, int]:
        """What other tables hold."""
        counted = {noun: self._tables.count(table) for noun, table in OTHERS.items()}
        return {"prompts": len(self._prompts), **counted}

    def close(self) -> None:
        """Close the database."""
        self._tables.close()


class _PointBuffer:
    """Collects the rows of one metric as points."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._steps: list[int] = []
        self._values: list[float] = []
        self._instants: list[int] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, row: Sequence[Any]) -> bool:
        """Add a row, if it is a valid point; whether it was."""
        _, step, at, value, nan = row
        fit_step, fit_at = coerce.integer(step), coerce.micros(at)
        number = float("nan") if nan else coerce.number(value)
        if fit_step is None or fit_at is None or number is None:
            return False
        self._steps.append(fit_step)
        self._values.append(number)
        self._instants.append(fit_at)
        return True

    def points(self) -> Points:
        """The points that were added."""
        return Points(self._key, self._steps, self._values, at_us=self._instants)
