"""Pipelines of trainers: the encoder, the steps before a model, the model. For child processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pilothouse.models.tasks import Estimator
from pilothouse.training.columns import FeatureColumns
from pilothouse.training.encoding import MAX_CATEGORIES, Encoder, QuantileModels

MAX_INDICATORS = 100  # categories of a column of a linear model, each with an indicator of its own


def encoded(
    columns: FeatureColumns, *steps: tuple[str, Any], max_categories: int = MAX_CATEGORIES
) -> Pipeline:
    """The encoder of these columns and the steps after it."""
    encoder = Encoder(columns.numbers, columns.categories, max_categories, columns.times)
    return Pipeline([("encode", encoder), *steps])


def linear(columns: FeatureColumns, model: Any) -> Pipeline:
    """A linear model on scaled numbers and an indicator for each category."""
    steps = ("prepare", scaled_and_one_hot(columns)), ("model", model)
    return encoded(columns, *steps, max_categories=MAX_INDICATORS)


def median_imputer() -> SimpleImputer:
    """Missing values take the median of their column; a column without any value is kept."""
    return SimpleImputer(strategy="median", keep_empty_features=True)


def scaled_and_one_hot(columns: FeatureColumns) -> ColumnTransformer:
    """Numbers imputed by their median and scaled, one indicator for each category."""
    positions = range(len(columns.is_category))
    numbers = [index for index in positions if not columns.is_category[index]]
    codes = [index for index in positions if columns.is_category[index]]
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(median_imputer(), StandardScaler()), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore"), codes),
        ]
    )


def model_of(
    estimator: Estimator,
    levels: Sequence[float],
    classifier: Callable[[], Any],
    regressor: Callable[[], Any],
    quantile: Callable[[float], Any],
) -> Any:
    """The model of a kind of estimator; of quantiles, one model for each level."""
    if estimator == "classifier":
        return classifier()
    if estimator == "regressor":
        return regressor()
    return QuantileModels([quantile(level) for level in levels])
