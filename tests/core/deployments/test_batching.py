"""Batches: what waited is predicted together, and a bad request fails alone."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.deployments.model_server.batching import Batches, Rows
from pilothouse.models.columns import Columns, as_lists


class Doubling:
    """A model that doubles one column, remembers its batches, and refuses 13."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.threads: set[int] = set()

    def __call__(self, columns: Columns) -> Rows:
        [values] = as_lists(columns)
        self.batches.append(values)
        self.threads.add(threading.get_ident())
        if 13.0 in values:
            raise ValueError("13 is refused")
        return [[2 * value] for value in values]


def answers(batches: Batches, requests: list[Columns]) -> list[Any]:
    """What every request got, when all are sent at once."""

    async def ask() -> list[Any]:
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in requests]
        for columns, future in zip(requests, futures, strict=True):
            batches.submit(columns, len(columns[0]), future.set_result)
        return await asyncio.gather(*futures)

    return asyncio.run(ask())


@given(st.lists(st.lists(st.floats(20, 30), min_size=1, max_size=4), min_size=1, max_size=9))
def test_each_request_gets_its_own_rows(values: list[list[float]]) -> None:
    model = Doubling()
    got = answers(Batches(model, 5), [[part] for part in values])
    assert got == [[[2 * value] for value in part] for part in values]
    assert all(len(batch) <= 5 for batch in model.batches)
    flat = [value for part in values for value in part]
    assert [value for batch in model.batches for value in batch] == flat


def test_a_bad_request_fails_alone() -> None:
    batches = Batches(Doubling())
    good, bad, other = answers(batches, [[[1.0]], [[13.0]], [[3.0, 4.0]]])
    assert (good, other) == ([[2.0]], [[6.0], [8.0]])
    assert isinstance(bad, ValueError)
    assert batches.in_flight == 0


def test_arrays_and_lists_are_joined() -> None:
    array = np.array([[1.0, np.nan]])
    assert answers(Batches(Doubling()), [array[:, :1], array[:, :1]]) == [[[2.0]]] * 2
    with_list = Batches(lambda columns: [[value] for value in as_lists(columns)[0]])
    assert answers(with_list, [array, [[5.0]]]) == [[[1.0], [None]], [[5.0]]]


@pytest.mark.parametrize("on_loop", [False, True])
def test_only_known_quick_batches_run_on_the_loop(on_loop: bool) -> None:
    model = Doubling()
    batches = Batches(model, on_loop=on_loop)
    for _ in range(3):
        assert answers(batches, [[[1.0]]]) == [[[2.0]]]
    assert (threading.get_ident() in model.threads) == on_loop
    assert len(model.threads) == (2 if on_loop else 1)  # the first of a size is timed in a thread
