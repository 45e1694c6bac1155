"""Train and test splits: at random, stratified by class, or by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pilothouse.kit.errors import Invalid

Kind = Literal["random", "stratified", "time"]
KINDS: tuple[Kind, ...] = ("random", "stratified", "time")
Rows = npt.NDArray[np.intp]
Labels = npt.NDArray[np.int8]
Instants = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Positions of the rows to fit on and of the rows to evaluate on; no row is in both."""

    train: Rows
    test: Rows


def hold_out(kind: Kind, y: Labels, at: Instants | None, *, share: float, seed: int) -> Split:
    """Set a share of the rows aside: drawn at random, drawn within each class, or the newest.

    Rows of one instant stay together, so that every test row is later than all rows fitted on.
    Raises Invalid when either side would lack a class.
    """
    if kind == "time":
        split = _newest(_instants(at), share)
    else:
        part = _parts(kind, y, 1_000_000, seed)
        split = _where(part < round(share * 1_000_000), None)
    return _checked(split, y, "test_share")


def folds(kind: Kind, y: Labels, at: Instants | None, *, count: int, seed: int) -> list[Split]:
    """`count` splits of the rows; by time, each fits on all rows older than its test rows.

    Raises Invalid when a fold would lack a class.
    """
    if kind == "time":
        splits = _walk_forward(_instants(at), count)
    else:
        part = _parts(kind, y, count, seed)
        splits = [_where(part == number, None) for number in range(count)]
    return [_checked(split, y, "folds") for split in splits]


def thin(rows: int, most: int, seed: int) -> Rows:
    """Positions of at most `most` rows, drawn at random and in their order; 0 keeps all."""
    if most <= 0 or rows <= most:
        return np.arange(rows)
    drawn = np.random.default_rng(seed).choice(rows, size=most, replace=False)
    return np.sort(drawn)


def _parts(kind: Kind, y: Labels, count: int, seed: int) -> npt.NDArray[np.int64]:
    """A part (0 to count-1) for each row; parts are of equal size, within each class if asked."""
    rng = np.random.default_rng(seed)
    groups: Sequence[Rows] = [np.arange(len(y))]
    if kind == "stratified":
        groups = [np.flatnonzero(y == label) for label in np.unique(y)]
    part = np.empty(len(y), dtype=np.int64)
    for group in groups:
        part[rng.permutation(group)] = np.arange(len(group)) * count // max(len(group), 1)
    return part


def _newest(at: Instants, share: float) -> Split:
    ordered = np.sort(at)
    first = len(at) - max(1, round(share * len(at)))
    return _where(at >= ordered[max(first, 0)], None)


def _walk_forward(at: Instants, count: int) -> list[Split]:
    """Expanding windows, as scikit-learn's TimeSeriesSplit, but cut between instants."""
    ordered = np.sort(at)
    cuts = [ordered[len(at) * block // (count + 1)] for block in range(1, count + 1)]
    ends = [*cuts[1:], ordered[-1] + 1]
    return [
        _where((at >= start) & (at < end), at < start)
        for start, end in zip(cuts, ends, strict=True)
    ]


def _where(test: npt.NDArray[np.bool_], train: npt.NDArray[np.bool_] | None) -> Split:
    return Split(np.flatnonzero(~test if train is None else train), np.flatnonzero(test))


def _instants(at: Instants | None) -> Instants:
    if at is None:
        raise Invalid("a split by time needs a time column.", fields={"time_column": "needed"})
    return at


def _checked(split: Split, y: Labels, field: str) -> Split:
    for name, rows in (("fitted on", split.train), ("held out", split.test)):
        if len(np.unique(y[rows])) < 2:
            raise Invalid(
                f"the {len(rows)} rows {name} hold fewer than two classes.",
                hint="Give it more rows, fewer folds, or another split.",
                fields={field: "leaves too few rows of a class"},
            )
    return split
