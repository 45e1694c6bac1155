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

        from pilothouse.training.preprocessing import encoded, model_of

        model = model_of(
            estimator,
            levels,
            lambda: DummyClassifier(strategy="prior"),
            lambda: DummyRegressor(strategy="mean"),
            lambda level: DummyRegressor(strategy="quantile", quantile=level),
        )
        return encoded(columns, ("model", model))
