"""Segments that changed: parts of the rows in which the metric fell, or whose share moved.

A segment is a value of a column with few of them, or a quarter of a numeric column by the
reference's quartiles. Pure: rows of the reference and of the window in, segments out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.standard_errors import TooFewRows, standard_error
from pilothouse.models.metrics.weighted_metrics import RocAreas, RowSums
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of
from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.chance import benjamini_hochberg
from pilothouse.monitoring.column_values import category_name
from pilothouse.monitoring.dependence import (
    BlockRows,
    Blocks,
    block_rows,
    block_size,
    blocks_of,
    intraclass,
)
from pilothouse.monitoring.performance import (
    MonitoredMetric,
    answered_rows,
    is_labelled,
    output_fault,
)
from pilothouse.monitoring.reference_profile import monitored_inputs
from pilothouse.monitoring.window_rows import WindowRows

if TYPE_CHECKING:
    import pandas as pd

    Codes = npt.NDArray[np.int64]

MIN_ROWS = 100  # of a segment, in the reference and in the window
MIN_SHARE = 0.05  # a smaller change of a segment's share of the rows is not reported
MAX_VALUES = 20
MAX_ROWS = 10_000  # a larger window or reference is sampled
MAX_SEGMENTS = 8
RATE = 0.005  # of what is said of segments, the share that may be so by chance
QUARTILES = (0.25, 0.5, 0.75)
MISSING = "missing"
NUMBERS, CATEGORIES = ("number", "integer"), ("string", "boolean")
SEED = 20_130_301


@dataclass(frozen=True)
class SegmentChange:
    """A segment beyond chance: its metric in the reference and the window, and its share of rows.

    `value` and `reference` are None where there are too few labels; `fell` says that the metric is
    worse than in the reference by more than chance, `moved` the same of the share.
    """

    column: str
    segment: str
    rows: int
    share_before: float
    share_after: float
    value: float | None = None
    reference: float | None = None
    fell: bool = False
    moved: bool = False


@dataclass(frozen=True)
class Cut:
    """How a column is cut: the names of its segments, by value or by edges between numbers."""

    column: str
    names: tuple[str, ...]
    edges: npt.NDArray[np.float64] | None = None

    def codes(self, values: pd.Series[Any]) -> Codes:
        """The segment of each row by its position among `names`; -1 for a value without one."""
        import pandas as pd

        if self.edges is None:
            # PERF: each distinct value is written as text once, not each row.
            codes, distinct = pd.factorize(values)
            positions = {name: index for index, name in enumerate(self.names[:-1])}
            segments = [positions.get(category_name(value), -1) for value in distinct]
            return np.asarray([*segments, len(self.names) - 1], dtype=np.int64)[codes]
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        bins = np.searchsorted(self.edges, numbers, side="right")
        return np.where(np.isfinite(numbers), bins, len(self.names) - 1)


@dataclass(frozen=True, eq=False)
class MeasurableRows:
    """The rows of one side, and which of them have a label and an answer."""

    rows: WindowRows
    usable: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SegmentedReference:
    """Rows of a reference with their segments; its metrics are computed once, when needed."""

    signature: Signature
    metric: MonitoredMetric | None
    side: MeasurableRows
    cuts: tuple[Cut, ...]
    _measured: dict[tuple[str, int], tuple[float, float] | None] = field(default_factory=dict)
    _correlations: dict[str, float] = field(default_factory=dict)

    @cached_property
    def codes(self) -> dict[str, Codes]:
        """The segment of each row, by column."""
        features = self.side.rows.features
        return {cut.column: cut.codes(features[cut.column]) for cut in self.cuts}

    @cached_property
    def blocks(self) -> Blocks | None:
        """The blocks of time of its rows; None where rows are taken for independent."""
        return blocks_of(self.side.rows.at)

    def block_rows(self, window: WindowRows) -> BlockRows:
        """How many rows a block of time has on either side."""
        return block_rows(block_size(self.blocks), window.at)

    def correlation(self, column: str) -> float:
        """How alike the segments of the rows of one block are: 0 where they are independent."""
        if column not in self._correlations:
            blocks = self.blocks
            alike = 0.0 if blocks is None else intraclass(blocks, self.codes[column])
            self._correlations[column] = alike
        return self._correlations[column]

    def measured(self, column: str, index: int) -> tuple[float, float] | None:
        """The metric of a segment and its standard error; None with too few labels."""
        if (column, index) not in self._measured:
            chosen = self.codes[column] == index
            self._measured[column, index] = _measure(self, self.side, chosen)
        return self._measured[column, index]


def segmented_reference(
    rows: WindowRows, signature: Signature, metric: MonitoredMetric | None
) -> SegmentedReference:
    """The reference's rows, a sample when too many, cut by each column that can be."""
    sample = _sample(rows)
    inputs = [
        column
        for column in monitored_inputs(signature)
        if column.name in sample.features and column.type in (*NUMBERS, *CATEGORIES)
    ]
    cuts = [_cut(sample.features[column.name], column.type in NUMBERS) for column in inputs]
    possible = tuple(cut for cut in cuts if cut is not None)
    return SegmentedReference(signature, metric, _side(sample, signature), possible)


def changed_segments(reference: SegmentedReference, window: WindowRows) -> list[SegmentChange]:
    """The segments that changed most, at most eight: by the fall of the metric, then by share.

    A segment has at least a hundred rows on both sides. Both tests of all segments are judged
    together (Benjamini and Hochberg). Shares know that rows of one day resemble each other, as
    drift does; metrics are judged with rows as independent, as everywhere in monitoring.
    """
    rows = _sample(window)
    side = _side(rows, reference.signature)
    pairs = list(_segments(reference, rows))
    if not pairs or len(rows) < MIN_ROWS:
        return []
    blocks = reference.block_rows(rows)
    tested = [_tested(reference, side, cut, index, codes, blocks) for cut, index, codes in pairs]
    p_values = [p for one in tested for p in (one.p_moved, one.p_fell) if p is not None]
    level = benjamini_hochberg(p_values, RATE)
    changes = [one.judged(level) for one in tested]
    chosen = [change for change in changes if change.fell or change.moved]
    return sorted(chosen, key=lambda change: _order(change, reference.metric))[:MAX_SEGMENTS]


def _segments(
    reference: SegmentedReference, window: WindowRows
) -> Iterator[tuple[Cut, int, Codes]]:
    """Each segment with enough rows in the reference or the window, with the window's codes."""
    for cut in reference.cuts:
        if cut.column not in window.features or not len(window):
            continue
        codes = cut.codes(window.features[cut.column])
        before = np.bincount(reference.codes[cut.column] + 1, minlength=len(cut.names) + 1)
        after = np.bincount(codes + 1, minlength=len(cut.names) + 1)
        for index in range(len(cut.names)):
            if max(before[index + 1], after[index + 1]) >= MIN_ROWS:
                yield cut, index, codes


@dataclass(frozen=True)
class TestedSegment:
    """A segment before it is judged: how often chance moves its share, or its metric, so far."""

    change: SegmentChange
    p_moved: float
    p_fell: float | None

    def judged(self, level: float) -> SegmentChange:
        """What is beyond chance at a level; a share must have moved by enough to matter too."""
        change = self.change
        step = abs(change.share_after - change.share_before)
        return replace(
            change,
            fell=self.p_fell is not None and self.p_fell <= level,
            moved=step > MIN_SHARE and self.p_moved <= level,
        )


def _tested(
    reference: SegmentedReference,
    window: MeasurableRows,
    cut: Cut,
    index: int,
    codes: Codes,
    blocks: BlockRows,
) -> TestedSegment:
    chosen = codes == index
    counts = int((reference.codes[cut.column] == index).sum()), int(chosen.sum())
    sizes = len(reference.side.rows), len(window.rows)
    before, after = counts[0] / sizes[0], counts[1] / sizes[1]
    pooled = sum(counts) / sum(sizes)
    effects = blocks.effects(reference.correlation(cut.column))
    variance = pooled * (1 - pooled) * (effects[0] / sizes[0] + effects[1] / sizes[1])
    p_moved = _two_sided_p((after - before) / math.sqrt(variance)) if variance else 1.0

    own = then = None
    if min(counts) >= MIN_ROWS:
        own = _measure(reference, window, chosen)
        then = reference.measured(cut.column, index)
    p_fell = None if own is None or then is None else _p_worse(reference.metric, own, then)
    change = SegmentChange(
        cut.column,
        cut.names[index],
        counts[1],
        before,
        after,
        None if own is None or then is None else own[0],
        None if own is None or then is None else then[0],
    )
    return TestedSegment(change, p_moved, p_fell)


def _side(rows: WindowRows, signature: Signature) -> MeasurableRows:
    task = task_of(signature)
    if output_fault(task, signature, rows.outputs):
        return MeasurableRows(rows, np.zeros(len(rows), dtype=np.bool_))
    answered = answered_rows(task, signature, rows.outputs, len(rows))
    return MeasurableRows(rows, answered & is_labelled(rows.truth))


def _measure(
    reference: SegmentedReference, side: MeasurableRows, chosen: npt.NDArray[np.bool_]
) -> tuple[float, float] | None:
    """The metric of some rows and its error; None with too few labels, or without a formula.

    A bootstrap for each segment would cost more than the rest of the evaluation.
    """
    metric, signature, rows = reference.metric, reference.signature, side.rows
    usable = chosen & side.usable
    if metric is None or usable.sum() < MIN_ROWS:
        return None
    outputs = {name: values[usable] for name, values in rows.outputs.items()}
    make = task_of(signature).measures(signature, outputs, rows.truth[usable]).get(metric.key)
    measure = None if make is None else make()
    if not isinstance(measure, RowSums | RocAreas) or measure.unit != "rows":
        return None
    try:
        error = standard_error(measure)
    except TooFewRows:
        return None
    value = measure.value()
    if error is None or not (math.isfinite(value) and math.isfinite(error.error)):
        return None
    return value, error.error


def _p_worse(
    metric: MonitoredMetric | None, own: tuple[float, float], then: tuple[float, float]
) -> float:
    """How often chance gives a difference so far on the worse side; 1 on the better side."""
    sign = -1 if metric is not None and metric.direction == "below" else 1
    worse, error = sign * (own[0] - then[0]), math.hypot(own[1], then[1])
    if worse <= 0:
        return 1.0
    return _two_sided_p(worse / error) if error else 0.0


def _order(change: SegmentChange, metric: MonitoredMetric | None) -> tuple[bool, float]:
    """Falls first, the largest first; then changes of the share."""
    if change.fell and change.value is not None and change.reference is not None:
        return False, -abs(change.value - change.reference)
    return True, -abs(change.share_after - change.share_before)


def _cut(values: pd.Series[Any], numeric: bool) -> Cut | None:
    """How a column of the reference is cut; None for one of many categories, or of one value."""
    import pandas as pd

    name = str(values.name)
    if not numeric:
        names = sorted({category_name(value) for value in values.dropna().unique()})
        enough = 1 < len(names) <= MAX_VALUES
        return Cut(name, (*names, MISSING)) if enough else None
    numbers = pd.to_numeric(values, errors="coerce").dropna().to_numpy(dtype=np.float64)
    if not len(numbers):
        return None
    edges = np.unique(np.quantile(numbers, QUARTILES))
    limits = [format_number(edge) for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(limits)]
    return Cut(name, (f"below {limits[0]}", *between, f"from {limits[-1]}", MISSING), edges)


def _sample(rows: WindowRows) -> WindowRows:
    """At most `MAX_ROWS` of the rows, the same ones each time."""
    if len(rows) <= MAX_ROWS:
        return rows
    chosen = np.sort(np.random.default_rng(SEED).choice(len(rows), MAX_ROWS, replace=False))
    outputs = {name: values[chosen] for name, values in rows.outputs.items()}
    at = None if rows.at is None else rows.at[chosen]
    return WindowRows(rows.features.iloc[chosen], outputs, rows.truth[chosen], at)


def _two_sided_p(errors: float) -> float:
    """How often chance exceeds so many standard errors, on either side."""
    return math.erfc(abs(errors) / math.sqrt(2))


def segments_of(stored: Mapping[str, Any]) -> tuple[SegmentChange, ...]:
    """The segments that a stored profile has; none in profiles from before."""
    return tuple(SegmentChange(**entry) for entry in stored.get("segments", []))
