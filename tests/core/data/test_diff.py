"""What changed between two dataset versions, by their profiles alone."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pilothouse.data.diff import distance, shift_label
from pilothouse.data.info import ColumnProfile
from pilothouse.data.profile import profile
from pilothouse.data.reading.reader import read_table
from pilothouse.workspace import Workspace


def seen(values: object) -> ColumnProfile:
    return profile(read_table(pd.DataFrame({"x": values}), "", {}))["x"]


def test_schema_rows_and_shift_are_told(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "temp": rng.normal(10, 3, 500),
            "carrier": rng.choice(["AA", "DL"], 500),
            "gone": 1,
            "code": [str(number % 7) for number in range(500)],
        }
    )
    later = pd.DataFrame(
        {
            "temp": rng.normal(20, 3, 400),
            "carrier": rng.choice(["AA", "UA"], 400),
            "fresh": 2.5,
            "code": [number % 7 for number in range(400)],
        }
    )
    a = workspace.data.register("flights", frame, types={"code": "string"}).ref
    b = workspace.data.register("flights", later, on_breach="accept").ref
    result = workspace.data.diff(a, b)
    changes = {row["column"]: row["change"] for row in result.schema.to_dict("records")}
    assert changes == {"gone": "gone", "fresh": "new", "code": "type"}
    by_column = result.columns.set_index("column")
    assert by_column.loc["temp", "message"] == "large"
    assert by_column.loc["carrier", "new_values"] == "UA"
    assert by_column.loc["code", "message"] == "cannot tell"
    assert result.columns["column"].iloc[0] == "temp"
    assert "-100 rows (500 to 400)" in result.message
    assert "clear shift in temp and" not in result.message
    assert not result.identical


def test_a_version_is_itself(workspace: Workspace) -> None:
    at = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 29)]
    frame = pd.DataFrame({"x": range(28), "at": at, "flag": [True, False] * 14})
    a = workspace.data.register("things", frame).ref
    result = workspace.data.diff(a, a)
    assert result.identical
    assert result.columns["shift"].tolist() == [0.0, 0.0, 0.0]
    assert result.columns["mean_before"].isna().tolist().count(True) == 2
    assert "the same content" in result.message


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(0.3, 3))
def test_the_gap_is_never_more_than_kolmogorov_and_smirnovs(
    seed: int, moved: float, wide: float
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 1, 400), rng.normal(moved, wide, 300)
    gap = distance(seen(a), seen(b))
    exact = float(stats.ks_2samp(a, b).statistic)
    assert -1e-9 <= gap <= exact + 1e-9
    assert gap >= exact - 0.2, "thirty bins see most of it"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("abcd"), min_size=1))
def test_the_distance_of_words_is_their_total_variation(a: list[str], b: list[str]) -> None:
    expected = sum(abs(a.count(word) / len(a) - b.count(word) / len(b)) for word in "abcd") / 2
    before, after = seen(a), seen(b)
    assert distance(before, after) == pytest.approx(expected)
    assert distance(after, before) == pytest.approx(expected)


def test_a_frequent_value_is_no_shift_when_the_bins_differ() -> None:
    """Mostly zeros: one great value stretches the bins and must not move the rest."""
    few = np.r_[np.zeros(950), np.linspace(0.01, 0.3, 50)]
    stretched = np.r_[few[:-1], 9.0]
    assert distance(seen(few), seen(stretched)) < 0.05


@pytest.mark.parametrize(
    ("apart", "text"),
    [(0.0, "same"), (0.06, "slight"), (0.2, "clear"), (0.5, "large"), (np.nan, "cannot tell")],
)
def test_a_distance_reads(apart: float, text: str) -> None:
    assert shift_label(apart) == text
