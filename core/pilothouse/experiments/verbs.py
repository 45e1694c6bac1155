"""What a screen, command or notebook may ask of experiments and runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.experiments import (
    catalog,
    compare,
    details,
    environment,
    history,
    lifecycle,
    listing,
    recording,
    search,
)
from pilothouse.experiments.code import CodeIdentity, running_folder, running_source
from pilothouse.experiments.compare import Comparison
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.looking import Looking
from pilothouse.experiments.patches import Program, log_patch, program
from pilothouse.experiments.recording import ParamValue
from pilothouse.experiments.search import RunFilter
from pilothouse.experiments.summary import Points

if TYPE_CHECKING:
    import pandas as pd


class Experiments(Looking):
    """The experiments of a workspace."""

    def create(self, name: str, note: str = "") -> str:
        """Make an experiment and return its name. Raises Conflict when it exists already."""
        with self._store.write(durable=True) as session:
            return catalog.create(session, self._store, name, note).name

    def experiments(self) -> pd.DataFrame:
        """A frame of name, note, runs, running, last_run_at, created_at, created_by."""
        with self._store.read() as session:
            return catalog.experiments(session)

    def start(
        self,
        experiment: str,
        name: str | None = None,
        *,
        trainer: str | None = None,
        parent: str | None = None,
        seed: int | None = None,
        source: str = "",
        code: CodeIdentity | None = None,
        job_id: str | None = None,
    ) -> str:
        """Start a run and return its id; the experiment is made when it is not there yet.

        The code's identity and the source are those of the running program, unless given; what
        that program changed since its commit is kept as code.patch.
        """
        running = Program(code) if code else program(self._store, running_folder())
        with self._store.write() as session:
            run = lifecycle.start(
                session,
                self._store,
                experiment,
                name,
                trainer=trainer,
                parent=parent,
                seed=seed,
                source=source or running_source(),
                code=running.identity,
                job_id=job_id,
            )
            log_patch(session, run, running)
        return run

    def finish(self, run: str, status: str = "finished", error: str = "") -> None:
        """End a run as finished, failed or cancelled. Raises Conflict when it ended otherwise."""
        with self._store.write() as session:
            lifecycle.finish(session, self._store, run, status, error)

    def end_open(self, job_id: str, status: str, error: str = "") -> int:
        """End every run that a job has left open, when it can end them itself no more; how many."""
        with self._store.write() as session:
            return lifecycle.end_open(session, self._store, job_id, status, error)

    def unfinished_run(self, job_id: str) -> str | None:
        """The run that a job has started and not ended, for a job that runs again."""
        with self._store.read() as session:
            return lifecycle.unfinished(session, job_id)

    def annotate(self, run: str, note: str) -> None:
        """Put a note on a run."""
        with self._store.write() as session:
            lifecycle.annotate(session, self._store, run, note)

    def archive(self, run: str, reason: str = "") -> None:
        """Take a run out of tables and counts, until it is restored."""
        with self._store.write() as session:
            lifecycle.archive(session, self._store, run, reason)

    def restore(self, run: str) -> None:
        """Bring an archived run back."""
        with self._store.write() as session:
            lifecycle.restore(session, self._store, run)

    def log_params(self, run: str, params: Mapping[str, ParamValue]) -> None:
        """Keep parameters, each once. Raises Conflict when one has another value already."""
        with self._store.write() as session:
            recording.log_params(session, run, params)

    def log_metrics(
        self, run: str, metrics: Mapping[str, float], step: int = 0, at: datetime | None = None
    ) -> None:
        """Append one point to each metric's history."""
        self.log_batch(run, [Points(key, [step], [value], at) for key, value in metrics.items()])

    def log_history(
        self,
        run: str,
        key: str,
        steps: Sequence[int],
        values: Sequence[float],
        at: datetime | Sequence[datetime] | None = None,
    ) -> None:
        """Append many points to one metric's history; `at` is one instant, one for each, or now."""
        self.log_batch(run, [Points(key, steps, values, at)])

    def log_batch(
        self,
        run: str,
        points: Iterable[Points] = (),
        *,
        params: Mapping[str, ParamValue] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write histories of many metrics, parameters and tags, all or nothing."""
        with self._store.write() as session:
            recording.log_points(session, self._store, run, points)
            if params:
                recording.log_params(session, run, params)
            if tags:
                recording.tag(session, run, tags)

    def log_artifact(self, run: str, path: str, data: bytes) -> None:
        """Keep bytes as a file of the run; the same path again replaces it."""
        recording.artifact_path(path)
        digest = self._store.artifacts.put_bytes(data)
        with self._store.write() as session:
            recording.log_artifact(session, run, path, digest, len(data))

    def log_file(self, run: str, path: str, file: str | Path) -> None:
        """Keep a file of this machine as a file of the run."""
        recording.artifact_path(path)
        digest = self._store.artifacts.put_file(file)
        with self._store.write() as session:
            recording.log_artifact(session, run, path, digest, Path(file).stat().st_size)

    def log_environment(self, run: str) -> None:
        """Keep this process's interpreter, platform and package versions as environment.json."""
        told = json.dumps(environment.capture().to_json(), indent=1, sort_keys=True)
        self.log_artifact(run, "environment.json", told.encode())

    def log_input(self, run: str, dataset: str, role: str = "training") -> None:
        """Say that the run read a dataset version ("flights@2") in a role."""
        with self._store.write() as session:
            recording.log_input(session, run, dataset, role)

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Set tags, in place of what they were."""
        with self._store.write() as session:
            recording.tag(session, run, tags)

    def untag(self, run: str, keys: Iterable[str]) -> None:
        """Take tags off."""
        with self._store.write() as session:
            recording.untag(session, run, keys)

    def runs(
        self,
        filter: RunFilter | None = None,
        sort: str = "created",
        descending: bool = True,
        page: int = 1,
        size: int = 50,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """One page of runs, one row each; runs without the value that sorts come last.

        Columns are id, name, experiment, status, trainer, created_at, duration_s, parent_id, then
        `metrics.<key>` and `params.<key>`; or id and the ones asked for.
        """
        with self._store.read() as session:
            return listing.runs(
                session,
                self._store.now(),
                filter,
                sort,
                descending=descending,
                page=page,
                size=size,
                columns=columns,
            )

    def count(self, filter: RunFilter | None = None) -> int:
        """How many runs the filter means."""
        with self._store.read() as session:
            return search.count(session, filter)

    def run(self, id: str) -> RunInfo:
        """A run in full: parameters, metrics, tags, files, inputs, children. Raises NotFound."""
        with self._store.read() as session:
            return details.run(session, id)

    def artifact(self, run: str, path: str) -> bytes:
        """A file of a run, verified. Raises NotFound, or Unavailable when it is damaged."""
        with self._store.read() as session:
            digest = details.artifact(session, run, path).digest
        return self._store.artifacts.read(digest)

    def artifact_file(self, run: str, path: str) -> Path:
        """A file of a run as a verified file on this machine."""
        with self._store.read() as session:
            digest = details.artifact(session, run, path).digest
        return self._store.artifacts.local_path(digest)

    def history(
        self,
        runs: Sequence[str],
        keys: Sequence[str] | None = None,
        max_points: int | None = None,
    ) -> pd.DataFrame:
        """Points of many runs and metrics: a frame of run, key, step, at, value.

        `max_points` thins each longer series but keeps its ends and its spikes.
        """
        with self._store.read() as session:
            return history.history(session, runs, keys, max_points)

    def compare(self, runs: Sequence[str], baseline: str | None = None) -> Comparison:
        """Hold two to ten runs against a baseline: one of them, one more, or else the first."""
        with self._store.read() as session:
            return compare.compare(session, self._store, runs, baseline)

    def metric_keys(self, experiment: str | None = None) -> list[str]:
        """Every metric that a run has, of one experiment or of all."""
        with self._store.read() as session:
            return search.metric_keys(session, experiment)

    def param_keys(self, experiment: str | None = None) -> list[str]:
        """Every parameter that a run has, of one experiment or of all."""
        with self._store.read() as session:
            return search.param_keys(session, experiment)

    def facets(self) -> dict[str, list[str]]:
        """Every experiment, status, trainer and user that occurs, for filters."""
        with self._store.read() as session:
            return search.facets(session)
