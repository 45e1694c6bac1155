"""A trainer that is one file."""

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


@trainers.register("naive_bayes")
class NaiveBayesTrainer:
    """Each column by itself, as a normal distribution a class."""

    title = "Naive Bayes"
    description = "A normal distribution a column and class; missing values take the median."
    estimators: ClassVar[tuple[Estimator, ...]] = ("classifier",)
    needs = ""
    is_baseline = False
    parameters = (
        Hyperparameter(
            "smoothing", "number", 1e-6, 1e-9, 1e-2, log=True, help="Share of variance to add."
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
        """Encode, impute, fit."""
        from sklearn.impute import SimpleImputer
        from sklearn.naive_bayes import GaussianNB
        from sklearn.pipeline import Pipeline

        from pilothouse.training.encoding import Encoder

        encoder = Encoder(columns.numbers, columns.categories, times=columns.times)
        impute = SimpleImputer(strategy="median", keep_empty_features=True)
        model = GaussianNB(var_smoothing=params["smoothing"])
        return Pipeline([("encode", encoder), ("impute", impute), ("model", model)])
