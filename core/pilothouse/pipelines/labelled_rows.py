"""The rows of a dataset version that a version can be measured on: its inputs and their labels.

It runs in child processes only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pilothouse.data import versions as data_versions
from pilothouse.data.booleans import as_written
from pilothouse.deployments.scoring import answerable
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import Task, task_of
from pilothouse.storage import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from pilothouse.data.info import DatasetVersionInfo

    Floats = npt.NDArray[np.float64]
    Positions = npt.NDArray[np.int64]

MAX_UNREADABLE_SHARE = 0.1  # of more labels that mean nothing, the column is another one
MAX_LISTED = 5


@dataclass(frozen=True)
class LabelledRows:
    """Rows with their inputs, numbered by their positions in the dataset version.

    `truth` are the labels as numbers, None without a label column; `at` are the rows' event times
    in milliseconds, None unless every row has one. The counts are of rows that were left out:
    without a label, with one that means nothing, and without a value that the model needs, which a
    deployment would refuse.
    """

    dataset: str
    label: str
    frame: pd.DataFrame
    truth: Floats | None
    at: list[int] | None
    without_label: int = 0
    unreadable: int = 0
    unanswerable: int = 0

    @property
    def positions(self) -> Positions:
        """The position of each row in the dataset version."""
        return self.frame.index.to_numpy().astype("int64")

    @property
    def digest(self) -> str:
        """What two evaluations share exactly when they are on the same rows, as in training."""
        rows = self.positions.astype("<i8").tobytes()
        return hashlib.sha256(f"{self.dataset}\n".encode() + rows).hexdigest()


def label_column(signature: Signature, columns: Sequence[str], label: str) -> str:
    """The column with the labels: the one that is named, else that of the target.

    It is "" for a task without metrics. Raises Invalid when there is none, or the named one is not
    there.
    """
    task, chosen = task_of(signature), label or signature.target
    if not task.metrics and not label:
        return ""
    if not task.metrics:
        raise Invalid(
            f"answers of a model of the kind {task.title} are not compared with labels.",
            hint="Leave the label column out.",
            fields={"label": "this kind of model has no metrics"},
        )
    if chosen in columns:
        return chosen
    if label:
        listed = ", ".join(columns[:20])
        raise Invalid(
            f"the dataset has no column {label!r}.",
            hint=f"It has {listed}.",
            fields={"label": "no such column"},
        )
    raise Invalid(
        "which column holds the labels is not known.",
        hint="Name the column with what was observed for each row.",
        fields={"label": "needed"},
    )


def check_inputs(signature: Signature, columns: Sequence[str], dataset: str) -> None:
    """Raises Invalid when a needed input is no column of the dataset version."""
    names = set(columns)
    missing = [
        field.name for field in signature.inputs if field.required and field.name not in names
    ]
    if missing:
        raise Invalid(
            f"{dataset} lacks inputs of the model: {', '.join(missing)}.",
            hint="Register a version of the dataset that has these columns.",
            fields={"dataset": f"lacks {', '.join(missing[:MAX_LISTED])}"},
        )


def read_labelled_rows(
    store: Store, signature: Signature, dataset: str, label: str
) -> LabelledRows:
    """The rows of a dataset version that have a label, or all of them without a label column.

    Raises Invalid for a label column that does not fit the model's answer, NotFound.
    """
    with store.read() as session:
        info = data_versions.require(session, dataset)
        names = list(info.column_names)
        label = label_column(signature, names, label)
        check_inputs(signature, names, info.ref)
        needed = [*signature.names, label, info.event_time or ""]
        chosen = [name for name in dict.fromkeys(needed) if name in names]
        frame = data_versions.read_frame(store, session, info.ref, chosen)

    frame = with_texts(info, signature, frame.reset_index(drop=True))
    if not label:
        return _answerable_rows(info, signature, frame, label, None)
    return _with_labels(info, signature, frame, label)


def with_texts(info: DatasetVersionInfo, signature: Signature, frame: pd.DataFrame) -> pd.DataFrame:
    """Booleans as their file spelt them, for inputs that are texts."""
    texts = {field.name for field in signature.inputs if field.type == "string"}
    return as_written(frame, [column for column in info.schema if column.name in texts])


def _with_labels(
    info: DatasetVersionInfo, signature: Signature, frame: pd.DataFrame, label: str
) -> LabelledRows:
    import numpy as np

    task = task_of(signature)
    present = frame[label].notna().to_numpy()
    labels = _read_labels(task, signature, frame.loc[present, label], _spellings(info, label))
    readable = [value is not None for value in labels]
    unreadable = len(labels) - sum(readable)
    if not any(readable) or unreadable > MAX_UNREADABLE_SHARE * len(labels):
        raise _no_labels(task, signature, frame.loc[present, label], labels, info.ref)

    truth = task.truth(signature, [value for value in labels if value is not None])
    rows = frame.iloc[np.flatnonzero(present)[readable]]
    result = _answerable_rows(info, signature, rows, label, truth)
    return replace(result, without_label=len(frame) - len(labels), unreadable=unreadable)


def _answerable_rows(
    info: DatasetVersionInfo,
    signature: Signature,
    rows: pd.DataFrame,
    label: str,
    truth: Floats | None,
) -> LabelledRows:
    """Those of the rows that the model can answer. Raises Invalid when there are none."""
    answered = answerable(signature, rows)
    if not answered.any():
        raise Invalid(
            f"no row of {info.ref} has all values that the model needs.",
            hint="Choose a dataset version like the one that it was trained on.",
            fields={"dataset": "no row can be answered"},
        )
    answered_rows = rows[answered]
    return LabelledRows(
        info.ref,
        label,
        answered_rows[[name for name in signature.names if name in rows]],
        None if truth is None else truth[answered],
        _event_times(info, answered_rows),
        unanswerable=int((~answered).sum()),
    )


def _read_labels(
    task: Task, signature: Signature, column: pd.Series[Any], spellings: tuple[str, str] | None
) -> list[Any]:
    """What each label means; None for one that means nothing. Equal cells are read once."""
    import pandas as pd

    def read(value: Any) -> Any:
        meaning = task.read_label(signature, value)
        if meaning is None and spellings is not None and isinstance(value, bool):
            meaning = task.read_label(signature, spellings[value])
        return meaning

    codes, uniques = pd.factorize(column)
    meanings = [read(value.item() if hasattr(value, "item") else value) for value in uniques]
    return [meanings[code] for code in codes]


def _spellings(info: DatasetVersionInfo, label: str) -> tuple[str, str] | None:
    """How the file spelled false and true in a column of booleans."""
    return next((column.boolean_words for column in info.schema if column.name == label), None)


def _no_labels(
    task: Task, signature: Signature, column: pd.Series[Any], labels: Sequence[Any], dataset: str
) -> Invalid:
    pairs = zip(column, labels, strict=True)
    wrong = list(dict.fromkeys(str(value) for value, meaning in pairs if meaning is None))
    listed = ", ".join(map(repr, wrong[:MAX_LISTED])) or "no value at all"
    hint = task.label_hint(signature)
    return Invalid(
        f"the column {column.name!r} of {dataset} holds {listed}; a label is {hint}.",
        hint="Choose the column with what was observed, or correct its values.",
        fields={"label": f"a label is {hint}"},
    )


def _event_times(info: DatasetVersionInfo, frame: pd.DataFrame) -> list[int] | None:
    """Milliseconds since the epoch of each row's event; None unless every row has a time."""
    name = info.event_time
    types: Mapping[str, str] = {column.name: column.type for column in info.schema}
    if not name or types.get(name) != "time" or frame[name].isna().any():
        return None
    at: list[int] = frame[name].to_numpy(dtype="datetime64[ms]").astype("int64").tolist()
    return at
