"""Train and test splits: at random, stratified by class, or by time, and by groups of rows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pilothouse.kit.errors import Invalid

Kind = Literal["random", "stratified", "time"]
KINDS: tuple[Kind, ...] = ("random", "stratified", "time")
Rows = npt.NDArray[np.intp]
Codes = npt.NDArray[np.int64]  # the position of each row's class
Instants = npt.NDArray[np.int64]
Groups = npt.NDArray[np.int64]
HINT = "Give it more rows, fewer folds, or another split."
STEPS = 1_000_000  # parts that a share is rounded to
FIRST_BLOCK = 0.5  # of the rows in time: only fitted on when the later ones are evaluated by folds


@dataclass(frozen=True)
class Split:
    """Positions of the rows to fit on and of the rows to evaluate on; no row is in both.

    When a training is evaluated by folds, its own split fits on all rows: no model of the folds
    answers a row that it was fitted on.
    """

    train: Rows
    test: Rows


def hold_out(
    kind: Kind,
    codes: Codes | None,
    at: Instants | None,
    *,
    rows: int,
    share: float,
    seed: int,
    groups: Groups | None = None,
) -> Split:
    """Set a share of the rows aside: drawn at random, drawn within each class, or the newest.

    `codes` are the classes; without them the target is a number. Rows of one instant stay together,
    so that every test row is later than all rows fitted on, and so do rows of one group. Raises
    Invalid when a class is not among the rows fitted on, or either side lacks a second one.
    """
    if kind == "time":
        split = _without_groups_of_test(_newest(_instants(at), share), groups)
    else:
        part = _parts(kind, codes, rows, STEPS, seed, groups)
        split = _where(part < round(share * STEPS), None)
    return _checked(split, codes, "test_share")


def folds(
    kind: Kind,
    codes: Codes | None,
    at: Instants | None,
    *,
    rows: int,
    count: int,
    seed: int,
    groups: Groups | None = None,
) -> list[Split]:
    """`count` splits of the rows; by time, each fits on all rows older than its test rows.

    Raises Invalid when a fold would lack a class.
    """
    if kind == "time":
        walk = _walk_forward(_instants(at), count)
        splits = [_without_groups_of_test(split, groups) for split in walk]
    else:
        part = _parts(kind, codes, rows, count, seed, groups)
        splits = [_where(part == number, None) for number in range(count)]
    return [_checked(split, codes, "folds") for split in splits]


def evaluation_folds(
    kind: Kind,
    codes: Codes | None,
    at: Instants | None,
    *,
    rows: int,
    count: int,
    seed: int,
    groups: Groups | None = None,
) -> list[Split]:
    """At most `count` splits to evaluate all rows by, each row being in one of the tests.

    By time, the first half of the rows is in none of them, and each split fits on all rows older
    than its test rows. A test may lack a class, as the tests are measured together. Raises Invalid
    when a class is missing among the rows that a split fits on, or among all that are tested.
    """
    if kind == "time":
        instants = _instants(at)
        ordered = np.sort(instants)
        starts = (FIRST_BLOCK + (1 - FIRST_BLOCK) * np.arange(count) / count) * rows
        cuts = [int(ordered[int(start)]) for start in starts]
        walk = _blocks(instants, [*cuts, int(ordered[-1]) + 1])
        made = [_without_groups_of_test(split, groups) for split in walk]
    else:
        part = _parts(kind, codes, rows, count, seed, groups)
        made = [_where(part == number, None) for number in range(count)]
    made = [split for split in made if len(split.test)]
    for split in made:
        _check_fitted(split, codes, "evaluation")
    tested = np.concatenate([split.test for split in made])
    if len(made) < 2 or (codes is not None and len(np.unique(codes[tested])) < 2):
        raise Invalid(
            "the rows cannot be evaluated by folds: they make fewer than two, or hold one class.",
            hint="Give it more rows, another split, or hold rows out.",
            fields={"evaluation": "leaves too few rows"},
        )
    return made


def thin(rows: int, most: int, seed: int) -> Rows:
    """Positions of at most `most` rows, drawn at random and in their order; 0 keeps all."""
    if most <= 0 or rows <= most:
        return np.arange(rows)
    drawn = np.random.default_rng(seed).choice(rows, size=most, replace=False)
    return np.sort(drawn)


def _parts(
    kind: Kind, codes: Codes | None, rows: int, count: int, seed: int, groups: Groups | None
) -> npt.NDArray[np.int64]:
    """A part (0 to count-1) for each row; parts are of equal size, within each class if asked."""
    if kind == "stratified" and codes is None:
        raise Invalid("only classes can be stratified.", fields={"split": "needs classes"})
    if groups is not None:
        return _group_parts(groups, count, seed)

    rng = np.random.default_rng(seed)
    strata: Sequence[Rows] = [np.arange(rows)]
    if kind == "stratified" and codes is not None:
        strata = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    part = np.empty(rows, dtype=np.int64)
    for stratum in strata:
        part[rng.permutation(stratum)] = np.arange(len(stratum)) * count // max(len(stratum), 1)
    return part


def _group_parts(groups: Groups, count: int, seed: int) -> npt.NDArray[np.int64]:
    """A part for each row, the same for all rows of a group: whole groups in a drawn order.

    Groups follow each other along the rows, and a group belongs to the part that its middle is in.
    """
    unique, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(unique))
    middle = np.empty(len(unique))
    middle[order] = np.cumsum(sizes[order]) - sizes[order] / 2
    part_of_group = (middle * count // len(groups)).astype(np.int64)
    return np.asarray(part_of_group[inverse])


def _without_groups_of_test(split: Split, groups: Groups | None) -> Split:
    """The split without the fitted rows whose group is also held out: they are in neither part."""
    if groups is None:
        return split
    crossing = np.isin(groups[split.train], np.unique(groups[split.test]))
    return Split(split.train[~crossing], split.test)


def _newest(at: Instants, share: float) -> Split:
    ordered = np.sort(at)
    first = len(at) - max(1, round(share * len(at)))
    return _where(at >= ordered[max(first, 0)], None)


def _walk_forward(at: Instants, count: int) -> list[Split]:
    """Expanding windows, as scikit-learn's TimeSeriesSplit, but cut between instants."""
    ordered = np.sort(at)
    cuts = [int(ordered[len(at) * block // (count + 1)]) for block in range(1, count + 1)]
    return _blocks(at, [*cuts, int(ordered[-1]) + 1])


def _blocks(at: Instants, cuts: Sequence[int]) -> list[Split]:
    """A split for each block between two cuts, which fits on all rows before the block."""
    return [
        _where((at >= start) & (at < end), at < start) for start, end in itertools.pairwise(cuts)
    ]


def _where(test: npt.NDArray[np.bool_], train: npt.NDArray[np.bool_] | None) -> Split:
    return Split(np.flatnonzero(~test if train is None else train), np.flatnonzero(test))


def _instants(at: Instants | None) -> Instants:
    if at is None:
        raise Invalid("a split by time needs a time column.", fields={"time_column": "needed"})
    return at


def _checked(split: Split, codes: Codes | None, field: str) -> Split:
    """Raises Invalid when a side is too small to fit on or to evaluate on."""
    _check_side("fitted on", split.train, codes, field)
    _check_side("held out", split.test, codes, field)
    return _check_fitted(split, codes, field)


def _check_side(name: str, rows: Rows, codes: Codes | None, field: str) -> None:
    present = len(rows) if codes is None else len(np.unique(codes[rows]))
    if present < 2:
        lack = "are too few" if codes is None else "hold fewer than two classes"
        raise Invalid(
            f"the {len(rows)} rows {name} {lack}.",
            hint=HINT,
            fields={field: "leaves too few rows"},
        )


def _check_fitted(split: Split, codes: Codes | None, field: str) -> Split:
    """Raises Invalid unless there are rows of every class to fit on."""
    _check_side("fitted on", split.train, codes, field)
    if codes is not None and len(np.unique(codes[split.train])) < len(np.unique(codes)):
        raise Invalid(
            f"the {len(split.train)} rows fitted on hold no row of a rare class.",
            hint=HINT,
            fields={field: "leaves no row of a class to fit on"},
        )
    return split
