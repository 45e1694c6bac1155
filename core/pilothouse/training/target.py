"""The target of a training: its classes as the data has them, and which of them is the positive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Label, Signature
from pilothouse.training.splits import Labels, Rows

if TYPE_CHECKING:
    import pandas as pd

BooleanWords = tuple[str, str]  # how a boolean column spells false and true
MAX_LISTED = 6


@dataclass(frozen=True)
class TargetColumn:
    """The labelled rows of a version and their labels.

    `classes` are the other class and the positive one, `counts` their rows. `y` is 1 for the
    positive class; `rows` are the positions that have a label.
    """

    name: str
    classes: tuple[Label, Label]
    counts: Mapping[Label, int]
    boolean_words: BooleanWords | None
    y: Labels
    rows: Rows

    @property
    def positive(self) -> Label:
        """The class that a score is the probability of."""
        return self.classes[1]


def read_target(
    column: pd.Series[Any], kind: str, boolean_words: BooleanWords | None, positive: Label | None
) -> TargetColumn:
    """Determine the classes of a target; unless `positive` is given, the rarer class is positive.

    Raises Invalid when there are not two classes or `positive` is not one of them.
    """
    name = str(column.name)
    if kind == "time":
        raise Invalid(
            f"the target {name!r} holds times; two classes are needed.",
            fields={"target": "holds times"},
        )

    rows = np.flatnonzero(column.notna().to_numpy())
    present = column.iloc[rows]
    counts: dict[Label, int] = {}
    for value, count in present.value_counts().items():
        label = to_label(value, boolean_words)
        counts[label] = counts.get(label, 0) + int(count)

    classes = _order_classes(name, counts, boolean_words, positive)
    truth = {value: to_label(value, boolean_words) == classes[1] for value in present.unique()}
    y = present.map(truth).to_numpy().astype(np.int8)
    return TargetColumn(name, classes, counts, boolean_words, y, rows)


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


def _order_classes(
    name: str,
    counts: Mapping[Label, int],
    boolean_words: BooleanWords | None,
    positive: Label | None,
) -> tuple[Label, Label]:
    labels = sorted(counts)
    if len(labels) != 2:
        listed = ", ".join(repr(label) for label in labels[:MAX_LISTED])
        more = ", …" if len(labels) > MAX_LISTED else ""
        raise Invalid(
            f"the target {name!r} has {len(labels)} distinct values; two are needed.",
            hint=f"It holds {listed}{more}." if labels else "Every value of it is missing.",
            fields={"target": f"needs two classes and has {len(labels)}"},
        )

    first, second = labels
    if positive is None or positive == "":
        chosen = first if counts[first] < counts[second] else second
    else:
        chosen = _match_class(name, (first, second), boolean_words, positive)
    return (second, first) if chosen == first else (first, second)


def _match_class(
    name: str, labels: tuple[Label, Label], boolean_words: BooleanWords | None, positive: Label
) -> Label:
    """The class that matches `positive`, also when it is written in another case."""

    signature = Signature((), name, labels, labels[0], target_words=boolean_words)
    label = signature.match_label(positive)
    if label is None:
        folded = str(positive).strip().casefold()
        same = [candidate for candidate in labels if str(candidate).casefold() == folded]
        label = same[0] if len(same) == 1 else None

    if label is None:
        raise Invalid(
            f"{positive!r} is not a value of the target {name!r}.",
            hint=f"It holds {labels[0]!r} and {labels[1]!r}.",
            fields={"positive": "no such class"},
        )
    return label
