"""The steps before a model, as numpy alone computes them from what they learnt.

Each is the arithmetic of scikit-learn's own `transform`, in its order, without its checks of the
input: those cost a single row a hundred times what the arithmetic does. A step that is not known
here, or is set up in a way that is not, gives None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Transform = Callable[[Matrix], Matrix]


@dataclass(frozen=True)
class NumpyStep:
    """A step on a matrix, and whether scikit-learn's own result would be a sparse one.

    Of a sparse one a linear model adds up the products in the order of the columns.
    """

    transform: Transform
    is_sparse: bool = False


def step_of(step: Any) -> NumpyStep | None:
    """A fitted transformer of scikit-learn as numpy computes it; None when it is not known."""
    if step is None or step == "passthrough":
        return NumpyStep(lambda rows: rows)
    if not type(step).__module__.startswith("sklearn."):
        return None
    build = _KNOWN.get(type(step).__name__)
    return build(step) if build is not None else None


def chain_of(steps: Sequence[Any]) -> NumpyStep | None:
    """Transformers one after the other."""
    parts = [part for step in steps if (part := step_of(step)) is not None]
    if len(parts) < len(steps):
        return None
    if any(part.is_sparse for part in parts[:-1]):
        return None
    transforms = [part.transform for part in parts]

    def transform(rows: Matrix) -> Matrix:
        for apply in transforms:
            rows = apply(rows)
        return rows

    return NumpyStep(transform, bool(parts) and parts[-1].is_sparse)


def _pipeline(step: Any) -> NumpyStep | None:
    return chain_of([part for _, part in step.steps])


def _imputer(step: Any) -> NumpyStep | None:
    values = np.asarray(step.statistics_)
    is_plain = not step.add_indicator and _is_nan(step.missing_values)
    if not is_plain or values.dtype.kind != "f" or np.isnan(values).any():
        return None
    return NumpyStep(lambda rows: np.where(np.isnan(rows), values, rows))


def _standard_scaler(step: Any) -> NumpyStep | None:
    mean = step.mean_ if step.with_mean else None
    return NumpyStep(_shifted_and_divided(mean, step.scale_ if step.with_std else None))


def _robust_scaler(step: Any) -> NumpyStep | None:
    centre = step.center_ if step.with_centering else None
    return NumpyStep(_shifted_and_divided(centre, step.scale_ if step.with_scaling else None))


def _shifted_and_divided(shift: Any, scale: Any) -> Transform:
    def transform(rows: Matrix) -> Matrix:
        rows = rows if shift is None else rows - shift
        return rows if scale is None else rows / scale

    return transform


def _min_max_scaler(step: Any) -> NumpyStep | None:
    low, high = step.feature_range

    def transform(rows: Matrix) -> Matrix:
        scaled = rows * step.scale_ + step.min_
        return np.asarray(np.clip(scaled, low, high) if step.clip else scaled)

    return NumpyStep(transform)


def _one_hot(step: Any) -> NumpyStep | None:
    """Indicators: a category that was never seen has none."""
    numeric = all(np.asarray(part).dtype.kind in "fiu" for part in step.categories_)
    frequent = getattr(step, "infrequent_categories_", None)
    plain_drop = step.drop is None and step.handle_unknown == "ignore"
    if not numeric or not plain_drop or any(part is not None for part in frequent or ()):
        return None
    positions, count = _positions(step.categories_)

    def transform(rows: Matrix) -> Matrix:
        result = np.zeros((len(rows), count))
        for column, places in zip(rows.T.tolist(), positions, strict=True):
            for row, value in enumerate(column):
                position = places.get(value if value == value else None)
                if position is not None:
                    result[row, position] = 1.0
        return result

    return NumpyStep(transform, is_sparse=bool(step.sparse_output))


def _positions(categories: Sequence[Any]) -> tuple[list[dict[float | None, int]], int]:
    """The column of each category's indicator, None standing for NaN; and how many there are."""
    positions: list[dict[float | None, int]] = []
    count = 0
    for column in categories:
        values = np.asarray(column, dtype=np.float64).tolist()
        places = {v if v == v else None: count + at for at, v in enumerate(values)}
        positions.append(places)
        count += len(values)
    return positions, count


def _ordinal(step: Any) -> NumpyStep | None:
    """The position of each category; NaN for one that was never seen."""
    numeric = all(np.asarray(part).dtype.kind in "fiu" for part in step.categories_)
    unknown_is_nan = step.handle_unknown == "use_encoded_value" and _is_nan(step.unknown_value)
    if not numeric or not unknown_is_nan or not _is_nan(step.encoded_missing_value):
        return None
    if any(part is not None for part in getattr(step, "infrequent_categories_", None) or ()):
        return None
    positions = [
        {v: float(at) for at, v in enumerate(np.asarray(part, dtype=np.float64).tolist())}
        for part in step.categories_
    ]

    def transform(rows: Matrix) -> Matrix:
        columns = zip(rows.T.tolist(), positions, strict=True)
        return np.array([[at.get(v, np.nan) for v in column] for column, at in columns]).T

    return NumpyStep(transform)


def _function(step: Any) -> NumpyStep | None:
    """One without a function, or with the check of its input that gradient boosting has."""
    called = getattr(step.func, "func", step.func)
    is_check = getattr(called, "__name__", "") == "check_array"
    return NumpyStep(lambda rows: rows) if called is None or is_check else None


def _column_transformer(step: Any) -> NumpyStep | None:
    """Each part on its own columns, side by side."""
    parts: list[tuple[Transform, Any]] = []
    for _, part, columns in step.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        places = _places(columns)
        if places is not None and not len(places):
            continue  # it was not fitted
        numpy_step = step_of(part)
        if places is None or numpy_step is None:
            return None
        parts.append((numpy_step.transform, places))
    if not parts:
        return None

    def transform(rows: Matrix) -> Matrix:
        if len(parts) == 1:
            return parts[0][0](rows[:, parts[0][1]])
        return np.hstack([apply(rows[:, places]) for apply, places in parts])

    return NumpyStep(transform, is_sparse=bool(step.sparse_output_))


def _places(columns: Any) -> npt.NDArray[np.intp] | None:
    """Columns by their positions; None when they are named."""
    if callable(columns) or isinstance(columns, (str, slice)):
        return None
    places = np.asarray(columns)
    if places.size == 0:
        return np.empty(0, dtype=np.intp)
    if places.dtype.kind == "b":
        return np.flatnonzero(places)
    return places.astype(np.intp) if places.dtype.kind in "iu" else None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


_KNOWN: dict[str, Callable[[Any], NumpyStep | None]] = {
    "Pipeline": _pipeline,
    "SimpleImputer": _imputer,
    "StandardScaler": _standard_scaler,
    "RobustScaler": _robust_scaler,
    "MinMaxScaler": _min_max_scaler,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "FunctionTransformer": _function,
    "ColumnTransformer": _column_transformer,
}
