"""What a training would do, from a version's profile and the columns that the split needs.

A form and a command ask before a job is made, so that what a training refuses is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pilothouse.data.info import DatasetVersionInfo
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Label
from pilothouse.storage import Store
from pilothouse.training.features import ColumnUse, column_uses, features
from pilothouse.training.spec import AUTO, TrainingSpec
from pilothouse.training.target import read_target
from pilothouse.training.training_data import TrainingTable, read_training_table, split_data


@dataclass(frozen=True)
class TrainingPreview:
    """The classes of the target with their rows, the split, and the use of every column."""

    dataset: str
    target: str
    classes: Mapping[Label, int]
    positive: Label
    split: str
    fitted: int
    held_out: int
    without_label: int
    columns: tuple[ColumnUse, ...]

    @property
    def lines(self) -> list[str]:
        """The same in sentences, for a terminal."""
        counts = ", ".join(
            f"{label!r} {count:,} rows{' (positive)' if label == self.positive else ''}"
            for label, count in self.classes.items()
        )

        used = [use.column for use in self.columns if use.used]
        left_out = [
            f"left out {use.column}: {use.reason}"
            for use in self.columns
            if not use.used and use.column != self.target
        ]

        return [
            f"target {self.target}: {counts}",
            f"fitted on {self.fitted:,} rows, evaluated on {self.held_out:,} (split: {self.split})",
            f"features: {', '.join(used)}",
            *left_out,
        ]


def preview(store: Store, version: DatasetVersionInfo, spec: TrainingSpec) -> TrainingPreview:
    """What the training would do. Raises Invalid that names the field, as the training would."""
    table = _read(store, version, spec)
    data_split = split_data(table, spec)
    time_name = spec.time_column or version.event_time
    uses = column_uses(table.profile, spec.target, time_name, spec.features)
    features(uses, spec.features, version.ref)

    target = data_split.target
    return TrainingPreview(
        dataset=version.ref,
        target=spec.target,
        classes=target.counts,
        positive=target.positive,
        split=data_split.kind,
        fitted=len(data_split.split.train),
        held_out=len(data_split.split.test),
        without_label=version.rows - len(target.rows),
        columns=uses,
    )


def target_classes(store: Store, version: DatasetVersionInfo, target: str) -> dict[Label, int]:
    """The classes of a column as a target, the rarer (the default positive) first.

    Raises Invalid unless there are two.
    """
    table = _read(store, version, TrainingSpec(version.ref, target, split="random"))
    boolean_words = table.boolean_words.get(target)
    settled = read_target(table.frame[target], table.types[target], boolean_words, None)
    other, positive = settled.classes
    return {positive: settled.counts[positive], other: settled.counts[other]}


def _read(store: Store, version: DatasetVersionInfo, spec: TrainingSpec) -> TrainingTable:
    """The target, and the time column where the split may need one."""
    names = [spec.target]
    time_name = spec.time_column or version.event_time
    if spec.split in (AUTO, "time") and time_name and time_name != spec.target:
        names.append(time_name)

    if unknown := [name for name in names if name not in version.column_names]:
        field = "target" if unknown[0] == spec.target else "time_column"
        raise Invalid(
            f"{version.ref} has no column {unknown[0]!r}.",
            hint=f"It has {', '.join(version.column_names)}.",
            fields={field: "no such column"},
        )

    table = read_training_table(store, version.ref, names)
    return replace(table, event_time=version.event_time)
