"""Estimates and distances on public data against figures that nobody here computed.

The data is in `data/car_loan`: ten later parts of 5,000 rows, of which the last five have changed.
The figures are those of NannyML 0.13.1's documentation (Tutorial - Estimating Standard Performance
Metrics - Binary Classification, Tutorial - Calculating Standard Metrics - Binary Classification,
Tutorial - Drift - Univariate; repository NannyML/nannyml, commit 4c86ee3), and of both NannyML
0.13.1 and Evidently 0.7.23 run on the same rows.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from pilothouse.models.metrics.expected_metrics import Estimate
from pilothouse.models.signature import Signature
from pilothouse.models.tasks.binary import Binary
from pilothouse.monitoring.assessment import assess
from pilothouse.monitoring.checks import ESTIMATED_PERFORMANCE
from pilothouse.monitoring.drift import CategoryPair, NumberPair, Pair, drift_tests
from pilothouse.monitoring.estimation.class_estimator import ClassEstimator, fit_classes
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import Performance, compute_performance
from pilothouse.monitoring.profiles import (
    category_reference,
    category_window,
    number_reference,
    number_window,
)
from pilothouse.monitoring.reference_profile import profile_reference
from pilothouse.monitoring.window_rows import WindowRows

FILE = Path(__file__).parents[3] / "data" / "car_loan" / "car_loan.parquet"
SIGNATURE = Signature((), "repaid", (0, 1), 1, threshold=0.65)
PARTS, ROWS = 10, 5_000
# fmt: off
ESTIMATED = {
    "roc_auc": [0.970744, 0.971011, 0.971407, 0.971091, 0.971123,
                0.961090, 0.961825, 0.961073, 0.962533, 0.961316],
    "accuracy": [0.941792, 0.943321, 0.945492, 0.944816, 0.944645,
                 0.910714, 0.911149, 0.911193, 0.914389, 0.911731],
    "f1": [0.943030, 0.941324, 0.943574, 0.943159, 0.944204,
           0.911753, 0.911766, 0.911661, 0.913763, 0.914751],
}
OBSERVED = {
    "roc_auc": [0.970962, 0.970248, 0.976282, 0.967721, 0.969886,
                0.96005, 0.95853, 0.959041, 0.963094, 0.957556],
    "accuracy": [0.9422, 0.9422, 0.9502, 0.9436, 0.9410, 0.9146, 0.9156, 0.9144, 0.9224, 0.9122],
}
# Kolmogorov-Smirnov by NannyML is on bins where the reference has more than 10,000 rows.
RATIO_KS = [.01576, .01268, .01734, .01280, .01918, .00824, .01058, .01002, .01068, .00680]
RATIO_JS = [.031661, .030011, .031129, .029464, .030809]
# fmt: on


@cache
def rows(part: str) -> pd.DataFrame:
    frame = pd.read_parquet(FILE)
    return frame[frame["part"] == part].reset_index(drop=True)


def later(part: int) -> pd.DataFrame:
    return rows("analysis").iloc[part * ROWS : (part + 1) * ROWS]


def outputs(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {"score": frame["y_pred_proba"].to_numpy()}


@cache
def observed(part: int | None) -> Performance:
    frame = rows("reference") if part is None else later(part)
    truth = frame["repaid"].to_numpy(np.float64)
    return compute_performance(SIGNATURE, outputs(frame), truth)


@cache
def estimator() -> ClassEstimator:
    reference = rows("reference")
    truth = reference["repaid"].to_numpy(np.float64)
    made = fit_classes(Binary(), SIGNATURE, outputs(reference), truth, observed(None).metrics)
    assert made is not None
    return made


@cache
def estimates(part: int) -> dict[str, Estimate]:
    return estimator().estimate(Binary(), SIGNATURE, outputs(later(part)))


@pytest.mark.parametrize("metric", ESTIMATED)
def test_estimates_without_labels_are_the_published_ones(metric: str) -> None:
    values = [estimates(part)[metric].value for part in range(PARTS)]
    assert values == pytest.approx(ESTIMATED[metric], abs=6e-7)


@pytest.mark.parametrize("metric", OBSERVED)
def test_observed_metrics_are_the_published_ones(metric: str) -> None:
    values = [observed(part).metrics[metric] for part in range(PARTS)]
    assert values == pytest.approx(OBSERVED[metric], abs=6e-7)


def test_the_sampling_error_of_a_part_is_the_published_one() -> None:
    """Published for accuracy from the reference's rows; ours is of the part's own rows."""
    of_part = observed(None).errors["accuracy"].error * np.sqrt(50_000 / ROWS)
    assert of_part == pytest.approx(0.0032614, rel=2e-3)
    unchanged = [estimates(part)["accuracy"].error for part in range(5)]
    assert unchanged == pytest.approx([0.0032614] * 5, rel=0.03)


def test_the_sampling_error_of_f1_is_that_of_resampling_not_the_published_one() -> None:
    """The published one is 1.9 times what resampling gives; ours is within 5 % of resampling.

    NannyML takes F1 for a mean over the rows that it counts. There each row counts once, and in F1
    a correct one counts twice.
    """
    reference = rows("reference")
    truth = reference["repaid"].to_numpy(np.int64)
    answer = (reference["y_pred_proba"].to_numpy() >= SIGNATURE.threshold).astype(np.int64)
    hits, misses = int(np.sum(truth * answer)), int(np.sum(truth != answer))
    counted = hits + misses
    values = np.repeat([1.0, 0.0], [hits, misses]) * counted / (hits + misses / 2)
    published = values.std() / np.sqrt(ROWS * counted / len(truth))
    assert published == pytest.approx(0.00643972, rel=1e-6)

    shares = np.bincount(2 * truth + answer, minlength=4) / len(truth)
    _, extra, missed, correct = np.random.default_rng(1).multinomial(ROWS, shares, 20_000).T
    resampled = np.std(2 * correct / (2 * correct + extra + missed))
    errors = [estimates(part)["f1"].error for part in range(5)]
    assert errors == pytest.approx([resampled] * 5, rel=0.05)
    assert published / resampled == pytest.approx(1.9, rel=0.02)


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy"])
def test_the_sampling_error_is_that_of_observed_metrics(metric: str) -> None:
    """Second path: DeLong's and Agresti and Coull's on the labels themselves."""
    for part in range(PARTS):
        error = observed(part).errors[metric].error
        assert estimates(part)[metric].error == pytest.approx(error, rel=0.12)


def test_exactly_the_changed_parts_warn_without_labels() -> None:
    """NannyML alerts on the same five parts, each with a fall of about .01 in the AUC."""
    reference = rows("reference").rename(columns={"y_pred_proba": "__score", "repaid": "__target"})
    profile = profile_reference(reference, SIGNATURE)
    statuses = []
    for part in range(PARTS):
        window = WindowRows(later(part), outputs(later(part)), np.full(ROWS, np.nan))
        performance = compute_performance(SIGNATURE, window.outputs, window.truth)
        assessment = assess(profile, window, MonitorConfig(), SIGNATURE, performance)
        estimated = [
            c for c in assessment.checks if c.signal == ESTIMATED_PERFORMANCE and c.primary
        ]
        statuses += [check.status for check in estimated]
    assert statuses == ["ok"] * 5 + ["warn"] * 5


def pair(column: str, part: int) -> Pair:
    reference, window = rows("reference")[column], later(part)[column]
    if column in ("salary_range", "repaid_loan_on_prev_car"):
        categories = category_reference(column, reference)
        return CategoryPair(categories, category_window(categories, window))
    numbers = number_reference(column, reference)
    return NumberPair(numbers, *number_window(numbers, window))


@pytest.mark.parametrize(
    ("column", "test", "unchanged", "changed"),
    [
        # NannyML
        ("car_value", "jensen_shannon", 0.02619345, 0.46475949),
        ("car_value", "hellinger", 0.02181163, 0.41164808),
        ("loan_length", "jensen_shannon", 0.02442779, 0.23393521),
        ("salary_range", "jensen_shannon", 0.00639674, 0.18314298),
        ("salary_range", "l_infinity", 0.00616, 0.09156),
        ("repaid_loan_on_prev_car", "jensen_shannon", 0.00830780, 0.23119804),
        # Evidently
        ("car_value", "wasserstein", 0.0170765, 0.9184301),
        ("loan_length", "psi", 0.0033120, 0.3191805),
        ("salary_range", "psi", 0.000226902, 0.2251207),
    ],
)
def test_distances_are_the_published_ones(
    column: str, test: str, unchanged: float, changed: float
) -> None:
    scores = [drift_tests.get(test).score(pair(column, part)) for part in (0, 5)]
    assert scores == pytest.approx([unchanged, changed], rel=1e-5, abs=6e-8)


def test_wasserstein_times_the_deviation_is_the_published_one() -> None:
    """NannyML's is on bins: 348.369, where the exact distance is 348.316."""
    deviation = float(rows("reference")["car_value"].std(ddof=0))
    scores = [drift_tests.get("wasserstein").score(pair("car_value", part)) for part in (0, 5)]
    assert np.multiply(scores, deviation) == pytest.approx([348.369, 18733.645], rel=2e-4)


def test_chi_square_is_the_published_statistic_and_p_value() -> None:
    """The statistics are NannyML's, the p-value is Evidently's."""
    test = drift_tests.get("chi_square")
    weighed = [pair("salary_range", part) for part in (0, 5)]
    statistics = np.square([test.score(both) for both in weighed]) / (1 / ROWS + 1 / 50_000)
    assert statistics == pytest.approx([1.03368289, 455.62209370], rel=1e-8)
    assert test.chance is not None
    # Evidently takes the reference's shares for the true ones, which are hardly uncertain here.
    p_value = test.chance(weighed[0]).p_value(test.score(weighed[0]))
    assert p_value == pytest.approx(0.767996, abs=0.03)


@pytest.mark.parametrize(("part", "published"), [(0, 1.70319458), (5, 1179.90314337)])
def test_chi_square_of_two_categories_is_the_published_one_before_yates_correction(
    part: int, published: float
) -> None:
    """NannyML's statistic of a table of two by two has Yates' correction, ours has none.

    The correction makes a test conservative that has few rows; ours then permutes the rows.
    """
    both = pair("repaid_loan_on_prev_car", part)
    columns = (rows("reference"), later(part))
    table = np.array([frame["repaid_loan_on_prev_car"].value_counts() for frame in columns])
    expected = chi2_contingency(table, correction=False)
    test = drift_tests.get("chi_square")
    statistic = test.score(both) ** 2 / (1 / ROWS + 1 / 50_000)
    assert statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert test.chance is not None
    p_value = test.chance(both).p_value(test.score(both))
    assert p_value == pytest.approx(expected.pvalue, rel=1e-6)

    total, margins = table.sum(), float(np.prod([*table.sum(0), *table.sum(1)], dtype=float))
    difference = np.sqrt(statistic * margins / total)  # of the products across the diagonals
    corrected = (difference - total / 2) ** 2 * total / margins
    assert corrected == pytest.approx(published, rel=1e-8)


def test_distances_of_an_unchanged_column_are_the_published_ones_in_every_part() -> None:
    both = [pair("debt_to_income_ratio", part) for part in range(PARTS)]
    ks, js = drift_tests.get("ks"), drift_tests.get("jensen_shannon")
    assert [ks.score(part) for part in both] == pytest.approx(RATIO_KS, abs=2.5e-4)
    assert [js.score(part) for part in both[:5]] == pytest.approx(RATIO_JS, abs=6e-7)


@pytest.mark.parametrize(
    ("test", "distance"),
    [("psi", 0.22821740957), ("jensen_shannon", 0.20050332253), ("hellinger", 0.16789959640)],
)
def test_distances_can_be_checked_by_hand(test: str, distance: float) -> None:
    """Shares of .1, .2, .3, .4 against four quarters."""
    counts = [[1_000, 2_000, 3_000, 4_000], [2_500] * 4]
    before, after = (pd.Series(np.repeat(list("abcd"), part)) for part in counts)
    profile = category_reference("x", before)
    weighed = CategoryPair(profile, category_window(profile, after))
    assert drift_tests.get(test).score(weighed) == pytest.approx(distance, abs=1e-11)
