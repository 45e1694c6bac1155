"""Rows of one day resemble each other: how many independent rows they are worth.

A test that takes rows for independent calls the weather of any week a change. The rows of the
reference show how much the rows of one block of time (an hour or a day) have in common; chance is
then that of as many independent rows as a window's rows are worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.time_blocks import FEWEST, block_codes, block_length

MAX_CELLS = 100  # categories beyond the most frequent ones count as one
SIGNIFICANT = 0.2  # independent rows are taken for dependent, a little, this often
LEVEL = 0.002  # about that at which twenty columns are judged together


@dataclass(frozen=True)
class Blocks:
    """The blocks of time of a sample: the length of one, and the block of each row."""

    length_ms: int
    codes: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0

    @property
    def rows(self) -> float:
        """How many rows the block of an average row has."""
        return rows_per_block(self.codes)


def blocks_of(at: npt.NDArray[np.int64] | None) -> Blocks | None:
    """The blocks of some event times (ms); None without times, or when they are too few."""
    if at is None or not len(at):
        return None
    length = block_length(at)
    codes = block_codes(at, length)
    return Blocks(length, codes) if codes.max() + 1 >= FEWEST else None


def rows_per_block(codes: npt.NDArray[np.int64]) -> float:
    """How many rows the block of an average row has: the sum of squares over the sum."""
    if not len(codes):
        return 1.0
    sizes = np.bincount(codes).astype(np.float64)
    return float(np.square(sizes).sum() / sizes.sum())


def intraclass(blocks: Blocks, cells: npt.NDArray[Any]) -> float:
    """The intraclass correlation of a column: 0 for independent rows, 1 for one value a block.

    `cells` numbers the cell of each row, below 0 where it has no value. It is the correlation whose
    design effect with blocks of this size (Kish, Survey Sampling, 1965) is that of the cells'
    shares. 0 where independent rows would give as much.
    """
    from scipy.special import chdtri

    present = cells >= 0
    codes, cells = blocks.codes[present], cells[present]
    rows = rows_per_block(codes)
    counts = _counts(codes, cells, blocks.count)
    counts = counts[counts.sum(axis=1) > 0]
    degrees = (len(counts) - 1) * (counts.shape[1] - 1)
    if rows <= 1 or len(counts) < FEWEST or not degrees:
        return 0.0
    effects = design_effects(counts)
    if effects.mean * degrees < float(chdtri(degrees, SIGNIFICANT)):
        return 0.0
    return float(np.clip((effects.overall - 1) / (rows - 1), 0.0, 1.0))


@dataclass(frozen=True)
class DesignEffects:
    """How many times wider shares of cells vary over blocks than with independent rows.

    The effects of single directions are the eigenvalues of the covariance of the shares, as that of
    a ratio over blocks, over the covariance of independent rows (Rao and Scott, Journal of the
    American Statistical Association 76, 1981). Their `mean` is over `degrees` directions; `scale`
    is the sum of their squares over their sum. `blocks` is how many blocks they were seen in.
    """

    mean: float
    scale: float
    degrees: int
    blocks: int

    @property
    def overall(self) -> float:
        """The one design effect with which a test of independent rows has the right limit.

        Of a sum of squares over all cells, such as chi-square: Satterthwaite's approximation, with
        the F distribution in place of chi-square as there are few blocks (Rao and Scott, Annals of
        Statistics 15, 1987), at the level `LEVEL`.
        """
        from scipy.special import chdtri, fdtri

        directions = self.degrees * self.mean / self.scale
        limit = fdtri(directions, directions * (self.blocks - 1), 1 - LEVEL)
        return float(self.scale * directions * limit / chdtri(self.degrees, LEVEL))


def design_effects(counts: npt.NDArray[Any]) -> DesignEffects:
    """The design effects of the shares of cells, from rows by block and cell.

    What few blocks add to the sum of squares of the effects is subtracted.
    """
    total, degrees = counts.sum(), len(counts) - 1
    shares = counts.sum(axis=0) / total
    residuals = (counts - counts.sum(axis=1, keepdims=True) * shares) / np.sqrt(shares * total)
    products = residuals @ residuals.T * (len(counts) / degrees)
    trace, squares = float(np.trace(products)), float(np.square(products).sum())
    squares = degrees**2 / ((degrees - 1) * (degrees + 2)) * (squares - trace**2 / degrees)
    directions = counts.shape[1] - 1
    mean = trace / directions
    scale = squares / trace if trace else 0.0
    return DesignEffects(mean, float(np.clip(scale, mean, trace)), directions, len(counts))


def _counts(codes: npt.NDArray[np.int64], cells: npt.NDArray[Any], blocks: int) -> Any:
    """Rows by block and cell, without cells that no row is in; rare cells are one."""
    sizes = np.bincount(cells)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[order] = np.arange(len(sizes))
    ranked = np.minimum(rank[cells], MAX_CELLS - 1)
    width = int(ranked.max(initial=-1)) + 1
    flat = np.bincount(codes * width + ranked, minlength=blocks * width)
    return flat.reshape(blocks, width).astype(np.float64)


@dataclass(frozen=True)
class BlockSize:
    """How long a block of time of a sample is, and how many rows the block of an average row has.

    A length of 0 means that rows are taken to be independent.
    """

    length_ms: int = 0
    rows: float = 1.0


INDEPENDENT = BlockSize()


def block_size(blocks: Blocks | None) -> BlockSize:
    """The size of some blocks; that of independent rows without any."""
    return BlockSize(blocks.length_ms, blocks.rows) if blocks else INDEPENDENT


@dataclass(frozen=True)
class BlockRows:
    """How many rows a block of the reference and of a window has; 1 where that is not known."""

    reference: float = 1.0
    window: float = 1.0

    def effects(self, correlation: float) -> tuple[float, float]:
        """The design effects of the reference and of the window, both at least 1."""
        return 1 + (self.reference - 1) * correlation, 1 + (self.window - 1) * correlation


def block_rows(reference: BlockSize, at: npt.NDArray[np.int64] | None) -> BlockRows:
    """How many rows a block of the reference and of a window has, whose event times (ms) are given.

    One, where times are not known.
    """
    if not reference.length_ms or at is None or not len(at):
        return BlockRows()
    return BlockRows(reference.rows, rows_per_block(block_codes(at, reference.length_ms)))
