"""What the labels of a file are to a deployment: new, the same as before, corrected, or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.gateway.external_rows import MAX_PROBLEMS, RowProblem
from pilothouse.deployments.gateway.labels import Labels
from pilothouse.deployments.label_file import LabelColumns, LabelFile
from pilothouse.deployments.prediction_log import log
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LabelReport:
    """What became of the rows of a file of labels, or would become of them.

    `accepted` counts ids with a readable label, of which `matched` have a prediction and
    `unmatched` are the others. `corrected` ids had another label or label time; `unchanged` counts
    ids whose label is as it was, which is not written again. `repeated` rows say again what an
    earlier one says, `unlabelled` ones lack id or label, `unreadable` ones cannot be used:
    `problems` are the first of them. The matched predictions happened from `first_event` to
    `last_event`.
    """

    columns: LabelColumns
    rows: int
    accepted: int
    matched: int
    unchanged: int
    repeated: int
    unlabelled: int
    unreadable: int
    corrected: tuple[str, ...]
    unmatched: tuple[str, ...]
    problems: tuple[RowProblem, ...]
    first_event: datetime | None
    last_event: datetime | None


def compare(
    workspace: Path, deployment: str, signature: Signature, labels: LabelFile
) -> tuple[LabelReport, Labels]:
    """The report on a file's labels, and those of them that are to be written.

    Raises Invalid when no id of the file was predicted.
    """
    events = log.event_times(workspace, deployment, labels.ids)
    if events.empty:
        raise Invalid(
            f"none of the {len(labels.ids):,} ids in {labels.columns.id!r} was predicted by "
            f"{deployment!r}.",
            hint="Is it the right file, column and deployment?",
        )

    corrected, unchanged = _compare_stored(workspace, deployment, signature, labels)
    new = [row for row, word in enumerate(labels.ids) if word not in unchanged]
    present = set(events.index)
    report = LabelReport(
        columns=labels.columns,
        rows=labels.rows,
        accepted=len(labels.ids),
        matched=len(present),
        unchanged=len(unchanged),
        repeated=labels.repeated,
        unlabelled=labels.unlabelled,
        unreadable=len(labels.problems),
        corrected=tuple(word for word in labels.ids if word in corrected),
        unmatched=tuple(word for word in labels.ids if word not in present),
        problems=tuple(labels.problems[:MAX_PROBLEMS]),
        first_event=events.min().to_pydatetime(),
        last_event=events.max().to_pydatetime(),
    )
    return report, Labels(
        [labels.ids[row] for row in new],
        [labels.labels[row] for row in new],
        [labels.times[row] for row in new],
    )


def _compare_stored(
    workspace: Path, deployment: str, signature: Signature, labels: LabelFile
) -> tuple[set[str], set[str]]:
    """The ids with another label or label time than before, and those with the same.

    Where the file has no time, the label alone decides.
    """
    import pandas as pd

    ids = pd.Series(labels.ids, dtype=object)
    stored = _stored(log.labels(workspace, deployment, ids=ids), signature)
    corrected: set[str] = set()
    unchanged: set[str] = set()
    for word, label, at in zip(labels.ids, labels.labels, labels.times, strict=True):
        if word not in stored:
            continue
        before, before_at = stored[word]
        is_same = before == label and (before_at == at or word not in labels.timed)
        (unchanged if is_same else corrected).add(word)
    return corrected, unchanged


def _stored(frame: pd.DataFrame, signature: Signature) -> dict[str, tuple[Any, int]]:
    """The stored labels as the task reads them, for files keep classes as text or as numbers."""
    read = task_of(signature).read_label
    return {
        word: (read(signature, label), to_ms(at.to_pydatetime()))
        for word, label, at in zip(
            frame["prediction_id"], frame["label"], frame["label_at"], strict=True
        )
    }
