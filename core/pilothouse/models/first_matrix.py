"""The first matrix of a pipeline: what its input columns are before its first step on numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from pilothouse.models.columns import Columns, Lists, is_numbers
from pilothouse.models.fitted_estimator import FittedEstimator


def steps_of(model: Any) -> list[Any]:
    """The steps of a pipeline, or a model alone."""
    return [part for _, part in getattr(model, "steps", [("", model)])]


def matrix_of(steps: list[Any], fitted: FittedEstimator) -> Callable[[Columns], Any] | None:
    """What makes the first matrix; an encoder of a training is taken off the steps."""
    import numpy as np

    fields = fitted.signature.inputs
    if hasattr(steps[0], "codes_"):
        encoder = steps.pop(0)
        is_plain = fitted.signature.takes_numbers_only and not encoder.blank_
        if not is_plain or list(encoder.numbers) != list(fitted.signature.names):
            return lambda columns: encoder.transform(fitted.inputs(cast(Lists, columns)))

        def encoded(columns: Columns) -> Any:
            rows = np.array(columns, dtype=np.float64).T
            rows = np.ascontiguousarray(rows)
            rows[~np.isfinite(rows)] = np.nan
            return rows

        return encoded

    if any(field.type not in ("number", "integer") for field in fields):
        return None
    places = _places(fitted)
    return None if places is None else lambda columns: _ordered(columns, places)


def _places(fitted: FittedEstimator) -> Sequence[int] | None:
    """Where the signature has each column that the model was fitted on, in the model's order."""
    own = getattr(fitted.model, "feature_names_in_", None)
    names = list(fitted.signature.names)
    if own is None or [str(name) for name in own] == names:
        return range(len(names))
    if sorted(map(str, own)) != sorted(names):
        return None
    return [names.index(str(name)) for name in own]


def _ordered(columns: Columns, places: Sequence[int]) -> Any:
    import numpy as np

    if is_numbers(columns) and isinstance(places, range):
        return np.ascontiguousarray(np.asarray(columns).T)
    rows = np.array([columns[position] for position in places], dtype=np.float64).T
    return np.ascontiguousarray(rows)
