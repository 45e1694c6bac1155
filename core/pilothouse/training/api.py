"""The Python API of training: trainers, previews, training jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.data import versions
from pilothouse.experiments import Experiments
from pilothouse.jobs import Progress, submit
from pilothouse.jobs.backends import spread_argument, spread_over
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.ids import run_id
from pilothouse.models.tasks import Estimator, tasks
from pilothouse.storage.service import Service
from pilothouse.training.leaderboard import Leaderboard
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.trainers import (
    Hyperparameter,
    Trainer,
    install_command,
    is_installed,
    is_searchable,
    trainers,
)

if TYPE_CHECKING:
    from pilothouse.training.evaluation import HowMeasured
    from pilothouse.training.features import ColumnUse
    from pilothouse.training.leaks import LeakWarning
    from pilothouse.training.preview import TargetInfo, TrainingPreview

MINUTES = 30.0  # after which "try all" starts no further trainer
MAX_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class TrainerInfo:
    """A trainer as a form shows it: its name, its title, and what may be set.

    `install` is the command that installs the package it needs; "" when it is installed.
    """

    name: str
    title: str
    description: str
    parameters: tuple[Hyperparameter, ...]
    estimators: tuple[Estimator, ...]
    is_baseline: bool
    install: str = ""

    @property
    def is_searchable(self) -> bool:
        """Whether a search has any parameter to vary."""
        return is_searchable(trainers.get(self.name))


class Training(Service):
    """Trainers, and the jobs that train."""

    def trainers(self, task: str | None = None) -> list[TrainerInfo]:
        """Every installed trainer, sorted by name; with a task, those that fit it."""
        return [_trainer_info(*item) for item in _fitting(task) if is_installed(item[1])]

    def missing_trainers(self, task: str | None = None) -> list[TrainerInfo]:
        """The trainers whose package is not installed, with the command that installs it."""
        return [_trainer_info(*item) for item in _fitting(task) if not is_installed(item[1])]

    def preview(self, spec: TrainingSpec) -> TrainingPreview:
        """What a training would do: its task, its split, and the use of every column and why.

        Raises Invalid that names the wrong fields, as the training would.
        """
        from pilothouse.training.preview import preview

        with self._store.read() as session:
            checked = _resolve(session, spec)
            version = versions.require(session, checked.dataset)
        return preview(self._store, version, checked)

    def column_uses(
        self,
        dataset: str,
        target: str,
        features: Sequence[str] = (),
        time_column: str | None = None,
    ) -> tuple[ColumnUse, ...]:
        """Whether each column would be a feature, and why. Raises Invalid for a wrong feature."""
        from pilothouse.training.features import column_uses

        with self._store.read() as session:
            row = versions.row(session, dataset)
        return column_uses(
            versions.column_profiles(row), target, time_column or row.event_time, features
        )

    def describe_target(self, dataset: str, target: str, task: str | None = None) -> TargetInfo:
        """The task that a target suggests (or the one named), those that it suits, its classes.

        Raises Invalid when the target suits no task, or not the one that is named.
        """
        from pilothouse.training.preview import describe_target

        with self._store.read() as session:
            version = versions.require(session, dataset)
        return describe_target(self._store, version, target, task)

    def leaks(self, spec: TrainingSpec) -> list[LeakWarning]:
        """The features of a training that may give the target away, and why.

        A copy of the target, a column that alone gives it almost perfectly, and a time that is
        later than the event. It reads a sample of the rows. Raises Invalid as the preview does.
        """
        from pilothouse.training.leaks import leaks

        with self._store.read() as session:
            checked = _resolve(session, spec)
            version = versions.require(session, checked.dataset)
        return leaks(self._store, version, checked)

    def how_measured(self, run: str) -> HowMeasured | None:
        """On which rows the metrics of a training's run were measured, and how certain they are.

        None of a run that was not trained here, or by a release that did not record it.
        """
        from pilothouse.training.evaluation import MEASURED_PATH, HowMeasured

        try:
            content = Experiments(self._store).artifact(run, MEASURED_PATH)
        except NotFound:
            return None
        return HowMeasured.from_json(json.loads(content))

    def submit(self, spec: TrainingSpec, *, job_id: str | None = None, spread: str = "") -> str:
        """Submit a training and return its job's id; a `job_id` that exists submits nothing.

        `spread` names the backend of `Jobs.backends` that its fits run on, with equal results.
        Raises Invalid that names the wrong fields, NotFound without the dataset or the trainer,
        Unavailable without the backend's package. What the training itself would refuse, such as
        too few rows of a class, is refused here.
        """
        spread_args = spread_argument(spread, self._store.settings)
        spec = self.preview(spec).spec
        with self._store.write() as session:
            return submit(
                session,
                self._store,
                "train",
                {"spec": spec.to_json(), **spread_args},
                title=f"Train {trainers.get(spec.trainer).title.lower()} on {spec.dataset}",
                subject=("experiment", spec.experiment),
                job_id=job_id,
            )

    def train_now(self, spec: TrainingSpec, *, job_id: str | None = None, spread: str = "") -> str:
        """Train in this process, as the job would, and return the run (of a search, the best).

        Raises what the training raises; the run then is marked as failed. `spread` is as in
        `submit`: this process then coordinates the fits.
        """
        from pilothouse.training.fit import train_job

        progress = Progress(self._store, None)
        with self._store.read() as session:
            settled = _resolve(session, spec).to_json()
        store = spread_over(self._store, spread)
        result = train_job(store, progress, spec=settled, job_id=job_id or run_id())
        run: str = result["run"]
        return run

    def submit_all(
        self,
        spec: TrainingSpec,
        *,
        minutes: float = MINUTES,
        job_id: str | None = None,
        spread: str = "",
    ) -> str:
        """Submit the training of every trainer that fits, on the same split; the id of the job.

        The spec's parameters are those of its trainer; the others train with their defaults, and
        with `trials` each is searched. After so many minutes no further trainer is started. The
        job's result has the `leaderboard`. Raises what `submit` raises.
        """
        spread_args = spread_argument(spread, self._store.settings)
        specs, seconds = self._all_specs(spec), _seconds(minutes)
        with self._store.write() as session:
            return submit(
                session,
                self._store,
                "try_all",
                {"specs": [one.to_json() for one in specs], "seconds": seconds, **spread_args},
                title=f"Try {len(specs)} trainers on {specs[0].dataset}",
                subject=("experiment", spec.experiment),
                job_id=job_id,
            )

    def try_all_now(
        self,
        spec: TrainingSpec,
        *,
        minutes: float = MINUTES,
        job_id: str | None = None,
        spread: str = "",
    ) -> Leaderboard:
        """Train every trainer that fits in this process, as the job of `submit_all` would.

        Raises what the trainings raise when all of them fail.
        """
        from pilothouse.training.all_trainers import try_all_job

        specs = [one.to_json() for one in self._all_specs(spec)]
        progress, seconds = Progress(self._store, None), _seconds(minutes)
        store = spread_over(self._store, spread)
        result = try_all_job(
            store, progress, specs=specs, job_id=job_id or run_id(), seconds=seconds
        )
        return Leaderboard.from_json(result["leaderboard"])

    def _all_specs(self, spec: TrainingSpec) -> list[TrainingSpec]:
        """A spec for each trainer of the task: baselines first, as they take no time."""
        spec = self.preview(spec).spec
        infos = sorted(self.trainers(spec.task), key=lambda info: not info.is_baseline)
        return [
            replace(
                spec,
                trainer=info.name,
                params=spec.params if info.name == spec.trainer else {},
                trials=spec.trials if info.is_searchable else 0,
                name=f"{spec.name}-{info.name}" if spec.name else "",
            ).checked()
            for info in infos
        ]


def _seconds(minutes: float) -> float:
    if not 0 < minutes <= MAX_MINUTES:
        raise Invalid(
            f"{minutes:g} minutes is not a time limit.",
            hint=f"Give more than 0 and at most {MAX_MINUTES:,}.",
            fields={"minutes": f"must be more than 0 and at most {MAX_MINUTES:,}"},
        )
    return minutes * 60


def _fitting(task: str | None) -> list[tuple[str, Trainer]]:
    """The trainers that fit a task, by name; all without one."""
    estimator = None if task is None else tasks.get(task).estimator
    return [
        item for item in trainers.items() if estimator is None or estimator in item[1].estimators
    ]


def _trainer_info(name: str, trainer: Trainer) -> TrainerInfo:
    return TrainerInfo(
        name,
        trainer.title,
        trainer.description,
        trainer.parameters,
        trainer.estimators,
        trainer.is_baseline,
        "" if is_installed(trainer) else install_command(trainer),
    )


def _resolve(session: Session, spec: TrainingSpec) -> TrainingSpec:
    """The spec with its dataset version pinned; wrong columns are reported before a job starts."""
    checked, version = spec.checked(), versions.require(session, spec.dataset)
    column_names = version.column_names
    groups = (spec.groups,) if spec.groups else ()
    for field, names in (
        ("target", (spec.target,)),
        ("features", spec.features),
        ("groups", groups),
    ):
        if missing := [name for name in names if name not in column_names]:
            raise Invalid(
                f"{version.ref} has no column {missing[0]!r}.",
                hint=f"It has {', '.join(column_names)}.",
                fields={field: f"{missing[0]} is not a column"},
            )
    return replace(checked, dataset=version.ref)
