"""Labels: the observed outcome of predictions, sent later by prediction id; the last one counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.gateway.request import MAX_ID, check_instants, excerpt
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import Task, task_of

if TYPE_CHECKING:
    from pilothouse.deployments.prediction_log.journal import Journal

LINE_LABELS = 10_000


@dataclass(frozen=True)
class Labels:
    """Checked labels: one label and one instant in ms per id."""

    ids: list[str]
    labels: list[Any]
    times: list[int]

    def line(self, at_us: int) -> dict[str, Any]:
        """Their line in the journal."""
        return {"at": at_us, "ids": self.ids, "labels": self.labels, "times": self.times}


def write_labels(folder: Path, labels: Labels) -> None:
    """Write labels into a deployment's journal, as `append_labels` does, and end its segment."""
    from pilothouse.deployments.prediction_log.journal import Journal  # reading needs none

    journal = Journal(folder)
    append_labels(journal, labels)
    journal.seal()


def append_labels(journal: Journal, labels: Labels) -> None:
    """Write labels to a journal, in lines of at most `LINE_LABELS`.

    Readers parse a journal line by line, so a line must not become large.
    """
    for start in range(0, len(labels.ids), LINE_LABELS):
        part = slice(start, start + LINE_LABELS)
        lines = Labels(labels.ids[part], labels.labels[part], labels.times[part])
        journal.labels(lines.line(journal.stamp()))


def check_labels(
    signature: Signature, ids: Sequence[Any], labels: Sequence[Any], at: Any, now_ms: int
) -> Labels:
    """Labels that suit the model's task; `at` is an instant in ms, one a label, or None (now).

    Raises Invalid that names the first wrong one.
    """
    _check_ids(ids)
    if len(labels) != len(ids):
        raise Invalid(f"there are {len(ids)} ids and {len(labels)} labels; one label an id.")
    return Labels(list(ids), match_labels(signature, labels), _times(at, len(ids), now_ms))


def _times(at: Any, count: int, now_ms: int) -> list[int]:
    if at is None:
        return [now_ms] * count
    if not isinstance(at, list):
        check_instants("at", [at])
        return [at] * count
    if len(at) != count:
        raise Invalid(f"`at` has {len(at)} values, and there are {count} labels.")
    check_instants("at", at)
    return list(at)


def _check_ids(ids: Sequence[Any]) -> None:
    if not ids:
        raise Invalid("`ids` is empty.")
    if any(type(word) is not str or not 0 < len(word) <= MAX_ID for word in ids):
        raise Invalid(f"each id must be a text of 1 to {MAX_ID} characters.")
    if len(set(ids)) != len(ids):
        raise Invalid("an id is given more than once.")


def match_labels(signature: Signature, labels: Sequence[Any]) -> list[Any]:
    """Labels as the task of a model reads them. Raises Invalid for the first that is none."""
    task = task_of(signature)
    cached: dict[tuple[type, Any], Any] = {}
    result: list[Any] = []
    for row, label in enumerate(labels):
        value = label.tolist() if hasattr(label, "tolist") else label  # numpy's own types
        if not isinstance(value, str | int | float):
            result.append(_read(task, signature, value, row))
            continue
        key = (type(value), value)
        if key not in cached:
            cached[key] = _read(task, signature, value, row)
        result.append(cached[key])
    return result


def _read(task: Task, signature: Signature, value: Any, row: int) -> Any:
    label = task.read_label(signature, value)
    if is_label(label):
        return label
    raise Invalid(
        f"label {row} is {excerpt(value)}, which is not a label of the model.",
        hint=f"A label is {task.label_hint(signature)}.",
    )


def is_label(label: Any) -> bool:
    """Whether what a task has read is a label, rather than none or NaN."""
    return label is not None and label == label


def is_missing(value: Any) -> bool:
    """Whether a cell of a file or a value of a record is none, empty or NaN."""
    return value is None or value == "" or value != value
