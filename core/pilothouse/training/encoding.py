"""The steps around an estimator: the encoding of columns before it, class labels after it.

The encoder is our own, and not a ColumnTransformer, so that a model process can answer from plain
lists without pandas, and so that what follows is ordinary scikit-learn on arrays. It runs in child
and model processes only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from pilothouse.models.signature import Label
from pilothouse.training.columns import TIME_PARTS

MAX_CATEGORIES = 254  # histogram gradient boosting has 255 bins, one of them for what is missing


class ColumnMapping(Protocol):
    """A frame, or a mapping of columns by their names."""

    def __getitem__(self, name: str, /) -> Any:
        """The values of a column."""
        ...


class Encoder(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Numbers as they are, categories as codes by how often they occurred, times as their parts.

    NaN is what is missing, infinite, never seen in training, or beyond the most frequent. A time
    becomes the columns that `TIME_PARTS` names, in UTC; they follow numbers and categories.
    """

    def __init__(
        self,
        numbers: Sequence[str],
        categories: Sequence[str],
        max_categories: int = MAX_CATEGORIES,
        times: Sequence[str] = (),
    ) -> None:
        self.numbers = numbers
        self.categories = categories
        self.max_categories = max_categories
        self.times = times

    def fit(self, rows: ColumnMapping, y: object = None) -> Encoder:
        """Learn the categories, and which columns hold nothing at all."""
        self.codes_ = {name: _codes(rows[name], self.max_categories) for name in self.categories}
        # A column without any value teaches nothing, and gradient boosting fails on it.
        self.blank_: list[int] = []
        self.blank_ = np.flatnonzero(np.isnan(self.transform(rows)).all(axis=0)).tolist()
        self.n_features_in_ = len(self.numbers) + len(self.categories) + len(self.times)
        return self

    def fit_transform(self, rows: ColumnMapping, y: object = None) -> npt.NDArray[np.float64]:
        """Learn the categories and encode the same rows."""
        return self.fit(rows, y).transform(rows)

    def transform(self, rows: ColumnMapping) -> npt.NDArray[np.float64]:
        """The rows as a matrix of floats, one column per name."""
        columns = [_floats(rows[name]) for name in self.numbers]
        for name, codes in self.codes_.items():
            columns.append(np.array([codes.get(v, np.nan) for v in _items(rows[name])], float))
        for name in getattr(self, "times", ()):  # encoders of earlier versions know no times
            columns.extend(_time_parts(rows[name]))
        matrix = np.column_stack(columns)
        matrix[~np.isfinite(matrix)] = np.nan
        matrix[:, self.blank_] = 0.0
        return matrix

    def categories_of(self, name: str) -> tuple[str, ...]:
        """The categories of a column that have a code, the most frequent first."""
        return tuple(self.codes_[name])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "codes_")


def _codes(values: Any, most: int) -> dict[str, float]:
    counts = Counter(value for value in _items(values) if isinstance(value, str))
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    return {value: float(code) for code, value in enumerate(ranked[:most])}


def _items(values: Any) -> Iterable[Any]:
    """The values of a column. PERF: iterating a pandas column is slower than iterating its list."""
    items: Iterable[Any] = values.tolist() if hasattr(values, "tolist") else values
    return items


def _floats(values: Any) -> npt.NDArray[np.float64]:
    """Floats, with NaN for None and for pandas' NA."""
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(values, dtype=np.float64)


def _time_parts(values: Any) -> list[npt.NDArray[np.float64]]:
    """The parts of instants, in the order of `TIME_PARTS`; NaN where an instant is missing."""
    instants = _instants(values)
    days, months = instants.astype("datetime64[D]"), instants.astype("datetime64[M]")
    day_number = days.astype(np.int64)
    parts = {
        "days": day_number,
        "month": months.astype(np.int64) % 12 + 1,
        "day": (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
        "weekday": (day_number + 3) % 7,  # the first day of the epoch was a Thursday
        "hour": (instants - days).astype(np.int64) / 3_600_000,
    }
    missing = np.isnat(instants)
    return [np.where(missing, np.nan, parts[part]) for part in TIME_PARTS]


def _instants(values: Any) -> npt.NDArray[np.datetime64]:
    """Milliseconds in UTC: of a frame's column, or of a list of datetimes without a zone."""
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy(dtype="datetime64[ms]"))
    return np.asarray(values, dtype="datetime64[ms]")


class LabelledPipeline(Pipeline):  # type: ignore[misc]  # scikit-learn has no types
    """A pipeline fitted on the positions of classes that names its classes as the data does.

    `labels_` are the classes by their positions; columns of probabilities have their order.
    """

    labels_: tuple[Label, ...]

    @classmethod
    def of(cls, pipeline: Pipeline, labels: tuple[Label, ...]) -> LabelledPipeline:
        """A fitted pipeline with the names of its classes."""
        labelled = cls(pipeline.steps, memory=pipeline.memory, verbose=pipeline.verbose)
        labelled.labels_ = labels
        return labelled

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The class labels in the order of the probabilities' columns."""
        if "labels_" not in vars(self):  # a slice of the pipeline, which has no labels
            return np.asarray(super().classes_)
        labels = np.empty(len(self.labels_), dtype=object)
        labels[:] = self.labels_
        return labels

    def predict(self, rows: Any, **params: Any) -> npt.NDArray[Any]:
        """The class label of each row."""
        codes: npt.NDArray[Any] = super().predict(rows, **params)
        return np.take(self.classes_, codes.astype(int)) if "labels_" in vars(self) else codes


class QuantileModels(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """One model for each quantile level; `predict` gives a column for each, rising in every row.

    Quantiles of models that were fitted apart may cross. Sorting them brings each closer to the
    true quantile (Chernozhukov, Fernández-Val and Galichon 2010).
    """

    def __init__(self, models: Sequence[Any]) -> None:
        self.models = models

    def fit(self, rows: Any, y: Any, sample_weight: Any = None) -> QuantileModels:
        """Fit each model."""
        for model in self.models:
            model.fit(rows, y, sample_weight=sample_weight)
        self.fitted_ = True
        return self

    def predict(self, rows: Any) -> npt.NDArray[np.float64]:
        """One row of quantiles for each row."""
        predicted = np.column_stack([model.predict(rows) for model in self.models])
        return np.sort(predicted, axis=1)


class CategoricalModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model whose `fit` must be told which columns hold categories, as LightGBM's must."""

    def __init__(self, model: Any, categorical_feature: Sequence[int]) -> None:
        self.model = model
        self.categorical_feature = categorical_feature

    def fit(self, rows: Any, y: Any, sample_weight: Any = None) -> CategoricalModel:
        """Fit the model with the positions of the categories."""
        positions = list(self.categorical_feature)
        self.model.fit(rows, y, sample_weight=sample_weight, categorical_feature=positions)
        self.fitted_ = True
        return self

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The classes of a classifier."""
        return np.asarray(self.model.classes_)

    def predict(self, rows: Any) -> npt.NDArray[Any]:
        """The model's own prediction."""
        return np.asarray(self.model.predict(rows))

    def predict_proba(self, rows: Any) -> npt.NDArray[np.float64]:
        """The probability of each class."""
        return np.asarray(self.model.predict_proba(rows))
