"""The signals of groups of rows: segments and fairness, by the columns that a monitor declares.

It runs in child processes, which cache the reference's rows with what was measured of them. What is
wrong with one column is one result of status error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pilothouse.models.signature import Signature
from pilothouse.monitoring import baselines
from pilothouse.monitoring.baselines import Baseline
from pilothouse.monitoring.checks import BY_GROUP, ERROR, FAIRNESS, INSUFFICIENT, SEGMENTS, Check
from pilothouse.monitoring.column_checks import ScoredCheck, judge_together
from pilothouse.monitoring.fairness_checks import (
    compared_groups,
    fairness_kinds,
    gap_of,
    rates_of,
    scored_gaps,
)
from pilothouse.monitoring.group_gaps import ScoredGap, judge_gaps
from pilothouse.monitoring.masked_values import MaskedValues
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import (
    MinimumRows,
    Performance,
    missing_labels,
    monitored_metrics,
)
from pilothouse.monitoring.row_groups import RowGroups, row_groups
from pilothouse.monitoring.segment_checks import (
    SegmentedRows,
    SegmentReference,
    segment_drift,
    segment_gaps,
    segment_metric,
)
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.storage import Store

if TYPE_CHECKING:
    from pilothouse.monitoring.distances import Floats
    from pilothouse.monitoring.row_groups import Codes

MAX_CACHED = 2
# By digest, its rows, and the masked columns; never stale.
_references: dict[tuple[str, int, tuple[str, ...]], GroupedReference] = {}
NO_VALUES = MaskedValues()


class NoGroups(ValueError):
    """The reference has no value to group rows by."""


class GroupedReference:
    """The rows of a version's reference, grouped by each column when it is needed."""

    def __init__(
        self, baseline: Baseline, rows: WindowRows, masked: MaskedValues = NO_VALUES
    ) -> None:
        self.baseline = baseline
        self.masked = masked
        self.rows = rows
        self._groups: dict[str, tuple[RowGroups, Codes]] = {}
        self._segments: dict[tuple[str, str], SegmentReference] = {}

    @property
    def signature(self) -> Signature:
        """The signature of the version."""
        return self.baseline.signature

    @cached_property
    def rates(self) -> dict[str, Floats]:
        """What each row adds to the rates of fairness."""
        return rates_of(self.rows, self.signature)

    @cached_property
    def scales(self) -> dict[str, float]:
        """The units of the limits of fairness: 1 of a share, else the deviation of the rows."""
        kinds = {kind.rate.key: kind.rate for kind in fairness_kinds().values()}
        return {
            key: 1.0 if kinds[key].is_share or not np.isfinite(values).any()
            else float(np.nanstd(values))
            for key, values in self.rates.items()
        }  # fmt: skip

    def grouped(self, column: str) -> tuple[RowGroups, Codes]:
        """How rows are grouped by a column, and the group of each.

        Raises NoGroups without any value, TypeError for values that are no categories.
        """
        if column not in self._groups:
            field = next(field for field in self.signature.inputs if field.name == column)
            values = self.rows.features[column]
            groups = row_groups(values, field)
            if groups is None:
                raise NoGroups("no row of the reference has a value")
            self._groups[column] = self.masked.groups(groups), groups.codes(values)
        return self._groups[column]

    def segments(self, groups: RowGroups, codes: Codes, metric: str) -> SegmentReference:
        """The segments of a column, with what was measured of them."""
        key = groups.column, metric
        if key not in self._segments:
            outputs = list(self.baseline.profile.outputs.values())
            correlation = outputs[0].intraclass if outputs else 0.0
            side = SegmentedRows(self.rows, codes, self.signature)
            self._segments[key] = SegmentReference(groups, side, metric, correlation)
        return self._segments[key]


@dataclass(frozen=True, eq=False)
class GroupedWindow:
    """A window beside the reference, by whose columns its rows are grouped.

    `lack_of_labels` says why nothing that needs labels can be judged.
    """

    reference: GroupedReference
    rows: WindowRows
    config: MonitorConfig
    lack_of_labels: str

    def codes(self, groups: RowGroups) -> Codes:
        """The group of each row of the window."""
        return groups.codes(self.rows.features[groups.column])

    @cached_property
    def rates(self) -> dict[str, Floats]:
        """What each row adds to the rates of fairness."""
        return rates_of(self.rows, self.reference.signature)


def group_checks(
    store: Store,
    answered: tuple[str, str, int],
    baseline: Baseline,
    rows: WindowRows,
    performance: Performance,
    config: MonitorConfig,
    masked: MaskedValues = NO_VALUES,
) -> list[Check]:
    """The checks of segments and of fairness, of a deployment's version; none without columns.

    They inform: a rule on them alerts. The groups of a masked column are named as it is shown.
    """
    if not config.segment_columns and not config.fairness_columns:
        return []
    if baseline.profile.waiting:
        return [
            Check(signal, BY_GROUP, column, "", INSUFFICIENT, message=baseline.profile.waiting)
            for signal, columns in _declared(config)
            for column in columns
        ]
    reference = _reference(store, answered, baseline, config, masked)
    lack = missing_labels(performance, MinimumRows(config.min_labelled, config.min_coverage))
    window = GroupedWindow(reference, rows, config, lack)
    return [*segments_of_window(window), *fairness_of(window)]


def _declared(config: MonitorConfig) -> tuple[tuple[str, Sequence[str]], ...]:
    return (SEGMENTS, config.segment_columns), (FAIRNESS, config.fairness_columns)


def _reference(
    store: Store,
    answered: tuple[str, str, int],
    baseline: Baseline,
    config: MonitorConfig,
    masked: MaskedValues,
) -> GroupedReference:
    key = baseline.digest, config.reference_rows, tuple(masked.masking.kinds)
    if key not in _references:
        rows = baselines.reference_rows(store, *answered, config.reference_rows)
        while len(_references) >= MAX_CACHED:
            _references.pop(next(iter(_references)))
        _references[key] = GroupedReference(baseline, rows, masked)
    return _references[key]


def segments_of_window(window: GroupedWindow) -> list[Check]:
    """Metric and drift of every segment; those of one check are judged together."""
    gaps: list[ScoredGap] = []
    drifts: list[ScoredCheck] = []
    checks: list[Check] = []
    signature, config = window.reference.signature, window.config
    metric = segment_metric(signature, monitored_metrics(signature, config.tolerances))

    def add(groups: RowGroups, before: Codes, after: Codes) -> None:
        reference = window.reference.segments(groups, before, metric.key if metric else "")
        side = SegmentedRows(window.rows, after, signature)
        if metric is not None:
            gaps.extend(segment_gaps(reference, side, metric, window.lack_of_labels))
        blocks = window.reference.baseline.profile.output_blocks
        for drift in segment_drift(reference, side, blocks, config):
            if isinstance(drift, Check):
                checks.append(drift)
            else:
                drifts.append(drift)

    faults = _by_column(window, SEGMENTS, config.segment_columns, add)
    rate = config.false_discovery_rate
    return [*faults, *judge_gaps(gaps, rate), *checks, *judge_together(drifts, rate)]


def fairness_of(window: GroupedWindow) -> list[Check]:
    """Every gap between a group and all others; those of one check are judged together."""
    gaps: list[ScoredGap] = []
    reference = window.reference

    def add(groups: RowGroups, before: Codes, after: Codes) -> None:
        counts = np.bincount(before, minlength=len(groups.names))
        shared = [key for key in window.rates if key in reference.rates]
        for index in compared_groups(groups, counts):
            now = {key: gap_of(window.rates[key], after == index) for key in shared}
            then = {key: gap_of(reference.rates[key], before == index) for key in shared}
            gaps.extend(
                scored_gaps(
                    groups.title(index), now, then, reference.scales,
                    window.lack_of_labels, window.config,
                )
            )  # fmt: skip

    faults = _by_column(window, FAIRNESS, window.config.fairness_columns, add)
    return [*faults, *judge_gaps(gaps, window.config.false_discovery_rate)]


def _by_column(
    window: GroupedWindow,
    signal: str,
    columns: Iterable[str],
    add: Callable[[RowGroups, Codes, Codes], None],
) -> list[Check]:
    """Group both sides by each column; a check of each that does not allow it."""
    faults = []
    for column in columns:
        fault = Check(signal, BY_GROUP, column, "", INSUFFICIENT, n_current=len(window.rows))
        lack = _lack_of_column(window, column)
        if lack:
            faults.append(replace(fault, message=lack))
            continue
        try:
            grouped = window.reference.grouped(column)
            after = window.codes(grouped[0])
        except NoGroups as why:
            faults.append(replace(fault, message=str(why)))
        except TypeError as why:  # lists, which are no categories
            message = f"rows cannot be grouped by it: {why}"
            faults.append(replace(fault, status=ERROR, message=message))
        else:
            add(*grouped, after)
    return faults


def _lack_of_column(window: GroupedWindow, column: str) -> str:
    """Why rows cannot be grouped by a column: a side has none; empty when they can."""
    if column not in window.reference.signature.names:
        return "this version has no such input"
    sides = {"reference's": window.reference.rows, "window's": window.rows}
    lacking = [name for name, side in sides.items() if column not in side.features]
    return f"the {lacking[0]} rows have no such column" if lacking else ""
