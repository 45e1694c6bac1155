"""The target of a training: its task, its classes as the data has them, its labels as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import FieldType, Label, Signature
from pilothouse.models.target_facts import NUMBER_TYPES, TargetFacts
from pilothouse.models.tasks import Task, task_of
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.splits import Codes, Rows
from pilothouse.training.task_options import resolve_task

if TYPE_CHECKING:
    import pandas as pd

BooleanWords = tuple[str, str]  # how a boolean column spells false and true
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TargetColumn:
    """The labelled rows of a version and their labels.

    `spec` is the training's with its task and metric settled. `signature` says what the model
    answers and has no inputs yet. `rows` are the positions that have a label; `y` is what an
    estimator is fitted on (the positions of the classes, or the numbers) and `truth` what the task
    compares answers with. `counts` are the rows of each class.
    """

    spec: TrainingSpec
    facts: TargetFacts
    signature: Signature
    y: npt.NDArray[Any]
    truth: Floats
    rows: Rows
    counts: Mapping[Label, int]

    @property
    def task(self) -> Task:
        """The task of the training."""
        return task_of(self.signature)

    @property
    def codes(self) -> Codes | None:
        """The position of each row's class; None where the target is no class."""
        return self.y if self.task.has_classes else None


def read_target(
    column: pd.Series[Any], kind: FieldType, boolean_words: BooleanWords | None, spec: TrainingSpec
) -> TargetColumn:
    """Determine the task of a target unless the spec names it, its classes and its labels.

    Unless the spec names a positive class, the rarer of two is positive. Rows without a label, or
    with an infinite one, are left out. Raises Invalid when the target does not fit the task.
    """
    import pandas as pd

    rows = _labelled_rows(column, kind)
    codes, uniques = pd.factorize(column.iloc[rows])
    values = [to_label(value, boolean_words) for value in uniques]
    facts = TargetFacts(kind, len(set(values)), len(rows), kind in NUMBER_TYPES and _whole(values))
    spec = resolve_task(spec, facts)

    signature = Signature((), spec.target, task=spec.task or "", unit=spec.unit, gives="value")
    task, counts = task_of(signature), _counts(values, codes)
    if task.has_classes:
        signature = _with_classes(signature, task, counts, boolean_words, spec)
        _check_class_rows(counts, spec)
        spec = replace(spec, positive=signature.positive if task.has_threshold else None)
    else:
        signature, counts = replace(signature, levels=spec.levels), {}

    task.check(signature)
    truth = task.truth(signature, values)
    positions = {label: index for index, label in enumerate(signature.classes)}
    fitted = np.array([positions[value] for value in values]) if positions else truth
    return TargetColumn(spec, facts, signature, fitted[codes], truth[codes], rows, counts)


def to_label(value: Any, boolean_words: BooleanWords | None) -> Label:
    """The class label of a cell; a boolean as its file spells it.

    Whole floats become integers: pandas makes floats of integers when a value is missing.
    """
    plain = value.item() if hasattr(value, "item") else value
    if boolean_words is not None and isinstance(plain, bool):
        return boolean_words[plain]
    if isinstance(plain, float) and plain.is_integer():
        return int(plain)
    return plain  # type: ignore[no-any-return]  # a cell of a frame


def _labelled_rows(column: pd.Series[Any], kind: FieldType) -> Rows:
    if kind in NUMBER_TYPES:
        return np.flatnonzero(np.isfinite(column.to_numpy(dtype=np.float64, na_value=np.nan)))
    return np.flatnonzero(column.notna().to_numpy())


def _whole(values: Sequence[Label]) -> bool:
    return all(isinstance(value, int) for value in values)


def _counts(values: Sequence[Label], codes: npt.NDArray[np.intp]) -> dict[Label, int]:
    """The rows of each label, the most frequent first; cells of one meaning count together."""
    counts: dict[Label, int] = {}
    for value, count in zip(values, np.bincount(codes, minlength=len(values)), strict=True):
        counts[value] = counts.get(value, 0) + int(count)
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _with_classes(
    signature: Signature,
    task: Task,
    counts: Mapping[Label, int],
    boolean_words: BooleanWords | None,
    spec: TrainingSpec,
) -> Signature:
    """The signature with its classes in rising order; of two, the positive one is the last."""
    signature = replace(
        signature,
        classes=tuple(sorted(counts)),
        gives="probability",
        target_words=boolean_words,
    )
    if not task.has_threshold:
        return signature

    positive = _positive(signature, counts, spec.positive)
    others = tuple(label for label in signature.classes if label != positive)
    signature = replace(signature, classes=(*others, positive), positive=positive)
    return signature if spec.threshold is None else replace(signature, threshold=spec.threshold)


def _positive(signature: Signature, counts: Mapping[Label, int], chosen: Label | None) -> Label:
    """The class that was chosen, in any case, or else the rarest; of equals the last."""
    classes = signature.classes
    if chosen is None or chosen == "":
        return min(reversed(classes), key=lambda label: counts[label])

    label = signature.match_label(chosen)
    if label is None:
        folded = str(chosen).strip().casefold()
        same = [candidate for candidate in classes if str(candidate).casefold() == folded]
        label = same[0] if len(same) == 1 else None

    if label is None:
        raise Invalid(
            f"{chosen!r} is not a value of the target {signature.target!r}.",
            hint=f"It holds {' and '.join(map(repr, classes))}.",
            fields={"positive": "no such class"},
        )
    return label


def _check_class_rows(counts: Mapping[Label, int], spec: TrainingSpec) -> None:
    """Raises Invalid when a class has fewer rows than there are folds."""
    label, fewest = min(counts.items(), key=lambda item: item[1])
    if fewest >= max(spec.folds, 2):
        return
    field = "folds" if fewest >= 2 else "target"
    raise Invalid(
        f"the class {label!r} of {spec.target!r} has {fewest} "
        f"row{'s' if fewest > 1 else ''}; at least {max(spec.folds, 2)} are needed.",
        hint="Use fewer folds, join the class with another one, or leave its rows out.",
        fields={field: f"the class {label!r} has too few rows"},
    )
