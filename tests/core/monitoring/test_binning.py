"""Grids count every value once, as numpy does, and stand odd columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pilothouse.monitoring.binning import format_number, grid_from_json, grids_of

numbers = st.one_of(st.integers(-30, 30).map(float), st.floats(-1e9, 1e9))
samples = arrays.arrays(np.float64, st.integers(0, 80), elements=numbers).map(np.sort)


@given(samples, samples)
def test_every_value_lies_in_one_cell_of_each_grid(a: np.ndarray, b: np.ndarray) -> None:
    for grid in grids_of(a):
        assert grid.count(b).sum() == len(b)
        assert len(grid.count(b)) == len(grid.labels) == len(grid.cuts) + 1
        assert (grid.count(b) >= 0).all()


def test_even_cells_are_numpys_histogram_by_doane() -> None:
    values = np.sort(np.random.default_rng(1).gamma(3.0, size=4_000))
    cells, _ = grids_of(values)
    edges = np.histogram_bin_edges(values, "doane")
    assert cells.cuts == pytest.approx(edges)
    assert cells.count(values)[1:-1].tolist() == np.histogram(values, edges)[0].tolist()
    assert cells.count(values)[[0, -1]].tolist() == [0, 0]


def test_tenths_hold_a_tenth_each() -> None:
    values = np.sort(np.random.default_rng(2).normal(size=10_000))
    _, tenths = grids_of(values)
    assert tenths.count(values).tolist() == [1000] * 10


def test_few_values_get_a_cell_each_and_two_for_strangers() -> None:
    cells, tenths = grids_of(np.array([1.0, 1, 2, 5]))
    assert cells is tenths
    assert cells.labels == ("< 1", "1", "2", "5", "> 5")
    assert cells.count(np.array([0.0, 1, 2, 2, 5, 7])).tolist() == [1, 1, 2, 1, 1]


def test_a_few_dozen_values_are_drawn_apart_and_weighed_by_tenths() -> None:
    cells, tenths = grids_of(np.sort(np.arange(600) % 30 * 1.15078))
    assert len(cells.labels) == 32
    assert cells.count(np.sort(np.arange(60) % 30 * 1.15078))[1:-1].tolist() == [2] * 30
    assert len(tenths.labels) == 10


def test_a_constant_keeps_its_own_cell_apart_from_everything_else() -> None:
    cells, _ = grids_of(np.full(50, 3.0))
    assert cells.count(np.array([2.9, 3.0, 3.0, 3.1])).tolist() == [1, 2, 1]


def test_one_absurd_value_does_not_squeeze_all_others_into_one_cell() -> None:
    values = np.append(np.random.default_rng(3).uniform(0, 30, 5_000), 1e6)
    cells, _ = grids_of(np.sort(values))
    counted = cells.count(np.sort(values))
    assert counted.max() < 0.2 * len(values)
    assert counted[-1] >= 1


def test_values_too_close_for_even_cells_still_get_a_grid() -> None:
    values = np.sort(np.repeat(1 + np.arange(30) * np.finfo(float).eps, 10))
    for grid in grids_of(values):
        assert grid.count(values).sum() == len(values)


@given(samples)
def test_a_grid_survives_json(values: np.ndarray) -> None:
    for grid in grids_of(values):
        again = grid_from_json(grid.to_json())
        assert again.count(values).tolist() == grid.count(values).tolist()
        assert again.labels == grid.labels


def test_numbers_are_written_for_people() -> None:
    assert [format_number(v) for v in (0.123456, 12.0, 1234.5, -0.5)] == [
        "0.1235",
        "12",
        "1,234",
        "-0.5",
    ]
