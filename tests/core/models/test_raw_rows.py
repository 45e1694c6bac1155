"""Raw rows of what libraries return: lists of Python's own values, one list per row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pilothouse.models.raw_rows import MAX_OUTPUTS, Rows, normalised, rows_of

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u4", "u8", "f2", "f4", "f8", "g", "U3", ">f8"]
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def answer(values: object, count: int) -> tuple[Rows, list[type]] | str:
    """The rows with the type of every value, or the message of the refusal."""
    try:
        rows = rows_of(values, count)
    except ValueError as refused:
        return str(refused)
    return rows, [type(value) for row in rows for value in row]


@given(shape=SHAPES, dtype=st.sampled_from(DTYPES), count=st.integers(0, 4), data=st.data())
def test_an_array_gives_the_rows_of_its_nested_lists(
    shape: tuple[int, ...], dtype: str, count: int, data: st.DataObject
) -> None:
    elements = {"allow_nan": False} if np.dtype(dtype).kind == "f" else None  # NaN equals nothing
    values = data.draw(arrays.arrays(dtype, shape, elements=elements))
    expected = answer(values.tolist(), count)
    assert answer(values, count) == expected
    assert answer(np.asfortranarray(values), count) == expected


@pytest.mark.parametrize("shape", [(2, MAX_OUTPUTS + 1), (2, 7, MAX_OUTPUTS // 7 + 1)])
def test_too_many_values_of_a_row_are_refused(shape: tuple[int, ...]) -> None:
    refusal = f"the model gives more than {MAX_OUTPUTS} values for a row"
    assert answer(np.zeros(shape), 2) == answer(np.zeros(shape).tolist(), 2) == refusal
    assert answer(np.zeros((0, *shape[1:])), 0) == ([], [])
    assert answer(np.zeros((2, MAX_OUTPUTS)), 2) == answer(np.zeros((2, MAX_OUTPUTS)).tolist(), 2)


def test_missing_numbers_stay_as_they_are() -> None:
    [[first], [second]] = rows_of(np.array([np.nan, 1.5], dtype="f4"), 2)
    assert first != first
    assert second == 1.5
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])
    assert rows_of(masked, 2) == [[None], [2.0]]


def test_scores_of_independent_classes_add_up_to_one() -> None:
    assert normalised([[1.0, 3.0], [0.0, 0.0]]) == [[0.25, 0.75], [0.0, 0.0]]
