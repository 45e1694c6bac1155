"""LightGBM, where it is installed: boosted trees that take missing values and categories."""

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


@trainers.register("lightgbm")
class LightGBMTrainer:
    """Its defaults are LightGBM's."""

    title = "LightGBM"
    description = (
        "Boosted trees that grow leaf by leaf: takes missing values and categories as they are; "
        "an unseen category is taken as missing."
    )
    estimators: ClassVar[tuple[Estimator, ...]] = ("classifier", "regressor", "quantiles")
    needs = "lightgbm"
    is_baseline = False
    parameters = (
        Hyperparameter(
            "learning_rate", "number", 0.1, 0.02, 0.5, log=True, help="Weight of each new tree."
        ),
        Hyperparameter(
            "n_estimators", "integer", 100, 20, 500, tuned=False, help="Number of trees."
        ),
        Hyperparameter(
            "num_leaves", "integer", 31, 4, 127, log=True, help="Most leaves of a tree."
        ),
        Hyperparameter(
            "min_child_samples", "integer", 20, 5, 200, log=True, help="Fewest rows of a leaf."
        ),
        Hyperparameter("reg_lambda", "number", 0.0, 0.0, 10.0, help="Penalty on leaf values."),
    )

    @staticmethod
    def build(
        columns: FeatureColumns,
        params: Mapping[str, Value],
        seed: int,
        estimator: Estimator = "classifier",
        levels: Sequence[float] = (),
    ) -> Pipeline:
        """Encode, then boost on one thread, the same way every time."""
        from lightgbm import LGBMClassifier, LGBMRegressor

        from pilothouse.training.encoding import CategoricalModel
        from pilothouse.training.preprocessing import encoded, model_of

        common: dict[str, Any] = {
            **params,
            "n_jobs": 1,
            "deterministic": True,
            "random_state": seed,
            "verbose": -1,
        }
        categories = [index for index, category in enumerate(columns.is_category) if category]

        def with_categories(model: Any) -> CategoricalModel:
            return CategoricalModel(model, categories)

        quantile = {**common, "objective": "quantile"}
        model = model_of(
            estimator,
            levels,
            lambda: with_categories(LGBMClassifier(**common)),
            lambda: with_categories(LGBMRegressor(**common)),
            lambda level: with_categories(LGBMRegressor(**quantile, alpha=level)),
        )
        return encoded(columns, ("model", model))
