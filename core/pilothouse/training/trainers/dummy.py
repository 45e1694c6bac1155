"""A baseline that looks at the target only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pilothouse.training.trainers import (
    Estimator,
    FeatureColumns,
    Hyperparameter,
    Value,
    trainers,
)

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@trainers.register("dummy")
class DummyTrainer:
    """What a model must beat to be worth anything."""

    title = "Baseline"
    description = (
        "Ignores the features: the share of each class, the mean, or the quantiles of the target. "
        "A model must beat it."
    )
    estimators: ClassVar[tuple[Estimator, ...]] = ("classifier", "regressor", "quantiles")
    needs = ""
    is_baseline = True
    parameters: ClassVar[tuple[Hyperparameter, ...]] = ()

    @staticmethod
    def build(
        columns: FeatureColumns,
        params: Mapping[str, Value],
        seed: int,
        estimator: Estimator = "classifier",
        levels: Sequence[float] = (),
    ) -> Pipeline:
        """Encode, so that the same rows are accepted, and answer the same for each."""
        from sklearn.dummy import DummyClassifier, DummyRegressor
        from sklearn.pipeline import Pipeline

        from pilothouse.training.encoding import Encoder, QuantileModels

        if estimator == "classifier":
            model = DummyClassifier(strategy="prior")
        elif estimator == "regressor":
            model = DummyRegressor(strategy="mean")
        else:
            quantiles = [DummyRegressor(strategy="quantile", quantile=level) for level in levels]
            model = QuantileModels(quantiles)
        encoder = Encoder(columns.numbers, columns.categories, times=columns.times)
        return Pipeline([("encode", encoder), ("model", model)])
