"""A loaded model behind its signature: class names, widths and numbers are tested here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from pilothouse.deployments.model_server.batching import Rows
from pilothouse.models.class_labels import matched_labels
from pilothouse.models.columns import Columns, Lists, as_lists
from pilothouse.models.formats import LoadedModel
from pilothouse.models.signature import Label, Signature

TOLERANCE = 1e-6


class Predictor:
    """Raw rows of a model, in the order and with the labels of its signature."""

    def __init__(self, model: LoadedModel, signature: Signature) -> None:
        self._model = model
        self.signature = self._signature = signature
        self.is_steady: bool = getattr(model, "is_steady", False)
        self.takes_numbers: bool = getattr(model, "takes_numbers", False)
        self._classes: list[Label] = list(model.inspect().get("classes") or ())
        self._order = _order(self._classes, signature)
        self._width = _width(signature)
        self._may_be_missing = (
            not signature.classes and not signature.levels and bool(signature.outputs)
        )

    def __call__(self, columns: Columns) -> Rows:
        """Raw rows. Raises ValueError for rows that the model cannot answer."""
        own = cast(Lists, columns) if self.takes_numbers else as_lists(columns)
        rows = self._model.predict(own)
        if rows and {*map(len, rows)} != {self._width}:
            width = max(map(len, rows))
            raise ValueError(
                f"the model gives {width} values for a row, and its signature says {self._width}"
            )
        if self._signature.gives == "label":
            return self._labels(rows) if self._signature.classes else rows
        if self._order is not None:
            rows = [[row[index] for index in self._order] for row in rows]
        return self._finite(rows)

    def _finite(self, rows: Rows) -> Rows:
        if _are_finite(rows):
            return rows
        if self._may_be_missing:  # of outputs without a meaning, nothing may be left out
            return [[None if _is_nan(value) else value for value in row] for row in rows]
        kind = "probabilities" if self._signature.gives == "probability" else "numbers"
        raise ValueError(f"the model returned {kind} that are not finite")

    def _labels(self, rows: Rows) -> Rows:
        """Labels as they are, except that a model of numbers only means a class by its position."""
        if not _are_positions(self._classes, self._signature):
            return rows
        labels = [label for [label] in rows]
        matched = matched_labels(self._signature, labels)
        return [
            [label] if match is not None else [self._class_at(label)]
            for label, match in zip(labels, matched, strict=True)
        ]

    def _class_at(self, label: Any) -> Any:
        return self._signature.classes[int(label)] if label in self._classes else label


def is_batchable(predict: Any, columns: Columns) -> bool:
    """Whether a row's answer does not depend on the rows that are asked with it."""
    together = predict(columns)
    for index, row in enumerate(together):
        [alone] = predict([[values[index]] for values in columns])
        if not _are_alike(row, alone):
            return False
    return True


def _are_alike(left: Sequence[Any], right: Sequence[Any]) -> bool:
    if len(left) != len(right):
        return False
    return all(
        math.isclose(a, b, rel_tol=1e-4, abs_tol=TOLERANCE)
        if isinstance(a, float) and isinstance(b, (int, float))
        else a == b
        for a, b in zip(left, right, strict=True)
    )


def _order(classes: list[Label], signature: Signature) -> list[int] | None:
    """The position of each class of the signature in the model's order; None when it is the same.

    Raises SystemExit when the model has other classes.
    """
    if signature.gives != "probability" or not classes or not signature.classes:
        return None
    matches = [signature.match_label(label) for label in classes]
    if set(signature.classes) <= set(matches):
        order = [matches.index(label) for label in signature.classes]
        return None if order == list(range(len(classes))) else order
    if _are_positions(classes, signature):
        return None  # the file holds numbers only: a person named them in this order
    raise SystemExit(f"the model knows the classes {classes}, its signature {signature.classes}")


def _are_positions(classes: list[Label], signature: Signature) -> bool:
    return classes == list(range(len(signature.classes)))


def _width(signature: Signature) -> int:
    """How many values a row has by the signature."""
    if signature.gives == "probability":
        return len(signature.classes) or len(signature.outputs)
    if signature.gives == "label":
        return 1 if signature.classes else len(signature.outputs) or 1
    return len(signature.levels) or len(signature.outputs) or 1


def _are_finite(rows: Rows) -> bool:
    """Whether all values are finite numbers. PERF: a sum is finite only if all its parts are."""
    try:
        if math.isfinite(sum(map(sum, rows))):
            return True
    except TypeError:  # texts
        return False
    return all(math.isfinite(value) for row in rows for value in row)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
