"""An explanation: what changed in a window, since when, whether it hurts, what came before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.monitoring.column_changes import BeforeAfter
from pilothouse.monitoring.example_rows import ExampleRows
from pilothouse.monitoring.segments import SegmentChange
from pilothouse.monitoring.upstream_events import UpstreamEvent


@dataclass(frozen=True)
class ColumnCause:
    """A column that breaches: how it changed and since when.

    `check` is the one that its first figure is about, and `since` the start of the first window in
    the run of `windows` that breach it. `harm` is in the unit of the primary metric; it is None
    where the importance is not known.
    """

    column: str
    status: str
    check: str
    changed_share: float | None
    importance: float | None
    harm: float | None
    since: datetime
    windows: int
    figures: tuple[BeforeAfter, ...]


@dataclass(frozen=True)
class RecentFall:
    """The primary metric over the last windows together, where it is worse than chance explains.

    `value` is the mean of `windows` windows, of which the first starts at `since`, with the
    interval of 95 %; `alone` of them breach by themselves.
    """

    value: float
    low: float
    high: float
    since: datetime
    windows: int
    alone: int


@dataclass(frozen=True)
class MetricChange:
    """The primary metric of a window beside the reference's, with the interval of 95 %.

    `since` is the start of the first window in the run in which it breaches, None when it does not.
    `estimated` is the metric without labels, where something estimates it. `recent` is the same
    metric over the last windows together, where they show a fall.
    """

    metric: str
    title: str
    status: str
    value: float | None
    low: float | None
    high: float | None
    reference: float | None
    since: datetime | None
    windows: int
    estimated: float | None = None
    recent: RecentFall | None = None

    def text(self, value: float) -> str:
        """A value as its task writes it."""
        return metric_kind(self.metric).format_value(value)


@dataclass(frozen=True)
class Explanation:
    """What changed in a window, since when, whether it hurts, and what came before it.

    `columns` are those that breach, by harm, at most five. `events` are nearest first: those from
    two windows before `since` to the end of the window that begins then. `sentences` say it all.
    `segments` changed most, and `example` shows the first column. Windows that neither warn nor
    fail, or whose reference is not held-out rows, have none, nor do those from before they existed.
    """

    window: str
    deployment: str
    start: datetime
    end: datetime
    rows: int
    labelled: int
    since: datetime
    metric: MetricChange | None
    columns: tuple[ColumnCause, ...]
    events: tuple[UpstreamEvent, ...]
    sentences: tuple[str, str]
    segments: tuple[SegmentChange, ...] = ()
    example: ExampleRows | None = None
