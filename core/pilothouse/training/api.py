"""The Python API of training: trainers, previews, training jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.data import versions
from pilothouse.data.info import ColumnProfile
from pilothouse.jobs import Progress, submit
from pilothouse.kit.errors import Invalid
from pilothouse.kit.ids import run_id
from pilothouse.models.tasks import Estimator, tasks
from pilothouse.storage.service import Service
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.trainers import Hyperparameter, is_installed, trainers

if TYPE_CHECKING:
    from pilothouse.training.features import ColumnUse
    from pilothouse.training.preview import TargetInfo, TrainingPreview


@dataclass(frozen=True)
class TrainerInfo:
    """A trainer as a form shows it: its name, its title, and what may be set."""

    name: str
    title: str
    description: str
    parameters: tuple[Hyperparameter, ...]
    estimators: tuple[Estimator, ...]
    is_baseline: bool


class Training(Service):
    """Trainers, and the jobs that train."""

    def trainers(self, task: str | None = None) -> list[TrainerInfo]:
        """Every installed trainer, sorted by name; with a task, those that fit it."""
        estimator = None if task is None else tasks.get(task).estimator
        return [
            TrainerInfo(
                name,
                trainer.title,
                trainer.description,
                trainer.parameters,
                trainer.estimators,
                trainer.is_baseline,
            )
            for name, trainer in trainers.items()
            if is_installed(trainer) and estimator in (None, *trainer.estimators)
        ]

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
        profile = [ColumnProfile.from_json(column) for column in row.profile_json]
        return column_uses(profile, target, time_column or row.event_time, features)

    def describe_target(self, dataset: str, target: str, task: str | None = None) -> TargetInfo:
        """The task that a target suggests (or the one named), those that it suits, its classes.

        Raises Invalid when the target suits no task, or not the one that is named.
        """
        from pilothouse.training.preview import describe_target

        with self._store.read() as session:
            version = versions.require(session, dataset)
        return describe_target(self._store, version, target, task)

    def submit(self, spec: TrainingSpec, *, job_id: str | None = None) -> str:
        """Submit a training and return its job's id; a `job_id` that exists submits nothing.

        Raises Invalid that names the wrong fields, NotFound without the dataset or the trainer.
        What the training itself would refuse, such as too few rows of a class, is refused here.
        """
        spec = self.preview(spec).spec
        with self._store.write() as session:
            checked = _resolve(session, spec)
            return submit(
                session,
                self._store,
                "train",
                {"spec": checked.to_json()},
                title=f"Train {trainers.get(spec.trainer).title.lower()} on {checked.dataset}",
                subject=("experiment", spec.experiment),
                job_id=job_id,
            )

    def train_now(self, spec: TrainingSpec, *, job_id: str | None = None) -> str:
        """Train in this process, as the job would, and return the run (of a search, the best).

        Raises what the training raises; the run then is marked as failed.
        """
        from pilothouse.training.fit import train_job

        progress = Progress(self._store, None)
        with self._store.read() as session:
            settled = _resolve(session, spec).to_json()
        result = train_job(self._store, progress, spec=settled, job_id=job_id or run_id())
        run: str = result["run"]
        return run


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
