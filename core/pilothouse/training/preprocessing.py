"""Steps between the encoder and a linear model. It runs in child processes only."""

from __future__ import annotations

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pilothouse.training.columns import FeatureColumns


def scaled_and_one_hot(columns: FeatureColumns) -> ColumnTransformer:
    """Numbers imputed by their median and scaled, one indicator for each category."""
    positions = range(len(columns.is_category))
    numbers = [index for index in positions if not columns.is_category[index]]
    codes = [index for index in positions if columns.is_category[index]]
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(impute, StandardScaler()), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore"), codes),
        ]
    )
