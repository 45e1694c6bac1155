"""Ridge regression on scaled numbers and one indicator per category."""

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


@trainers.register("ridge")
class RidgeTrainer:
    """The linear model of a number, with the preparation of logistic regression."""

    title = "Ridge regression"
    description = (
        "A linear model: missing numbers take the median and are scaled; "
        "a missing or unseen category has no indicator."
    )
    estimators: ClassVar[tuple[Estimator, ...]] = ("regressor",)
    needs = ""
    is_baseline = False
    parameters = (
        Hyperparameter(
            "alpha", "number", 1.0, 1e-3, 1e3, log=True, help="Strength of the L2 penalty."
        ),
    )

    @staticmethod
    def build(
        columns: FeatureColumns,
        params: Mapping[str, Value],
        seed: int,
        estimator: Estimator = "regressor",
        levels: Sequence[float] = (),
    ) -> Pipeline:
        """Encode, impute and scale or one-hot, then solve."""
        from sklearn.linear_model import Ridge

        from pilothouse.training.preprocessing import linear

        return linear(columns, Ridge(alpha=params["alpha"], random_state=seed))
