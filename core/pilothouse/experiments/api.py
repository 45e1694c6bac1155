"""The Python API of experiments and runs, used by screens, commands and notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.experiments import (
    catalog,
    deletion,
    details,
    keys,
    late_writes,
    lifecycle,
    lineage,
    logged_models,
    recording,
    run_annotations,
)
from pilothouse.experiments.code_patch import Program, log_patch, program
from pilothouse.experiments.details import ChildRun, RunInfo
from pilothouse.experiments.files.browse import RunFiles
from pilothouse.experiments.logged_models import LoggedModelInfo, SourceInfo
from pilothouse.experiments.metrics import definitions, history, packed_history, smoothing
from pilothouse.experiments.metrics.definitions import MetricKinds
from pilothouse.experiments.metrics.history import Cursor
from pilothouse.experiments.metrics.kinds import Direction
from pilothouse.experiments.metrics.smoothing import CurveOptions
from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.params import ParamValue
from pilothouse.experiments.provenance import environment
from pilothouse.experiments.provenance.git import CodeIdentity, running_folder, running_source
from pilothouse.experiments.query.runs import Entity, RunLanguage
from pilothouse.experiments.run_table import (
    default_columns,
    fields,
    filters,
    groups,
    rows,
    saved_views,
    tree,
    varying_columns,
)
from pilothouse.experiments.run_table.default_columns import DefaultColumns
from pilothouse.experiments.run_table.fields import QueryField
from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse.experiments.run_table.saved_views import ViewInfo
from pilothouse.experiments.run_table.tree import ExperimentNode
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd
    from sqlmodel import Session


class Experiments(Service):
    """The experiments of a workspace; `entities` add fields of other packages to filters."""

    def __init__(self, store: Store, entities: Sequence[Entity] = ()) -> None:
        super().__init__(store)
        self._entities = tuple(entities)

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
        """Start a run and return its id; a missing experiment is created.

        The code's identity and the source are those of the running program, unless given; its
        uncommitted changes are stored as code.patch.
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
        with suppress(Unavailable):  # the worker compacts what is left
            packed_history.compact(self._store, run)

    def close_open_runs(self, job_id: str, status: str, error: str = "") -> int:
        """End every open run of a job that can no longer end them itself; how many."""
        with self._store.write() as session:
            return lifecycle.close_open_runs(session, self._store, job_id, status, error)

    def resume_candidate(self, job_id: str) -> str | None:
        """The run that a job started and did not end, for a job that runs again."""
        with self._store.read() as session:
            return lifecycle.resume_candidate(session, job_id)

    def annotate(self, run: str, note: str) -> None:
        """Put a note on a run."""
        with self._store.write() as session:
            lifecycle.annotate(session, self._store, run, note)

    def archive(self, run: str, reason: str = "") -> None:
        """Hide a run from tables and counts, until it is restored."""
        self.archive_many([run], reason)

    def restore(self, run: str) -> None:
        """Restore an archived run."""
        self.restore_many([run])

    def delete(self, runs: Sequence[str], reason: str = "") -> int:
        """Delete archived runs and their descendants permanently; how many were deleted.

        Raises Conflict, naming them, when a run is not archived or a model version depends on it.
        """
        with self._store.write(durable=True) as session:
            return deletion.delete(session, self._store, runs, reason)

    def log_params(self, run: str, params: Mapping[str, ParamValue]) -> None:
        """Log parameters, each once. Raises Conflict when one has another value already."""
        with self._store.write() as session:
            late_writes.log_params(session, self._store, run, params)

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
                late_writes.log_params(session, self._store, run, params)
            if tags:
                late_writes.tag(session, self._store, run, tags)

    def log_artifact(self, run: str, path: str, data: bytes) -> None:
        """Store bytes as a file of the run; the same path again replaces it."""
        recording.artifact_path(path)
        digest = self._store.artifacts.put_bytes(data)
        with self._store.write() as session:
            late_writes.log_artifact(session, self._store, run, path, digest, len(data))

    def log_file(self, run: str, path: str, file: str | Path) -> None:
        """Store a file of this machine as a file of the run."""
        recording.artifact_path(path)
        digest = self._store.artifacts.put_file(file)
        with self._store.write() as session:
            size = Path(file).stat().st_size
            late_writes.log_artifact(session, self._store, run, path, digest, size)

    def log_environment(self, run: str) -> None:
        """Store this process's interpreter, platform and package versions as environment.json."""
        content = json.dumps(environment.capture().to_json(), indent=1, sort_keys=True)
        self.log_artifact(run, "environment.json", content.encode())

    def log_input(self, run: str, dataset: str, role: str = "training") -> None:
        """Record that the run read a dataset version ("flights@2") in a role."""
        with self._store.write() as session:
            late_writes.log_input(session, self._store, run, dataset, role)

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Set tags; existing values are replaced."""
        with self._store.write() as session:
            late_writes.tag(session, self._store, run, tags)

    def untag(self, run: str, keys: Iterable[str]) -> None:
        """Remove tags."""
        with self._store.write() as session:
            late_writes.untag(session, self._store, run, keys)

    def runs(
        self,
        filter: RunFilter | None = None,
        sort: str = "created",
        descending: bool = True,
        page: int = 1,
        size: int = 50,
        columns: Sequence[str] | None = None,
        as_logged: bool = False,
    ) -> pd.DataFrame:
        """One page of runs, one row each; runs without the value that sorts come last.

        Columns are id, name, experiment, status, trainer, created_at, duration_s, parent_id, then
        `metrics.<key>` and `params.<key>`; or id and the requested ones. Parameters that are
        numbers come as numbers, or with `as_logged` as the text that was logged.
        """
        with self._store.read() as session:
            return rows.runs(
                session,
                self._store.now(),
                self._compiled(session, filter),
                sort,
                descending=descending,
                page=page,
                size=size,
                columns=columns,
                as_logged=as_logged,
            )

    def default_columns(self, filter: RunFilter | None = None) -> DefaultColumns:
        """The metrics and parameters that the newest runs of a filter have, most relevant first."""
        with self._store.read() as session:
            return default_columns.default_columns(session, self._compiled(session, filter))

    def count(self, filter: RunFilter | None = None, most: int | None = None) -> int:
        """How many runs the filter selects; counting stops at `most`, when that is given."""
        with self._store.read() as session:
            return filters.count(session, self._compiled(session, filter), most)

    def groups(
        self,
        filter: RunFilter | None,
        by: Sequence[str],
        columns: Sequence[str] = (),
        sort: str = groups.COUNT,
        descending: bool = True,
        page: int = 1,
        size: int = 50,
    ) -> pd.DataFrame:
        """One page of groups of runs: the `by` columns, `n`, and of each metric column its mean.

        Beside a metric stand `.std`, `.low` and `.high` (the 95 % interval of the mean), `.n`,
        `.out` (NaN and infinities, which do not count), `.best` and `.best_run`; `attrs["groups"]`
        is how many groups there are.
        """
        with self._store.read() as session:
            return groups.groups(
                session,
                self._compiled(session, filter),
                by,
                columns,
                sort,
                descending=descending,
                page=page,
                size=size,
            )

    def group_count(self, filter: RunFilter | None, by: Sequence[str]) -> int:
        """How many groups there are."""
        with self._store.read() as session:
            return groups.count(session, self._compiled(session, filter), by)

    def group_filter(
        self, filter: RunFilter | None, by: Sequence[str], values: Sequence[Any]
    ) -> RunFilter:
        """The filter that selects the members of a group; None is a missing value."""
        return groups.group_filter(filter or RunFilter(), by, values)

    def _compiled(self, session: Session, filter: RunFilter | None) -> RunFilter:
        """The filter with its query parsed, once for all statements of a request."""
        run_filter = filter or RunFilter()
        if not run_filter.query:
            return run_filter
        compiled = self._language(session).compile(run_filter.query)
        return replace(run_filter, compiled=compiled)

    def _language(self, session: Session) -> RunLanguage:
        return RunLanguage(self._store.now(), self._entities, session)

    def metric_keys(self, experiment: str | None = None) -> list[str]:
        """Every metric that a run has, of one experiment or of all."""
        with self._store.read() as session:
            return keys.distinct_keys(session, keys.METRIC, experiment)

    def param_keys(self, experiment: str | None = None) -> list[str]:
        """Every parameter that a run has, of one experiment or of all."""
        with self._store.read() as session:
            return keys.distinct_keys(session, keys.PARAM, experiment)

    def tag_keys(self, experiment: str | None = None) -> list[str]:
        """Every tag that a run has, of one experiment or of all."""
        with self._store.read() as session:
            return keys.distinct_keys(session, keys.TAG, experiment)

    def query_fields(self, experiment: str | None = None) -> list[QueryField]:
        """The fields of `RunFilter.query`: name, title, kind, operators, and choices where few."""
        with self._store.read() as session:
            return fields.query_fields(session, self._language(session), experiment)

    def facets(self) -> dict[str, list[str]]:
        """Every experiment, status, trainer and user that occurs, for filters."""
        with self._store.read() as session:
            return keys.facets(session)

    def ids(
        self, filter: RunFilter | None = None, most: int = run_annotations.MAX_RUNS
    ) -> list[str]:
        """The ids of the newest runs of the filter, at most `most`, for a bulk command."""
        with self._store.read() as session:
            return rows.ids(session, self._compiled(session, filter), most)

    def varying_columns(self, filter: RunFilter | None = None) -> tuple[str, ...]:
        """The columns in which the newest runs of the filter differ."""
        with self._store.read() as session:
            return varying_columns.varying_columns(session, self._compiled(session, filter))

    def tree(self) -> tuple[ExperimentNode, ...]:
        """The experiments as a tree made from the slashes in their names, with counts of runs."""
        with self._store.read() as session:
            return tree.experiment_tree(session)

    def children(self, runs: Sequence[str], filter: RunFilter | None = None) -> dict[str, int]:
        """How many child runs each of these has; runs without children are left out."""
        with self._store.read() as session:
            return tree.count_children(session, runs, self._compiled(session, filter))

    def star(self, runs: Sequence[str], starred: bool = True) -> int:
        """Star runs, or remove their stars. Raises Conflict when one is archived."""
        with self._store.write() as session:
            return run_annotations.star(session, self._store, runs, starred)

    def colour(self, runs: Sequence[str], colour: str | None) -> int:
        """Give runs a colour, or remove it with None. Raises Conflict when one is archived."""
        with self._store.write() as session:
            return run_annotations.colour(session, self._store, runs, colour)

    def tag_many(
        self, runs: Sequence[str], tags: Mapping[str, str], remove: Sequence[str] = ()
    ) -> int:
        """Set tags on runs and remove others, all or none. Raises Conflict as `star` does."""
        with self._store.write() as session:
            return run_annotations.tag_many(session, self._store, runs, tags, remove)

    def rename(self, run: str, name: str) -> None:
        """Rename a run. Raises Conflict when it is archived."""
        with self._store.write() as session:
            run_annotations.rename(session, self._store, run, name)

    def archive_many(self, runs: Sequence[str], reason: str = "") -> int:
        """Hide runs from tables and counts, until they are restored; how many were not archived."""
        with self._store.write(durable=True) as session:
            return run_annotations.archive_many(session, self._store, runs, reason)

    def restore_many(self, runs: Sequence[str]) -> int:
        """Restore archived runs; how many were archived."""
        with self._store.write(durable=True) as session:
            return run_annotations.restore_many(session, self._store, runs)

    def views(self) -> tuple[ViewInfo, ...]:
        """The saved views of the run table: one's own, then the team's."""
        with self._store.read() as session:
            return saved_views.views(session, self._store)

    def default_view(self) -> ViewInfo | None:
        """The view that a run table starts with: one's own default, else the team's."""
        with self._store.read() as session:
            return saved_views.default(session, self._store)

    def save_view(self, name: str, state: Mapping[str, str], *, team: bool = False) -> ViewInfo:
        """Save the state of a run table under a name; an existing view is replaced."""
        with self._store.write() as session:
            return saved_views.save(session, self._store, name, state, team=team)

    def rename_view(self, view: int, name: str) -> ViewInfo:
        """Give a view another name. Raises Conflict when there is one of that name."""
        with self._store.write() as session:
            return saved_views.rename(session, self._store, view, name)

    def delete_view(self, view: int) -> None:
        """Remove a view; the runs it showed stay as they are."""
        with self._store.write() as session:
            saved_views.remove(session, self._store, view)

    def set_default_view(self, view: int, chosen: bool = True) -> None:
        """Make a view the default of its owner or of the team, or no longer the default."""
        with self._store.write() as session:
            saved_views.set_default(session, self._store, view, chosen)

    def metric_kinds(self) -> MetricKinds:
        """The definitions of metrics, people's own over those derived from names: `.of(key)`."""
        with self._store.read() as session:
            return definitions.metric_kinds(session)

    def describe_metric(
        self,
        key: str,
        *,
        title: str | None = None,
        direction: Direction | None = None,
        unit: str = "",
        format: str | None = None,
        target: float | None = None,
        tolerance: float | None = None,
        reason: str = "",
    ) -> None:
        """Define a metric, replacing its definition; None keeps what its name suggests.

        A new direction recalculates every run's best value. Raises Invalid that names the part.
        """
        description = definitions.MetricDescription(
            title, direction, unit, format, target, tolerance
        )
        with self._store.write(durable=True) as session:
            definitions.describe(session, self._store, key, description, reason)

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
        *,
        since: Cursor | None = None,
        low: int | None = None,
        high: int | None = None,
    ) -> pd.DataFrame:
        """Points of many runs and metrics: a frame of run, key, step, at, value.

        `max_points` thins each longer series but keeps its ends and its spikes; `low` and `high`
        bound the steps. To poll, pass the last frame's `attrs["cursor"]` as `since`:
        only later points are returned. A series that got points before its last one is returned
        in full and listed in `attrs["whole"]`.
        """
        with self._store.read() as session:
            return history.history(session, runs, keys, max_points, since=since, low=low, high=high)

    def curves(
        self, run: str, keys: Sequence[str], options: CurveOptions | None = None
    ) -> pd.DataFrame:
        """A run's metrics as charts show them: a frame of key, x, value, smooth, step, at."""
        with self._store.read() as session:
            return smoothing.curves(session, run, keys, options or CurveOptions())

    def poll(
        self,
        run: str,
        keys: Sequence[str],
        options: CurveOptions,
        previous: pd.DataFrame | None = None,
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The curves, and the points to pass as `previous` in the next call."""
        with self._store.read() as session:
            return smoothing.poll(session, run, keys, options, previous)

    @cached_property
    def files(self) -> RunFiles:
        """The files of runs and logged models."""
        return RunFiles(self._store)

    def logged_models(self, run: str) -> tuple[LoggedModelInfo, ...]:
        """The models that an MLflow client logged in a run, or that the run read."""
        with self._store.read() as session:
            return logged_models.models_of_run(session, run)

    def logged_model(self, id: str) -> LoggedModelInfo:
        """One logged model. Raises NotFound."""
        with self._store.read() as session:
            return logged_models.model(session, id)

    def sources(self, run: str) -> tuple[SourceInfo, ...]:
        """The datasets that an MLflow client said a run read."""
        with self._store.read() as session:
            return logged_models.sources_of_run(session, run)

    def ancestors(self, run: str) -> tuple[ChildRun, ...]:
        """The ancestors of a run, the outermost first."""
        with self._store.read() as session:
            return lineage.ancestors(session, run)

    def descendants(self, run: str) -> pd.DataFrame:
        """The descendants of a run in tree order, with level, metrics and differing parameters."""
        with self._store.read() as session:
            return lineage.descendants(session, run)
