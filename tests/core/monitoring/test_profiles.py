"""Profiles: kinds of columns, missing values, merging, and a form that is kept."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.column_values import MAX_MAGNITUDE, read_numbers
from pilothouse.monitoring.profiles import (
    MAX_CATEGORIES,
    MAX_SAMPLE,
    UnreadableProfile,
    category_reference,
    category_window,
    number_reference,
    number_window,
)
from pilothouse.monitoring.reference_profile import from_bytes, profile_reference, to_bytes

numbers = st.one_of(st.none(), st.integers(-9, 9).map(float), st.floats(-1e6, 1e6))
columns = st.lists(numbers, max_size=60).map(lambda cells: pd.Series(cells, dtype="float64"))
texts = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=60).map(
    lambda cells: pd.Series(cells, dtype=object)
)


@given(columns, columns, columns)
def test_profiles_of_parts_merge_into_the_profile_of_the_whole(
    reference: pd.Series, first: pd.Series, second: pd.Series
) -> None:
    grid = number_reference("x", reference)
    merged = number_window(grid, first)[0].merge(number_window(grid, second)[0])
    whole, _ = number_window(grid, pd.Series(np.concatenate([first, second])))
    assert (merged.rows, merged.missing) == (whole.rows, whole.missing)
    assert merged.bin_counts.tolist() == whole.bin_counts.tolist()
    assert merged.decile_counts.tolist() == whole.decile_counts.tolist()
    assert merged.mean == pytest.approx(whole.mean, abs=1e-6)
    assert math.sqrt(merged.sum_sq_dev) == pytest.approx(
        math.sqrt(whole.sum_sq_dev), rel=1e-6, abs=1e-2
    )
    assert (merged.low, merged.high) == (whole.low, whole.high)


@given(texts, texts)
def test_categories_merge_by_sum(first: pd.Series, second: pd.Series) -> None:
    reference = category_reference("x", first)
    merged = category_window(reference, first).merge(category_window(reference, second))
    whole = category_window(reference, pd.concat([first, second]))
    assert dict(merged.counts) == dict(whole.counts)
    assert merged.missing == whole.missing


@given(st.lists(st.sampled_from([1.0, -2.5, 1e200, -1e300, math.inf, -math.inf, math.nan])))
def test_finite_numbers_are_sorted_and_the_others_counted(values: list[float]) -> None:
    numbers = read_numbers(pd.Series(values, dtype=np.float64))
    finite = sorted(value for value in values if math.isfinite(value))
    clipped = [min(max(value, -MAX_MAGNITUDE), MAX_MAGNITUDE) for value in finite]
    assert numbers.values.tolist() == clipped
    assert numbers.missing == len(values) - len(finite)
    assert numbers.infinite == sum(math.isinf(value) for value in values)


def test_missing_and_infinite_values_are_missing() -> None:
    profile = number_reference("x", pd.Series([1.0, np.nan, np.inf, 2.0, -np.inf]))
    assert (profile.rows, profile.missing, profile.present) == (5, 3, 2)


def test_a_nullable_or_object_column_of_numbers_is_read() -> None:
    for column in (
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1, None, 3], dtype=object),
        pd.Series([True, None, False], dtype=object),
    ):
        assert number_reference("x", column).present == 2


def test_texts_in_a_column_of_numbers_are_unreadable() -> None:
    with pytest.raises(UnreadableProfile, match="not numbers"):
        number_reference("x", pd.Series(["ten", "11"]))


def test_the_same_category_in_another_type_is_the_same() -> None:
    as_bool = category_reference("x", pd.Series([True, False, True]))
    as_float = category_reference("x", pd.Series([1.0, 0.0, 1.0, None], dtype=object))
    assert dict(as_bool.counts) == dict(as_float.counts) == {"1": 2, "0": 1}
    assert as_float.missing == 1


def test_a_reference_with_too_many_categories_says_that_it_is_not_complete() -> None:
    reference = category_reference("x", pd.Series([str(i) for i in range(MAX_CATEGORIES + 1)]))
    assert not reference.complete
    assert len(reference.counts) == MAX_CATEGORIES


def test_a_long_reference_keeps_a_sorted_sample_and_counts_every_row() -> None:
    values = np.random.default_rng(0).normal(size=MAX_SAMPLE + 5_000)
    reference = number_reference("x", pd.Series(values))
    assert len(reference.values) == MAX_SAMPLE
    assert (np.diff(reference.values) >= 0).all()
    assert reference.bin_counts.sum() == len(values)


@given(
    arrays.arrays(np.float64, 30, elements=st.floats(-1e6, 1e6)),
    st.lists(st.sampled_from(["a", "b", None]), min_size=30, max_size=30),
)
def test_a_reference_is_kept_as_bytes_and_read_back_unchanged(
    x: np.ndarray, c: list[str | None]
) -> None:
    inputs = (
        SignatureField("x", "number"),
        SignatureField("c", "string"),
        SignatureField("gone", "number"),
    )
    signature = Signature(inputs, "y", (0, 1), 1)
    frame = pd.DataFrame(
        {"x": x, "c": c, "__target": [0, 1] * 15, "__score": np.linspace(0, 1, 30)}
    )
    profile = profile_reference(frame, signature)
    again = from_bytes(to_bytes(profile))
    assert again.rows == 30
    assert again.faults == {"gone": "the reference has no such column"}
    assert again.metrics == profile.metrics
    assert again.columns["c"] == profile.columns["c"]
    original, restored = profile.columns["x"], again.columns["x"]
    assert original.values.tolist() == restored.values.tolist()
    assert original.bins.cuts.tolist() == restored.bins.cuts.tolist()
    assert (original.mean, original.std) == (restored.mean, restored.std)
