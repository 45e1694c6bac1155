"""Which rows teach and which judge: nothing is in both, nothing from the future teaches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.errors import Invalid
from pilothouse.training.splits import KINDS, Kind, Split, evaluation_folds, folds, hold_out, thin


def both_classes(rows: int) -> np.ndarray:
    return (np.arange(rows) % 3 == 0).astype(np.int8)


def is_partition(split: Split, rows: int) -> bool:
    return sorted([*split.train.tolist(), *split.test.tolist()]) == list(range(rows))


@given(
    kind=st.sampled_from(KINDS),
    rows=st.integers(400, 900),
    share=st.floats(0.2, 0.5),
    seed=st.integers(0, 99),
)
def test_every_row_is_fitted_on_or_held_out(kind: str, rows: int, share: float, seed: int) -> None:
    split = hold_out(kind, both_classes(rows), np.arange(rows), rows=rows, share=share, seed=seed)
    assert is_partition(split, rows)
    assert abs(len(split.test) - share * rows) <= 2


@given(
    kind=st.sampled_from(["random", "stratified"]),
    rows=st.integers(400, 900),
    count=st.integers(2, 6),
    seed=st.integers(0, 99),
)
def test_every_row_is_judged_in_exactly_one_fold(
    kind: str, rows: int, count: int, seed: int
) -> None:
    made = folds(kind, both_classes(rows), None, rows=rows, count=count, seed=seed)
    assert len(made) == count
    assert all(is_partition(split, rows) for split in made)
    judged = np.concatenate([split.test for split in made])
    assert sorted(judged.tolist()) == list(range(rows))


@given(
    at=st.lists(st.integers(0, 50), min_size=60, max_size=200),
    count=st.integers(2, 4),
    share=st.floats(0.1, 0.4),
)
def test_by_time_nothing_is_fitted_on_that_is_as_new_as_what_is_judged(
    at: list[int], count: int, share: float
) -> None:
    instants = np.array(at)
    y = both_classes(len(at))
    try:
        made = [
            hold_out("time", y, instants, rows=len(y), share=share, seed=0),
            *folds("time", y, instants, rows=len(y), count=count, seed=0),
        ]
    except Invalid:
        return
    for split in made:
        assert instants[split.train].max() < instants[split.test].min()
    judged = [row for split in made[1:] for row in split.test.tolist()]
    assert len(judged) == len(set(judged))


def test_a_stratified_split_keeps_the_share_of_each_class() -> None:
    y = (np.arange(1000) < 50).astype(np.int8)
    split = hold_out("stratified", y, None, rows=len(y), share=0.2, seed=1)
    assert y[split.test].sum() == 10
    assert [
        int(y[s.test].sum()) for s in folds("stratified", y, None, rows=len(y), count=5, seed=1)
    ] == [10] * 5


def test_the_seed_decides() -> None:
    y = both_classes(100)
    one, same, other = (
        hold_out("random", y, None, rows=len(y), share=0.2, seed=s).test for s in (1, 1, 2)
    )
    assert one.tolist() == same.tolist() != other.tolist()


def test_a_side_without_both_classes_is_invalid() -> None:
    y = np.array([1, *[0] * 99], dtype=np.int8)
    with pytest.raises(Invalid, match="fewer than two classes") as refusal:
        hold_out("random", y, None, rows=len(y), share=0.2, seed=0)
    assert "test_share" in refusal.value.fields


def test_a_split_by_time_needs_times() -> None:
    with pytest.raises(Invalid, match="time column"):
        hold_out("time", both_classes(50), None, rows=50, share=0.2, seed=0)


@given(rows=st.integers(1, 300), most=st.integers(0, 300))
def test_thinning_keeps_order_and_no_row_twice(rows: int, most: int) -> None:
    positions = thin(rows, most, 0).tolist()
    assert positions == sorted(set(positions))
    assert len(positions) == (rows if most == 0 else min(rows, most))


@given(
    kind=st.sampled_from(KINDS),
    rows=st.integers(120, 400),
    count=st.integers(2, 6),
    seed=st.integers(0, 99),
    size=st.sampled_from([None, 1, 4]),
)
def test_evaluated_by_folds_every_row_is_answered_once_by_what_has_not_seen_it(
    kind: Kind, rows: int, count: int, seed: int, size: int | None
) -> None:
    """By time every row of the newer half, and nothing is fitted on that is as new."""
    at = np.random.default_rng(seed).permutation(rows)
    groups = None if size is None else np.arange(rows) // size
    made = evaluation_folds(
        kind, both_classes(rows), at, rows=rows, count=count, seed=seed, groups=groups
    )
    assert len(made) == count
    answered = np.sort(np.concatenate([split.test for split in made]))
    newer = np.flatnonzero(at >= rows // 2)
    assert answered.tolist() == (newer if kind == "time" else np.arange(rows)).tolist()
    for split in made:
        assert not set(split.train) & set(split.test)
        if kind == "time":
            assert at[split.train].max() < at[split.test].min()
        if groups is not None:
            assert not set(groups[split.train]) & set(groups[split.test])
