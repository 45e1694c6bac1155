"""Histogram gradient boosting, which takes missing values and categories as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.training.trainers import (
    Estimator,
    FeatureColumns,
    Hyperparameter,
    Value,
    trainers,
)

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@trainers.register("hist_gradient_boosting")
class HistGradientBoostingTrainer:
    """Its defaults are scikit-learn's; an unseen category is taken as missing."""

    title = "Histogram gradient boosting"
    description = (
        "Takes missing values and categories as they are; an unseen category is taken as missing. "
        "Its defaults are scikit-learn's."
    )
    estimators: ClassVar[tuple[Estimator, ...]] = ("classifier", "regressor", "quantiles")
    needs = ""
    is_baseline = False
    parameters = (
        Hyperparameter(
            "learning_rate", "number", 0.1, 0.02, 0.5, log=True, help="Weight of each new tree."
        ),
        Hyperparameter("max_iter", "integer", 100, 20, 500, tuned=False, help="Number of trees."),
        Hyperparameter(
            "max_leaf_nodes", "integer", 31, 4, 127, log=True, help="Most leaves of a tree."
        ),
        Hyperparameter(
            "min_samples_leaf", "integer", 20, 5, 200, log=True, help="Fewest rows of a leaf."
        ),
        Hyperparameter(
            "l2_regularization", "number", 0.0, 0.0, 10.0, help="Penalty on leaf values."
        ),
    )

    @staticmethod
    def build(
        columns: FeatureColumns,
        params: Mapping[str, Value],
        seed: int,
        estimator: Estimator = "classifier",
        levels: Sequence[float] = (),
    ) -> Pipeline:
        """Encode, then boost, with scikit-learn's own early stopping on large data."""
        from sklearn.ensemble import (
            HistGradientBoostingClassifier,
            HistGradientBoostingRegressor,
        )

        from pilothouse.training.preprocessing import encoded, model_of

        common: dict[str, Any] = {
            **params,
            "categorical_features": columns.is_category if columns.categories else None,
            "random_state": seed,
        }
        model = model_of(
            estimator,
            levels,
            lambda: HistGradientBoostingClassifier(**common),
            lambda: HistGradientBoostingRegressor(**common),
            lambda level: HistGradientBoostingRegressor(**common, loss="quantile", quantile=level),
        )
        return encoded(columns, ("model", model))
