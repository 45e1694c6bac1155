"""Rows rebuilt from components: scikit-learn's numbers, and changes of columns together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.pca_reconstruction import fit_components, reconstruction_check
from pilothouse.monitoring.reference_profile import profile_served
from pilothouse.monitoring.window_rows import WindowRows

NAMES = ("height", "weight", "age", "country")
SIGNATURE = Signature(
    tuple(SignatureField(name, "string" if name == "country" else "number") for name in NAMES),
    "y", (0, 1), 1,
)  # fmt: skip
HOUR = 3_600_000


def draw(
    seed: int, rows: int, *, broken: bool = False, days: bool = False, offset: int = 0
) -> WindowRows:
    """Heights and weights that belong together; `broken` ones have the same values, shuffled."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, 24 * 21, rows)) * HOUR + offset * 24 * HOUR if days else None
    height = rng.normal(170, 10, rows)
    if at is not None:  # the whole of a day is taller
        height += rng.normal(0, 6, 60)[at // (24 * HOUR) % 60]
    weight = 0.9 * height - 80 + rng.normal(0, 4, rows)
    if broken:
        weight = rng.permutation(weight)
    frame = pd.DataFrame(
        {
            "height": np.where(rng.random(rows) < 0.05, np.nan, height),
            "weight": weight,
            "age": 0.5 * weight + rng.normal(0, 5, rows),
            "country": rng.choice(["de", "fr", "it"], rows, p=[0.6, 0.3, 0.1]),
        }
    )
    return WindowRows(frame, {}, np.full(rows, np.nan), at)


def check(reference: WindowRows, window: WindowRows) -> Check:
    profile = profile_served(reference, SIGNATURE)
    return reconstruction_check(reference, window, profile, MonitorConfig())


def test_errors_are_those_of_scikit_learn() -> None:
    kinds: Any = {"height": "number", "weight": "number", "age": "number", "country": "category"}
    reference, window = draw(1, 2_000).features, draw(2, 500).features
    window.loc[0, "country"] = "xx"  # the reference has none
    components = fit_components(reference, kinds)
    assert components is not None

    shares = reference["country"].value_counts(normalize=True)
    mean = reference["height"].mean()

    def by_hand(frame: pd.DataFrame) -> Any:
        return frame.assign(
            height=frame["height"].fillna(mean), country=frame["country"].map(shares).fillna(0.0)
        ).to_numpy(dtype=float)

    scaler = StandardScaler().fit(by_hand(reference))
    pca = PCA(n_components=0.65).fit(scaler.transform(by_hand(reference)))
    x = scaler.transform(by_hand(window))
    expected = np.linalg.norm(x - pca.inverse_transform(pca.transform(x)), axis=1)
    assert len(components.directions) == pca.n_components_
    assert components.errors(window) == pytest.approx(expected)


def test_columns_that_come_apart_are_found_though_none_has_changed() -> None:
    reference = draw(3, 6_000)
    broken = check(reference, draw(4, 3_000, broken=True))
    assert broken.status == "fail"
    assert broken.noise_method == "bootstrap"
    assert "in the reference" in broken.message
    assert check(reference, draw(5, 3_000)).status == "ok"


@pytest.mark.parametrize("days", [False, True])
def test_unchanged_windows_hardly_ever_breach(days: bool) -> None:
    statuses = [
        check(draw(seed, 4_000, days=days), draw(seed + 500, 1_500, days=days, offset=21)).status
        for seed in range(12)
    ]
    assert not any(status in ("warn", "fail") for status in statuses)
    assert statuses.count("ok") >= 8


def test_too_few_rows_or_columns_are_insufficient() -> None:
    assert "needed" in check(draw(6, 300), draw(7, 1_000)).message
    few = draw(8, 2_000)
    one = WindowRows(few.features[["age"]], {}, few.truth)
    result = check(one, one)
    assert (result.status, result.message) == ("insufficient", "fewer than two columns to use")


def test_a_monitor_rebuilds_rows_when_it_is_asked_to(desk: Any) -> None:
    desk.monitoring.monitor(desk.deployment, pca_reconstruction=True)
    desk.log(desk.draw(2_000, seed=1), desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    results = desk.monitoring.results(window).set_index("check")
    assert results.loc["pca_reconstruction", "status"] == "ok"
    assert desk.monitoring.replay(desk.deployment).windows["status_tried"].tolist() == ["ok"]
