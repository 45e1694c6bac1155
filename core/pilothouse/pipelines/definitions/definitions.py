"""The Python API of pipelines that people define; `Pipelines` has it as its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from pilothouse.jobs import schedules, submit
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.parameters import read_params
from pilothouse.pipelines.definitions import backfill, pipeline_runs, registration
from pilothouse.pipelines.definitions.definition import read_parameters
from pilothouse.pipelines.definitions.definition_info import PipelineInfo, PipelineRunInfo
from pilothouse.pipelines.tables import RegisteredPipeline
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

LOG_BYTES = 200_000
COLUMNS = ("name", "version", "steps", "parameters", "description", "schedules", "updated_at")


class PipelineDefinitions(Service):
    """Pipelines that people define in a file: versions, runs, forks, schedules, backfills."""

    def register(self, path: str | Path) -> PipelineInfo:
        """Register a pipeline's file: YAML, or Python that builds it with `pipelines.builder`.

        The same content is the same version. Raises NotFound without the file, Invalid with every
        fault of it by line, step and field.
        """
        file = Path(path).expanduser()
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as unreadable:
            raise NotFound(f"{file} cannot be read: {unreadable}.") from unreadable
        return self.register_text(text, file.name)

    def register_text(self, text: str, filename: str = "pipeline.yaml") -> PipelineInfo:
        """Register a pipeline that is given as the text of its file. Raises Invalid."""
        from pilothouse.pipelines.definitions.source_file import read_source

        definition = read_source(text, filename)
        with self._store.write() as session:
            return registration.register(session, self._store, definition, text, filename)

    def pipelines(self) -> pd.DataFrame:
        """Pipelines by name: a frame of `COLUMNS`."""
        import pandas as pd

        rows = []
        with self._store.read() as session:
            for row in session.exec(
                select(RegisteredPipeline).order_by(col(RegisteredPipeline.name))
            ):
                definition = registration.definition_of_version(session, row.name, row.version)
                counts = len(definition.steps), len(definition.parameters)
                schedules = len(registration.schedules_of(session, row.name))
                about = (*counts, definition.description, schedules, row.updated_at)
                rows.append((row.name, row.version, *about))
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        frame["updated_at"] = pd.to_datetime(frame["updated_at"], utc=True)
        return frame

    def pipeline(self, name: str, version: int | None = None) -> PipelineInfo:
        """A version of a pipeline, by default the one that runs. Raises NotFound."""
        with self._store.read() as session:
            return registration.require_version(session, name, version)

    def source(self, name: str, version: int | None = None) -> str:
        """The file of a version, as it was registered. Raises NotFound."""
        return self._store.artifacts.read(self.pipeline(name, version).digest).decode()

    def run(
        self, name: str, parameters: Mapping[str, Any] | None = None, version: int | None = None
    ) -> str:
        """Ask for a run of a pipeline; the run's id, which is also its job's.

        Raises NotFound, and Invalid for parameters that are not its own.
        """
        with self._store.write() as session:
            pipeline = registration.require_version(session, name, version)
            values = read_parameters(pipeline.definition, parameters or {}, self._today())
            return registration.submit_run(session, self._store, pipeline, values)

    def runs(self, name: str = "", *, page: int = 1, size: int = 50) -> pd.DataFrame:
        """Runs of a pipeline, or of all, newest first: a frame of `pipeline_runs.COLUMNS`."""
        with self._store.read() as session:
            return pipeline_runs.frame(session, name, page, size)

    def run_details(self, run: str) -> PipelineRunInfo:
        """A run with its steps: state, inputs and outputs of each. Raises NotFound."""
        with self._store.read() as session:
            return pipeline_runs.run_info(session, run)

    def step_log(self, run: str, step: str) -> str:
        """The last 200 kB that a step of a run has logged. Raises NotFound, Invalid."""
        return pipeline_runs.step_log(self._store, run, step, LOG_BYTES)

    def fork(self, run: str, step: str, version: int | None = None) -> str:
        """Ask for a run that begins at a step, with the results of what does not come after it.

        It is of the same version, or of another one in which those steps are written the same.
        Raises NotFound, Conflict when the step needs one that has not succeeded.
        """
        with self._store.write() as session:
            return pipeline_runs.fork(session, self._store, run, step, version)

    def backfill(
        self,
        name: str,
        start: date,
        end: date,
        *,
        every: str = "day",
        parameter: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Ask for a run for each day, week or month from `start` to `end`: date, run, state.

        The date is given to `parameter`, by default the pipeline's only one of the type date. What
        a run has succeeded with, or is under way with, is skipped. Raises NotFound, Invalid.
        """
        import pandas as pd

        days = backfill.dates_of(start, end, every)
        with self._store.write() as session:
            pipeline = registration.require_version(session, name)
            chosen = backfill.date_parameter(pipeline.definition, parameter)
            rows = backfill.backfill(session, self._store, pipeline, chosen, days, parameters or {})
        return pd.DataFrame(rows, columns=list(backfill.COLUMNS))

    def add_schedule(
        self,
        name: str,
        cron: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        schedule: str = "",
    ) -> str:
        """Run a pipeline at each time a cron expression (UTC) names; the schedule's name.

        A run takes the version that is the newest when it begins. Dates whose default is "today"
        are the day of the run. Raises NotFound, Invalid, Conflict for a name that is taken.
        """
        values = dict(parameters or {})
        schedule = schedule or f"Run {name}"
        with self._store.write() as session:
            pipeline = registration.require_version(session, name)
            read_parameters(pipeline.definition, values, self._today())
            spec = schedules.ScheduleSpec(
                schedule,
                cron,
                registration.RUN_JOB,
                {"pipeline": name, "parameters": values},
                title=f"Run {name}",
                subject=(registration.KIND, name),
            )
            schedules.add(session, self._store, spec)
        return schedule

    def run_step(
        self, name: str, step: str, key: str, parameters: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> str:  # fmt: skip
        """Ask for one step of a run that another program leads, such as Airflow; the job's id.

        `key` is that program's name of the run: steps with the same key take one another's
        outputs. Raises NotFound, Invalid, Conflict while a step that it needs has not succeeded.
        """
        if not key.strip():
            raise Invalid("a run needs a key.", fields={"key": "needed"})
        with self._store.write() as session:
            pipeline = registration.require_version(session, name, version)
            pipeline.definition.step(step)
            run = pipeline_runs.run_of_key(session, self._store, pipeline, key, parameters or {})
            done = pipeline_runs.outputs_of_run(session, run.id)
            missing = sorted(pipeline.definition.before(step) - set(done))
            if missing:
                raise Conflict(
                    f"{step} needs {', '.join(missing)}, which has not succeeded in {key!r}.",
                    hint="Run that step first, with the same key.",
                )
            return submit(
                session,
                self._store,
                registration.STEP_JOB,
                {"run": run.id, "step": step},
                title=f"Run {step} of {name}",
                subject=(registration.KIND, name),
            )

    def export(
        self,
        name: str,
        program: str,
        options: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> str:
        """A pipeline as a file of another program: airflow, kubeflow, flyte, github_actions.

        Each step becomes a task that calls `pilothouse pipelines run-step`. `options` are those of
        the export plugin. Raises NotFound, Invalid.
        """
        from pilothouse.pipelines.definitions.exports import exports

        exporter = exports.get(program)
        values = read_params(f"the export to {exporter.title}", exporter.parameters, options or {})
        return exporter.write(self.pipeline(name, version), values)

    def remove(self, name: str, reason: str = "") -> None:
        """Delete a pipeline; its versions and runs are kept. Raises NotFound, Conflict if used."""
        with self._store.write() as session:
            registration.remove(session, self._store, name, reason)

    def _today(self) -> date:
        return self._store.now().date()
