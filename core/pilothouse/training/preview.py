"""What a training would do, from a version's profile and the columns that the split needs.

A form and a command ask before a job is made, so that what a training refuses is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pilothouse.data.info import DatasetVersionInfo
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Label
from pilothouse.models.tasks import task_of, tasks, trainable_tasks
from pilothouse.storage import Store
from pilothouse.training.features import ColumnUse, column_uses, features
from pilothouse.training.spec import AUTO, FOLDS, TrainingSpec
from pilothouse.training.target import TargetColumn, read_target
from pilothouse.training.training_data import TrainingTable, read_training_table, split_data

MAX_CLASSES = 8  # of more, a sentence names the most frequent


@dataclass(frozen=True)
class TrainingPreview:
    """The task and the target, the split, and the use of every column.

    `spec` is the training's with every automatic choice settled but the features; `classes` are the
    rows of each class and `positive` the class whose probability is predicted, where there are any.
    `summary` describes the labels of all rows, by title. `folds` is how many folds answer the
    `held_out` rows; of 0, the model itself does, which is not fitted on them.
    """

    spec: TrainingSpec
    dataset: str
    target: str
    task: str
    task_title: str
    classes: Mapping[Label, int]
    positive: Label | None
    summary: Mapping[str, float]
    split: str
    fitted: int
    held_out: int
    without_label: int
    columns: tuple[ColumnUse, ...]
    folds: int = 0

    @property
    def lines(self) -> list[str]:
        """The same in sentences, for a terminal."""
        used = [use.column for use in self.columns if use.used]
        left_out = [
            f"left out {use.column}: {use.reason}"
            for use in self.columns
            if not use.used and use.column != self.target
        ]
        without = f", {self.without_label:,} without a label" if self.without_label else ""
        by_folds = f"out of fold by {self.folds} folds " if self.folds else ""
        return [
            f"{self.task_title.lower()} of {self.target}: {self._labels()}",
            f"fitted on {self.fitted:,} rows, evaluated on {self.held_out:,} {by_folds}"
            f"(split: {self.split}){without}",
            f"features: {', '.join(used)}",
            *left_out,
        ]

    def _labels(self) -> str:
        if not self.classes:
            return ", ".join(f"{title} {value:.4g}" for title, value in self.summary.items())
        counts = [
            f"{label!r} {count:,} rows{' (positive)' if label == self.positive else ''}"
            for label, count in list(self.classes.items())[:MAX_CLASSES]
        ]
        more = len(self.classes) - MAX_CLASSES
        return ", ".join(counts) + (f" and {more} more classes" if more > 0 else "")


@dataclass(frozen=True)
class TargetInfo:
    """What can be trained with a column as the target.

    `task` is the one in force, `tasks` are the titles of all that suit the target, the one that it
    suggests first. `classes` are the rows of each class (of two, the positive first).
    """

    task: str
    tasks: Mapping[str, str]
    classes: Mapping[Label, int]
    positive: Label | None


def preview(store: Store, version: DatasetVersionInfo, spec: TrainingSpec) -> TrainingPreview:
    """What the training would do. Raises Invalid that names the field, as the training would."""
    table = _read(store, version, spec)
    data_split = split_data(table, spec)
    time_name = spec.time_column or version.event_time
    uses = column_uses(table.profile, spec.target, time_name, spec.features)
    features(uses, spec.features, version.ref)

    target = data_split.target
    return TrainingPreview(
        spec=target.spec,
        dataset=version.ref,
        target=spec.target,
        task=target.signature.task,
        task_title=target.task.title,
        classes=target.counts,
        positive=_positive(target),
        summary=target.task.summary(target.signature, target.truth),
        split=data_split.kind,
        fitted=len(data_split.split.train),
        held_out=len(data_split.split.test),
        without_label=version.rows - len(target.rows),
        columns=uses,
        folds=len(data_split.folds) if data_split.evaluation == FOLDS else 0,
    )


def describe_target(
    store: Store, version: DatasetVersionInfo, target: str, task: str | None
) -> TargetInfo:
    """The task of a column as a target, and its classes, without the demands of a split.

    Raises Invalid when it suits no task, or not the one that is named.
    """
    spec = TrainingSpec(version.ref, target, split="random", folds=0, task=task, trainer="dummy")
    table = _read(store, version, spec)
    column = read_target(
        table.frame[target], table.types[target], table.boolean_words.get(target), spec
    )
    positive = _positive(column)
    ordered = sorted(column.counts.items(), key=lambda item: item[0] != positive)
    return TargetInfo(
        task=column.signature.task,
        tasks={name: tasks.get(name).title for name in trainable_tasks(column.facts)},
        classes=dict(ordered),
        positive=positive,
    )


def _positive(target: TargetColumn) -> Label | None:
    return target.signature.positive if task_of(target.signature).has_threshold else None


def _read(store: Store, version: DatasetVersionInfo, spec: TrainingSpec) -> TrainingTable:
    """The target, and the columns of time and groups where the split may need them."""
    fields = {spec.target: "target"}
    time_name = spec.time_column or version.event_time
    if spec.split in (AUTO, "time") and time_name:
        fields.setdefault(time_name, "time_column")
    if spec.groups:
        fields.setdefault(spec.groups, "groups")

    if unknown := [name for name in fields if name not in version.column_names]:
        raise Invalid(
            f"{version.ref} has no column {unknown[0]!r}.",
            hint=f"It has {', '.join(version.column_names)}.",
            fields={fields[unknown[0]]: "no such column"},
        )

    table = read_training_table(store, version.ref, list(fields))
    return replace(table, event_time=version.event_time)
