"""Logistic regression on scaled numbers and one indicator per category."""

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


@trainers.register("logistic_regression")
class LogisticRegressionTrainer:
    """Missing numbers take the median; a missing or unseen category has no indicator."""

    title = "Logistic regression"
    description = (
        "Missing numbers take the median and are scaled; "
        "a missing or unseen category has no indicator."
    )
    estimators: ClassVar[tuple[Estimator, ...]] = ("classifier",)
    needs = ""
    is_baseline = False
    parameters = (
        Hyperparameter(
            "C", "number", 1.0, 1e-3, 1e3, log=True, help="Inverse strength of the L2 penalty."
        ),
        Hyperparameter(
            "class_weight",
            "choice",
            "none",
            choices=("none", "balanced"),
            help="Whether the rarer class weighs more.",
        ),
        Hyperparameter(
            "max_iter", "integer", 300, 50, 2000, tuned=False, help="Most steps of the solver."
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
        """Encode, impute and scale or one-hot, then fit by L-BFGS."""
        from sklearn.linear_model import LogisticRegression

        from pilothouse.training.preprocessing import linear

        model = LogisticRegression(
            C=params["C"],
            class_weight=None if params["class_weight"] == "none" else "balanced",
            max_iter=params["max_iter"],
            random_state=seed,
        )
        return linear(columns, model)
