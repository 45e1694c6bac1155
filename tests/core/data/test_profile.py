"""A profile tells what a person would count by hand."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pilothouse.data import samples
from pilothouse.data.info import ColumnProfile, Profile
from pilothouse.data.profile import profile
from pilothouse.data.reading.reader import read_table


def of(**columns: object) -> Profile:
    return profile(read_table(pd.DataFrame(columns), "", {}))


def test_numbers_have_quantiles_and_a_histogram() -> None:
    seen = of(v=[*np.arange(1000) / 10, None, np.inf])["v"]
    assert (seen.rows, seen.missing, seen.distinct) == (1002, 1, 1001)
    assert seen.quantiles[0.5] == pytest.approx(49.95)
    assert (seen.low, seen.high) == (0.0, 99.9)
    assert seen.mean == pytest.approx(49.95)
    assert len(seen.edges) == len(seen.counts) + 1
    assert sum(seen.counts) == 1000


def test_few_whole_numbers_have_a_bin_each() -> None:
    seen = of(v=[1, 1, 2, 7])["v"]
    assert seen.edges[0] == 0.5
    assert seen.edges[-1] == 7.5
    assert seen.counts == (2, 1, 0, 0, 0, 0, 1)


@pytest.mark.parametrize("value", [0.25, 1e100, -5, 2**62])
def test_a_constant_has_one_bin(value: float) -> None:
    seen = of(v=[value, value])["v"]
    assert seen.counts == (2,)
    assert seen.std == 0


def test_texts_and_booleans_have_their_most_frequent_values() -> None:
    seen = of(s=["b", "a", "b", None, ""], f=[True, False, True, None, True])
    assert seen["s"].top == (("b", 2), ("a", 1))
    assert seen["s"].missing == 2
    assert seen["s"].missing_share == 0.4
    assert seen["f"].top == (("true", 3), ("false", 1))
    assert seen["s"].counts == ()


def test_times_are_milliseconds() -> None:
    seen = of(t=pd.to_datetime(["2013-01-01T00:00:00Z", "2013-01-03T00:00:00Z"]))["t"]
    assert seen.low == 1356998400000
    assert seen.quantiles[0.5] == 1356998400000 + 86_400_000
    assert sum(seen.counts) == 2


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.none() | st.floats(), min_size=1)
    | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)
)
@example([-1e308, 1e308])
def test_any_numbers_can_be_profiled(values: list[float]) -> None:
    seen = of(v=values)["v"]
    finite = [value for value in values if value is not None and abs(value) < 1e150]
    assert bool(seen.quantiles) == bool(finite)
    assert sum(seen.counts) == len(finite)


def test_an_empty_column_has_nothing() -> None:
    seen = of(a=[None, None], b=pd.array([None, None], "Float64"), c=[1, 2])
    assert seen["a"].missing == seen["b"].missing == 2
    assert seen["a"].distinct == 0
    assert seen["b"].quantiles == {}


def test_a_profile_survives_json() -> None:
    seen = of(v=[1.5, 2.5], s=["a", "b"], t=pd.to_datetime(["2013-01-01", "2013-01-03"]))
    for column in seen.columns:
        assert ColumnProfile.from_json(column.to_json()) == column


def test_a_large_table_is_profiled_in_seconds() -> None:
    table = read_table(samples.flights(), "", {})
    start = time.process_time()
    seen = profile(table)
    assert time.process_time() - start < 5
    assert seen.rows == 336_776
    assert seen["origin"].top[0] == ("EWR", 120_835)
    assert list(seen.frame().columns[:6]) == [
        "column",
        "type",
        "missing",
        "missing_share",
        "infinite",
        "distinct",
    ]
