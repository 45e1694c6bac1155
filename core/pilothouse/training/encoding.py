"""The first step of every pipeline: named columns to one matrix of floats.

It is our own, and not a ColumnTransformer, so that a model process can answer from plain lists
without pandas, and so that what follows is ordinary scikit-learn on arrays. It runs in child and
model processes only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

MAX_CATEGORIES = 254  # histogram gradient boosting has 255 bins, one of them for what is missing


class Named(Protocol):
    """A frame, or a mapping of columns by their names."""

    def __getitem__(self, name: str, /) -> Any:
        """The values of a column."""
        ...


class Encoder(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Numbers as they are, categories as codes by how often they occurred, the rest as NaN.

    The rest is what is missing, infinite, never seen in training, or beyond the most frequent.
    """

    def __init__(
        self,
        numbers: Sequence[str],
        categories: Sequence[str],
        max_categories: int = MAX_CATEGORIES,
    ) -> None:
        self.numbers = numbers
        self.categories = categories
        self.max_categories = max_categories

    def fit(self, rows: Named, y: object = None) -> Encoder:
        """Learn the categories, and which columns hold nothing at all."""
        self.codes_ = {name: _codes(rows[name], self.max_categories) for name in self.categories}
        # A column without any value teaches nothing, and gradient boosting fails on it.
        self.blank_: list[int] = []
        self.blank_ = np.flatnonzero(np.isnan(self.transform(rows)).all(axis=0)).tolist()
        self.n_features_in_ = len(self.numbers) + len(self.categories)
        return self

    def fit_transform(self, rows: Named, y: object = None) -> npt.NDArray[np.float64]:
        """Learn the categories and encode the same rows."""
        return self.fit(rows, y).transform(rows)

    def transform(self, rows: Named) -> npt.NDArray[np.float64]:
        """The rows as a matrix of floats, one column per name."""
        columns = [_floats(rows[name]) for name in self.numbers]
        for name, codes in self.codes_.items():
            columns.append(np.array([codes.get(v, np.nan) for v in _items(rows[name])], float))
        matrix = np.column_stack(columns)
        matrix[~np.isfinite(matrix)] = np.nan
        matrix[:, self.blank_] = 0.0
        return matrix

    def known(self, name: str) -> tuple[str, ...]:
        """The categories of a column that have a code, the most frequent first."""
        return tuple(self.codes_[name])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "codes_")


def _codes(values: Any, most: int) -> dict[str, float]:
    counts = Counter(value for value in _items(values) if isinstance(value, str))
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    return {value: float(code) for code, value in enumerate(ranked[:most])}


def _items(values: Any) -> Iterable[Any]:
    """Plain values: a frame's column gives its own up more quickly as a list."""
    items: Iterable[Any] = values.tolist() if hasattr(values, "tolist") else values
    return items


def _floats(values: Any) -> npt.NDArray[np.float64]:
    """Floats, with NaN for None and for pandas' NA."""
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(values, dtype=np.float64)
