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
    column = of(v=[*np.arange(1000) / 10, None, np.inf])["v"]
    assert (column.rows, column.missing, column.distinct) == (1002, 1, 1001)
    assert column.quantiles[0.5] == pytest.approx(49.95)
    assert (column.low, column.high) == (0.0, 99.9)
    assert column.mean == pytest.approx(49.95)
    assert len(column.edges) == len(column.counts) + 1
    assert sum(column.counts) == 1000


def test_few_whole_numbers_have_a_bin_each() -> None:
    column = of(v=[1, 1, 2, 7])["v"]
    assert column.edges[0] == 0.5
    assert column.edges[-1] == 7.5
    assert column.counts == (2, 1, 0, 0, 0, 0, 1)


@pytest.mark.parametrize("value", [0.25, 1e100, -5, 2**62])
def test_a_constant_has_one_bin(value: float) -> None:
    column = of(v=[value, value])["v"]
    assert column.counts == (2,)
    assert column.std == 0


def test_texts_and_booleans_have_their_most_frequent_values() -> None:
    columns = of(s=["b", "a", "b", None, ""], f=[True, False, True, None, True])
    assert columns["s"].top == (("b", 2), ("a", 1))
    assert columns["s"].missing == 2
    assert columns["s"].missing_share == 0.4
    assert columns["f"].top == (("true", 3), ("false", 1))
    assert columns["s"].counts == ()


def test_times_are_milliseconds() -> None:
    column = of(t=pd.to_datetime(["2013-01-01T00:00:00Z", "2013-01-03T00:00:00Z"]))["t"]
    assert column.low == 1356998400000
    assert column.quantiles[0.5] == 1356998400000 + 86_400_000
    assert sum(column.counts) == 2


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.none() | st.floats(), min_size=1)
    | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)
)
@example([-1e308, 1e308])
def test_any_numbers_can_be_profiled(values: list[float]) -> None:
    column = of(v=values)["v"]
    finite = [value for value in values if value is not None and abs(value) < 1e150]
    assert bool(column.quantiles) == bool(finite)
    assert sum(column.counts) == len(finite)


def test_an_empty_column_has_nothing() -> None:
    columns = of(a=[None, None], b=pd.array([None, None], "Float64"), c=[1, 2])
    assert columns["a"].missing == columns["b"].missing == 2
    assert columns["a"].distinct == 0
    assert columns["b"].quantiles == {}


def test_a_profile_survives_json() -> None:
    columns = of(v=[1.5, 2.5], s=["a", "b"], t=pd.to_datetime(["2013-01-01", "2013-01-03"]))
    for column in columns.columns:
        assert ColumnProfile.from_json(column.to_json()) == column


def test_a_large_table_is_profiled_in_seconds() -> None:
    table = read_table(samples.flights(), "", {})
    start = time.process_time()
    profiled = profile(table)
    assert time.process_time() - start < 5
    assert profiled.rows == 336_776
    assert profiled["origin"].top[0] == ("EWR", 120_835)
    assert list(profiled.frame().columns[:6]) == [
        "column",
        "type",
        "missing",
        "missing_share",
        "infinite",
        "distinct",
    ]
