"""RunInspection closely at runs: facts, courses, files, what they read and made, their families."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.experiments import details, lineage
from pilothouse.experiments import logged_models as logged
from pilothouse.experiments.details import ChildRun, RunInfo
from pilothouse.experiments.files.browse import RunFiles
from pilothouse.experiments.logged_models import LoggedModelInfo, SourceInfo
from pilothouse.experiments.metrics import history
from pilothouse.experiments.metrics import smoothing as courses
from pilothouse.experiments.metrics.smoothing import CurveOptions
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd


class RunInspection(Service):
    """The verbs of experiments that look at runs one by one."""

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
        since: history.Cursor | None = None,
        low: int | None = None,
        high: int | None = None,
    ) -> pd.DataFrame:
        """Points of many runs and metrics: a frame of run, key, step, at, value.

        `max_points` thins each longer series but keeps its ends and its spikes; `low` and `high`
        bound the steps. For a page that polls: hand the last frame's `attrs["cursor"]` in as
        `since` and only what came later is told; a series that must be drawn anew, because points
        came before its last one, is told whole and named in `attrs["whole"]`.
        """
        with self._store.read() as session:
            return history.history(session, runs, keys, max_points, since=since, low=low, high=high)

    def curves(
        self, run: str, keys: Sequence[str], options: CurveOptions | None = None
    ) -> pd.DataFrame:
        """A run's metrics as charts show them: a frame of key, x, value, smooth, step, at."""
        with self._store.read() as session:
            return courses.curves(session, run, keys, options or CurveOptions())

    def poll(
        self,
        run: str,
        keys: Sequence[str],
        options: CurveOptions,
        previous: pd.DataFrame | None = None,
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """For a page that polls: the courses, and the points to hand in as `held` next time."""
        with self._store.read() as session:
            return courses.poll(session, run, keys, options, previous)

    @cached_property
    def files(self) -> RunFiles:
        """The files of runs and logged models: listed and looked into."""
        return RunFiles(self._store)

    def logged_models(self, run: str) -> tuple[LoggedModelInfo, ...]:
        """The models that an MLflow client logged in a run, or that the run read."""
        with self._store.read() as session:
            return logged.models_of_run(session, run)

    def logged_model(self, id: str) -> LoggedModelInfo:
        """One logged model. Raises NotFound."""
        with self._store.read() as session:
            return logged.model(session, id)

    def sources(self, run: str) -> tuple[SourceInfo, ...]:
        """The datasets that an MLflow client said a run read."""
        with self._store.read() as session:
            return logged.sources_of_run(session, run)

    def ancestors(self, run: str) -> tuple[ChildRun, ...]:
        """The runs above a run, the outermost first."""
        with self._store.read() as session:
            return lineage.ancestors(session, run)

    def descendants(self, run: str) -> pd.DataFrame:
        """The runs below a run as a tree: `level` deep, their metrics, and what differs."""
        with self._store.read() as session:
            return lineage.descendants(session, run)
