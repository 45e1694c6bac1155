"""Segments of a window: the metric and the drift of the answers of parts of its rows. Pure.

Each segment is held against the same segment of the reference's rows. All segments of a window are
judged together, so that many of them do not make a change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.standard_errors import TooFewRows, standard_error
from pilothouse.comparison.statistics.time_blocks import block_codes
from pilothouse.models.metrics.weighted_metrics import RocAreas, RowSums
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of
from pilothouse.monitoring.checks import INSUFFICIENT, SEGMENTS, Check
from pilothouse.monitoring.column_checks import ScoredCheck, score_column
from pilothouse.monitoring.column_values import UnreadableProfile
from pilothouse.monitoring.dependence import BlockRows, BlockSize, rows_per_block
from pilothouse.monitoring.drift import CategoryPair, NumberPair, Pair
from pilothouse.monitoring.group_gaps import ScoredGap
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import (
    MonitoredMetric,
    answered_rows,
    is_labelled,
    output_fault,
)
from pilothouse.monitoring.profiles import (
    CategoryReference,
    NumberReference,
    category_reference,
    category_window,
    number_reference,
    number_window,
)
from pilothouse.monitoring.reference_profile import output_columns
from pilothouse.monitoring.row_groups import RowGroups
from pilothouse.monitoring.window_rows import WindowRows

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.row_groups import Codes

    Flags = npt.NDArray[np.bool_]

AnswerReference = NumberReference | CategoryReference
MIN_ROWS = 100  # of a segment on either side
NO_ERROR = "this metric has no standard error that can be computed for many segments"


@dataclass(frozen=True)
class MetricOfRows:
    """A metric of some rows with its standard error, and how many labels it is of."""

    value: float
    error: float
    labels: int


@dataclass(frozen=True, eq=False)
class SegmentedRows:
    """Rows of one side, the codes of their segments, and which of them can be measured."""

    rows: WindowRows
    codes: Codes
    signature: Signature

    @cached_property
    def usable(self) -> Flags:
        """Which rows have a label and an answer."""
        return usable_rows(self.rows, self.signature)

    def measure(self, index: int, key: str) -> MetricOfRows | str:
        """A metric of one segment, or why there is none."""
        chosen = (self.codes == index) & self.usable
        labels = int(chosen.sum())
        if labels < MIN_ROWS:
            return f"{labels:,} labels; {MIN_ROWS} are needed"
        outputs = {name: values[chosen] for name, values in self.rows.outputs.items()}
        truth = self.rows.truth[chosen]
        make = task_of(self.signature).measures(self.signature, outputs, truth).get(key)
        measure = None if make is None else make()
        if not isinstance(measure, RowSums | RocAreas) or measure.unit != "rows":
            return NO_ERROR
        try:
            error = standard_error(measure)
        except TooFewRows as why:
            return str(why)
        value = measure.value()
        if error is None or not (math.isfinite(value) and math.isfinite(error.error)):
            return "the labels of this segment do not allow the metric"
        return MetricOfRows(value, error.error, labels)

    def answers(self, index: int, name: str) -> pd.Series[Any]:
        """The values of an output in one segment."""
        import pandas as pd

        return pd.Series(self.rows.outputs[name][self.codes == index])


def usable_rows(rows: WindowRows, signature: Signature) -> Flags:
    """Which rows have a label and every answer."""
    task = task_of(signature)
    if output_fault(task, signature, rows.outputs):
        return np.zeros(len(rows), dtype=np.bool_)
    answered = answered_rows(task, signature, rows.outputs, len(rows))
    return np.asarray(answered & is_labelled(rows.truth), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class SegmentReference:
    """The segments of one column in the reference; what is measured of them is computed once."""

    groups: RowGroups
    side: SegmentedRows
    metric_key: str
    intraclass: float = 0.0  # of the first output, by the whole reference
    _metrics: dict[int, MetricOfRows | str] = field(default_factory=dict)
    _answers: dict[int, AnswerReference | str] = field(default_factory=dict)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """The rows of each segment."""
        return np.bincount(self.side.codes, minlength=len(self.groups.names))

    def metric_of(self, index: int) -> MetricOfRows | str:
        """The metric of a segment, or why there is none."""
        if index not in self._metrics:
            self._metrics[index] = self.side.measure(index, self.metric_key)
        return self._metrics[index]

    def answers_of(self, index: int) -> AnswerReference | str:
        """The profile of the first output of a segment, or why there is none."""
        if index not in self._answers:
            self._answers[index] = self._profile(index)
        return self._answers[index]

    def _profile(self, index: int) -> AnswerReference | str:
        output = output_columns(self.side.signature)[0]
        if output.name not in self.side.rows.outputs:
            return "the reference has no such output"
        values = self.side.answers(index, output.name)
        if output.kind != "number":
            profile: AnswerReference = category_reference(output.name, values)
        else:
            try:
                profile = number_reference(output.name, values)
            except UnreadableProfile as why:
                return str(why)
        return replace(profile, intraclass=self.intraclass)


def segment_metric(
    signature: Signature, metrics: Sequence[MonitoredMetric]
) -> MonitoredMetric | None:
    """The metric by which segments are judged: the first one whose error has a formula.

    A bootstrap for each segment would cost more than the rest of the evaluation. The kinds are
    looked up on the example of the task.
    """
    task = task_of(signature)
    example = task.example
    columns = {
        name: np.asarray(values)
        for name, values in task.decide(example.signature, example.rows).items()
    }
    truth = task.truth(example.signature, example.labels)
    measures = task.measures(example.signature, columns, truth)
    for metric in metrics:
        if metric.key in measures:
            measure = measures[metric.key]()
            if isinstance(measure, RowSums | RocAreas) and measure.unit == "rows":
                return metric
    return None


def segment_gaps(
    reference: SegmentReference,
    window: SegmentedRows,
    metric: MonitoredMetric,
    lack_of_labels: str,
) -> Iterator[ScoredGap]:
    """The metric of every segment of a column, before they are judged together."""
    for index in populated(reference, window):
        check = Check(
            SEGMENTS, metric.key, reference.groups.title(index), "against the same segment",
            INSUFFICIENT, metric.direction,
            n_current=int((window.codes == index).sum()), n_reference=int(reference.counts[index]),
        )  # fmt: skip
        own = lack_of_labels or window.measure(index, metric.key)
        then = reference.metric_of(index)
        if isinstance(own, str):
            yield ScoredGap(replace(check, message=own))
        elif isinstance(then, str):
            yield ScoredGap(replace(check, message=f"in the reference, {then}"))
        else:
            yield _metric_gap(check, metric, own, then)


def _metric_gap(
    check: Check, metric: MonitoredMetric, own: MetricOfRows, then: MetricOfRows
) -> ScoredGap:
    limits = metric.limits(then.value)
    if limits is None:
        message = "the reference's value is 0, and a share of it is no limit"
        return ScoredGap(replace(check, message=message))
    return ScoredGap(
        replace(
            check,
            score=own.value,
            reference=then.value,
            warn=limits.warn,
            threshold=limits.fail,
            standard_error=own.error,
            reference_error=then.error,
            n_current=own.labels,
            n_reference=then.labels,
        ),
        math.hypot(own.error, then.error),
    )


def segment_drift(
    reference: SegmentReference, window: SegmentedRows, blocks: BlockSize, config: MonitorConfig
) -> Iterator[ScoredCheck | Check]:
    """The drift of the first output in every segment, by the test that decides for its kind."""
    for index in populated(reference, window):
        title = reference.groups.title(index)
        profile = reference.answers_of(index)
        name = output_columns(window.signature)[0].name
        if isinstance(profile, str) or name not in window.rows.outputs:
            why = profile if isinstance(profile, str) else "the rows have no such output"
            yield _no_drift(title, why, config)
            continue
        values = window.answers(index, name)
        pair: Pair = (
            NumberPair(profile, *number_window(profile, values))
            if isinstance(profile, NumberReference)
            else CategoryPair(profile, category_window(profile, values))
        )
        chosen = config.primary.get(profile.kind)
        sizes = _block_rows(reference, window, index, blocks)
        needs = replace(config, min_rows=min(config.min_rows, MIN_ROWS))
        for scored in score_column(SEGMENTS, title, pair, needs, blocks=sizes, only=chosen):
            yield replace(scored, check=replace(scored.check, primary=False))


def _no_drift(title: str, why: str, config: MonitorConfig) -> Check:
    name = config.primary["number"]
    return Check(SEGMENTS, name, title, "against the same segment", INSUFFICIENT, message=why)


def _block_rows(
    reference: SegmentReference, window: SegmentedRows, index: int, blocks: BlockSize
) -> BlockRows:
    """How many rows of a segment a block of time has on either side."""
    at, before = window.rows.at, reference.side.rows.at
    if not blocks.length_ms or at is None or before is None:
        return BlockRows()
    now, then = at[window.codes == index], before[reference.side.codes == index]
    if not len(now) or not len(then):
        return BlockRows()
    length = blocks.length_ms
    return BlockRows(
        rows_per_block(block_codes(then, length)), rows_per_block(block_codes(now, length))
    )


def populated(reference: SegmentReference, window: SegmentedRows) -> list[int]:
    """The segments that have a row on either side."""
    now = np.bincount(window.codes, minlength=len(reference.groups.names))
    return [int(index) for index in np.flatnonzero(now + reference.counts)]
