"""Writing a tracking database as MLflow has it, out of what our server answers MLflow's client."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pilothouse.interop.importing.coerce import MAX_FLOAT, derived_id

if TYPE_CHECKING:
    from pilothouse.experiments.metrics.packed_history import SeriesColumns

SCHEMA = Path(__file__).with_name("mlflow_schema.sql")
QUICK = ("journal_mode = OFF", "synchronous = OFF")  # of a new file, which is whole or thrown away
MODEL_STATUS = {"LOGGED_MODEL_PENDING": 1, "LOGGED_MODEL_READY": 2, "LOGGED_MODEL_UPLOAD_FAILED": 3}
Json = Mapping[str, Any]


class MlflowDatabase:
    """A new database; what is written twice is there once."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in QUICK:
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        self._connection.execute("BEGIN")
        self.merged = 0  # points that became one with another

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        self._connection.close()

    def add_experiment(self, answer: Json, location: str, note: Json) -> None:
        """An experiment; `note` is a tag that is added unless it has one of that key."""
        number = int(answer["experiment_id"])
        times = answer["creation_time"], answer["last_update_time"]
        row = (number, answer["name"], location, answer["lifecycle_stage"], *times)
        self._insert("experiments", [row])
        tags = {**note, **_pairs(answer.get("tags", ()))}
        self._insert("experiment_tags", [(key, value, number) for key, value in tags.items()])

    def add_run(self, answer: Json, location: str, tags: Mapping[str, str]) -> None:
        """A run with all but its histories; `tags` are added to its own."""
        info, data = answer["info"], answer["data"]
        run, source = info["run_id"], _pairs(data["tags"])
        row = (
            *(run, info["run_name"], "LOCAL", source.get("mlflow.source.name", ""), ""),
            *(info["user_id"], info["status"], info["start_time"], info.get("end_time")),
            *(source.get("mlflow.source.git.commit", ""), info["lifecycle_stage"], location),
            *(int(info["experiment_id"]), None),
        )
        self._insert("runs", [row])
        self._insert("params", [(key, v, run) for key, v in _pairs(data.get("params", ())).items()])
        self._insert("tags", [(key, v, run) for key, v in {**source, **tags}.items()])
        latest = []
        for point in data.get("metrics", ()):
            value, nan = _stored(float(point["value"]))
            latest.append((point["key"], value, point["timestamp"], point["step"], nan, run))
        self._insert("latest_metrics", latest)
        for use in answer["inputs"].get("dataset_inputs", ()):
            self.add_dataset(run, int(info["experiment_id"]), use)
        self._add_model_uses(run, answer)

    def add_dataset(self, run: str, experiment: int, use: Json) -> None:
        """A dataset that a run read."""
        fields = use["dataset"]
        dataset = derived_id("dataset", experiment, fields["name"], fields["digest"])
        row = (dataset, experiment, fields["name"], fields["digest"], fields["source_type"])
        texts = (fields["source"], fields.get("schema"), fields.get("profile"))
        self._insert("datasets", [(*row, *texts)])
        number = derived_id("input", dataset, run)
        self._insert("inputs", [(number, "DATASET", dataset, "RUN", run, 0)])
        tags = _pairs(use.get("tags", ()))
        self._insert("input_tags", [(number, key, value) for key, value in tags.items()])

    def _add_model_uses(self, run: str, answer: Json) -> None:
        rows = []
        for direction in ("input", "output"):
            ends = f"RUN_{direction.upper()}", f"MODEL_{direction.upper()}"
            for use in answer[f"{direction}s"].get(f"model_{direction}s", ()):
                model = use["model_id"]
                number = derived_id(direction, model, run)
                rows.append((number, ends[0], run, ends[1], model, use.get("step", 0)))
        self._insert("inputs", rows)

    def add_history(self, run: str, key: str, points: SeriesColumns) -> None:
        """The history of a metric: times in milliseconds, the largest number for an infinity."""
        import numpy as np

        nans = np.isnan(points.values)
        values = np.clip(np.where(nans, 0.0, points.values), -MAX_FLOAT, MAX_FLOAT)
        columns = (values, points.instants // 1000, points.steps, nans.astype(int))
        rows = zip(*(column.tolist() for column in columns), strict=True)
        before = self._connection.total_changes
        self._connection.executemany(
            "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            ((key, value, at, run, step, nan) for value, at, step, nan in rows),
        )
        self.merged += len(points) - (self._connection.total_changes - before)

    def add_logged_model(self, answer: Json, location: str) -> None:
        """A logged model with its parameters, tags and figures."""
        info, data = answer["info"], answer["data"]
        model, experiment = info["model_id"], int(info["experiment_id"])
        times = info["creation_timestamp_ms"], info["last_updated_timestamp_ms"]
        row = (
            *(model, experiment, info["name"], location, *times, MODEL_STATUS[info["status"]]),
            *("active", info["model_type"], info["source_run_id"], ""),
        )
        self._insert("logged_models", [row])
        owner = (model, experiment)
        for table, pairs in (
            ("logged_model_params", data.get("params", ())),
            ("logged_model_tags", info.get("tags", ())),
        ):
            self._insert(table, [(*owner, key, v) for key, v in _pairs(pairs).items()])
        figures = [
            (
                *(model, point["key"], point["timestamp"], point["step"]),
                *(_stored(float(point["value"]))[0], experiment, point["run_id"], None),
                *(point.get("dataset_name"), point.get("dataset_digest")),
            )
            for point in data.get("metrics", ())
        ]
        self._insert("logged_model_metrics", figures)

    def add_model(self, answer: Json, versions: Sequence[Json]) -> None:
        """A registered model with those of its versions that are given."""
        name = answer["name"]
        times = answer["creation_timestamp"], answer["last_updated_timestamp"]
        self._insert("registered_models", [(name, *times, answer.get("description", ""))])
        tags = _pairs(answer.get("tags", ()))
        self._insert("registered_model_tags", [(key, v, name) for key, v in tags.items()])
        for version in versions:
            self._add_version(name, version)

    def _add_version(self, name: str, answer: Json) -> None:
        number = int(answer["version"])
        row = (
            *(name, number, answer["creation_timestamp"], answer["last_updated_timestamp"]),
            *(answer["description"], "", answer["current_stage"], answer["source"]),
            *(answer["run_id"], answer["status"], "", answer["run_link"], None),
        )
        self._insert("model_versions", [row])
        tags = _pairs(answer.get("tags", ()))
        self._insert("model_version_tags", [(key, v, name, number) for key, v in tags.items()])
        aliases = answer.get("aliases", ())
        self._insert("registered_model_aliases", [(alias, number, name) for alias in aliases])

    def _insert(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            marks = ", ".join("?" * len(row))
            self._connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)


def _stored(value: float) -> tuple[float, int]:
    """A number as MLflow stores it, and 1 when it is none."""
    if value != value:
        return 0.0, 1
    return max(min(value, MAX_FLOAT), -MAX_FLOAT), 0


def _pairs(rows: Iterable[Json]) -> dict[str, str]:
    return {row["key"]: row["value"] for row in rows}
