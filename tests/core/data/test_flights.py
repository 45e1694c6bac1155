"""The flights are all there, leak nothing, and are as hard as they were found to be elsewhere."""

from __future__ import annotations

import pandas as pd
import pytest

from pilothouse.data import samples

# Computed outside this project, with the same kind of model on the same kind of columns.
PUBLISHED_AUC = {
    3: 0.703,
    4: 0.638,
    5: 0.707,
    6: 0.694,
    7: 0.675,
    8: 0.666,
    9: 0.644,
    10: 0.629,
}


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return pd.read_parquet(samples.flights())


def test_every_flight_of_2013_is_there_once_in_order(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776
    assert flights[samples.FLIGHT_ID].is_unique
    assert flights[samples.FLIGHT_TIME].is_monotonic_increasing
    local = flights[samples.FLIGHT_TIME].dt.tz_convert("America/New_York")
    assert set(local.dt.year) == {2013}
    assert local.dt.month.equals(flights["month"].astype("int32"))
    assert (local.dt.hour * 60 + local.dt.minute).eq(flights["departure_minute"]).all()
    assert (local.dt.weekday + 1).eq(flights["weekday"]).all()


def test_only_flights_that_never_arrived_have_no_label(flights: pd.DataFrame) -> None:
    labels = flights[samples.FLIGHT_LABEL]
    assert labels.isna().sum() == 9_430
    assert set(labels.dropna()) == {0, 1}
    assert labels.isna().equals(flights[samples.FLIGHT_LABEL_AT].isna())


def test_a_label_is_known_hours_after_the_departure(flights: pd.DataFrame) -> None:
    delay = (flights[samples.FLIGHT_LABEL_AT] - flights[samples.FLIGHT_TIME]).dropna()
    assert delay.min() > pd.Timedelta(0)
    assert pd.Timedelta(hours=2) < delay.median() < pd.Timedelta(hours=4)


def test_nothing_known_only_after_departure_is_a_column(flights: pd.DataFrame) -> None:
    known_before = {samples.FLIGHT_ID, samples.FLIGHT_TIME, "month", *samples.FLIGHT_FEATURES}
    told_later = {samples.FLIGHT_LABEL, samples.FLIGHT_LABEL_AT}
    assert set(flights.columns) == known_before | told_later
    assert not told_later & set(samples.FLIGHT_FEATURES)


def test_a_default_booster_is_as_good_as_published(flights: pd.DataFrame) -> None:
    auc = auc_by_month(flights)
    assert auc == pytest.approx(PUBLISHED_AUC, abs=0.03)
    assert auc[4] < auc[3]
    assert auc[10] < auc[3]


def auc_by_month(flights: pd.DataFrame) -> dict[int, float]:
    """AUC for March to October of scikit-learn's default model, fitted on January and February."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoder = make_column_transformer(
        (codes, make_column_selector(dtype_include=object)), remainder="passthrough"
    )
    booster = HistGradientBoostingClassifier(categorical_features=[0, 1, 2], random_state=0)
    model = make_pipeline(encoder, booster)
    labelled = flights.dropna(subset=[samples.FLIGHT_LABEL])
    labelled = labelled.astype({samples.FLIGHT_LABEL: int})
    features, winter = list(samples.FLIGHT_FEATURES), labelled["month"] <= 2
    model.fit(labelled.loc[winter, features], labelled.loc[winter, samples.FLIGHT_LABEL])
    months = {month: labelled[labelled["month"] == month] for month in PUBLISHED_AUC}
    return {
        month: float(
            roc_auc_score(rows[samples.FLIGHT_LABEL], model.predict_proba(rows[features])[:, 1])
        )
        for month, rows in months.items()
    }
