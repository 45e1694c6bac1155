"""XGBoost, where it is installed: boosted trees that take missing values and categories."""

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


@trainers.register("xgboost")
class XGBoostTrainer:
    """Its defaults are XGBoost's, with the number of trees and the rate of the other boosters."""

    title = "XGBoost"
    description = (
        "Boosted trees: takes missing values and categories as they are; "
        "an unseen category is taken as missing."
    )
    estimators: ClassVar[tuple[Estimator, ...]] = ("classifier", "regressor", "quantiles")
    needs = "xgboost"
    is_baseline = False
    parameters = (
        Hyperparameter(
            "learning_rate", "number", 0.1, 0.02, 0.5, log=True, help="Weight of each new tree."
        ),
        Hyperparameter(
            "n_estimators", "integer", 100, 20, 500, tuned=False, help="Number of trees."
        ),
        Hyperparameter("max_depth", "integer", 6, 2, 12, help="Most levels of a tree."),
        Hyperparameter(
            "min_child_weight", "number", 1.0, 0.1, 100.0, log=True, help="Least weight of a leaf."
        ),
        Hyperparameter(
            "subsample", "number", 1.0, 0.3, 1.0, help="Share of the rows each tree sees."
        ),
        Hyperparameter("reg_lambda", "number", 1.0, 0.0, 10.0, help="Penalty on leaf values."),
    )

    @staticmethod
    def build(
        columns: FeatureColumns,
        params: Mapping[str, Value],
        seed: int,
        estimator: Estimator = "classifier",
        levels: Sequence[float] = (),
    ) -> Pipeline:
        """Encode, then boost on one thread."""
        from xgboost import XGBClassifier, XGBRegressor

        from pilothouse.training.preprocessing import encoded, model_of

        common: dict[str, Any] = {
            **params,
            "tree_method": "hist",
            "enable_categorical": True,
            "feature_types": ["c" if category else "q" for category in columns.is_category],
            "n_jobs": 1,
            "random_state": seed,
        }
        quantile = {**common, "objective": "reg:quantileerror"}
        model = model_of(
            estimator,
            levels,
            lambda: XGBClassifier(**common),
            lambda: XGBRegressor(**common),
            lambda level: XGBRegressor(**quantile, quantile_alpha=level),
        )
        return encoded(columns, ("model", model))
