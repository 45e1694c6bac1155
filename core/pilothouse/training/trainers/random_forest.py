"""A random forest, bounded so that it trains in seconds and answers in milliseconds."""

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


@trainers.register("random_forest")
class RandomForestTrainer:
    """Missing numbers take the median; categories are codes, by how often they occur."""

    title = "Random forest"
    description = "Missing numbers take the median; categories are codes, by how often they occur."
    estimators: ClassVar[tuple[Estimator, ...]] = ("classifier", "regressor")
    needs = ""
    is_baseline = False
    parameters = (
        Hyperparameter(
            "n_estimators",
            "integer",
            60,
            10,
            300,
            title="Trees",
            tuned=False,
            help="Number of trees.",
        ),
        Hyperparameter("max_depth", "integer", 10, 2, 20, help="Most levels of a tree."),
        Hyperparameter(
            "min_samples_leaf", "integer", 20, 1, 200, log=True, help="Fewest rows of a leaf."
        ),
        Hyperparameter(
            "max_features",
            "choice",
            "sqrt",
            choices=("sqrt", "log2", "half"),
            help="Features a split may choose from.",
        ),
        Hyperparameter(
            "max_samples",
            "number",
            0.3,
            0.05,
            1.0,
            tuned=False,
            help="Share of the rows each tree sees.",
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
        """Encode, impute, grow the trees."""
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        from pilothouse.training.preprocessing import encoded, median_imputer

        forest = RandomForestClassifier if estimator == "classifier" else RandomForestRegressor
        model = forest(
            n_estimators=params["n_estimators"],
            max_depth=params["max_depth"],
            min_samples_leaf=params["min_samples_leaf"],
            max_features=0.5 if params["max_features"] == "half" else params["max_features"],
            max_samples=params["max_samples"],
            n_jobs=1,
            random_state=seed,
        )
        return encoded(columns, ("impute", median_imputer()), ("model", model))
