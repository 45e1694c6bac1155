"""An explanation in two sentences: whether it hurts, and what changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.checks import INSUFFICIENT
from pilothouse.monitoring.column_changes import MEAN, MISSING, BeforeAfter

if TYPE_CHECKING:
    from datetime import timedelta

    from pilothouse.monitoring.explanation import ColumnCause, MetricChange, RecentFall
    from pilothouse.monitoring.tables import Window
    from pilothouse.monitoring.upstream_events import UpstreamEvent

EXPLAINS = 0.25  # the share of what a metric lost from which a column is called its cause
NOTHING_BEFORE = "no deployment or data change came before it"


def sentences(
    window: Window,
    metric: MetricChange | None,
    columns: Sequence[ColumnCause],
    events: Sequence[UpstreamEvent],
    since: datetime,
) -> tuple[str, str]:
    """The effect on the model, and the column that changed with the nearest event before it."""
    length = window.end - window.start
    cause = _cause(columns, events, since, length, _most_it_costs(metric, columns))
    return _effect(window, metric, length), cause


def span_phrase(start: datetime, length: timedelta) -> str:
    """A window within a sentence: "the week of 22 April 2013", "April 2013", "22 April 2013"."""
    if 28 <= length.days <= 31:
        return f"{start:%B %Y}"
    day = _day(start)
    return f"the week of {day}" if length.days == 7 else day


def share_text(value: float) -> str:
    """A share in a sentence: 13 %, 0.4 %, 0 %."""
    percent = value * 100
    digits = 0 if percent == 0 or 1 <= percent <= 99 or percent == 100 else 1
    return f"{percent:.{digits}f} %"


def figure_text(column: str, figure: BeforeAfter) -> str:
    """How a column changed: "13 % of the rows have no temp, 0 % before"."""
    if figure.what == MEAN:
        values = format_number(figure.after), format_number(figure.before)
        return f"the mean of {column} is {values[0]}, {values[1]} before"
    shares = share_text(figure.after), share_text(figure.before)
    if figure.what == MISSING:
        return f"{shares[0]} of the rows have no {column}, {shares[1]} before"
    return f"{shares[0]} of the values of {column} are {figure.of}, {shares[1]} before"


def _effect(window: Window, metric: MetricChange | None, length: timedelta) -> str:
    if metric is None:
        return "The answers of this model are not compared with labels."
    if metric.since is not None:
        begun = span_phrase(metric.since, length)
        return f"Since {begun} the model is worse than expected: {_values(metric)}."
    if metric.value is None or metric.status == INSUFFICIENT:
        return _with_few_labels(window, metric)
    if metric.recent is not None:
        return _together(metric, metric.recent, length)
    return f"The model is as good as expected: {_values(metric)}."


def _values(metric: MetricChange) -> str:
    value = "" if metric.value is None else f" {metric.text(metric.value)}"
    expected = "" if metric.reference is None else f", {metric.text(metric.reference)} expected"
    return f"{metric.title}{value}{expected}"


def _together(metric: MetricChange, recent: RecentFall, length: timedelta) -> str:
    """A fall that the last windows show together, and how many of them by themselves."""
    alone = f"{recent.alone or 'none'} of them {'show' if recent.alone > 1 else 'shows'} it alone"
    values = _values(replace(metric, value=recent.value))
    return (
        f"Over the last {recent.windows} windows together, from {span_phrase(recent.since, length)}"
        f" on, the model is worse than expected: {values}; {alone}."
    )


def _with_few_labels(window: Window, metric: MetricChange) -> str:
    """What is known with too few labels: the estimate, where there is one, or the value so far."""
    labelled = f"{window.labelled:,} of {window.rows:,}"
    if metric.estimated is not None:
        estimate = f"{metric.title} is estimated at {metric.text(metric.estimated)}"
        expected = "" if metric.reference is None else f", {metric.text(metric.reference)} expected"
        return f"{estimate}{expected}; labels have come for {labelled} rows."
    so_far = "" if metric.value is None else f" ({_values(metric)})"
    return f"Too few rows have a label to say how good the model is: {labelled}{so_far}."


def _most_it_costs(metric: MetricChange | None, columns: Sequence[ColumnCause]) -> str:
    """What the first column's change costs at most, where that is far from what the metric lost.

    Harm is about the most that a column's change can cost. What is left is of another kind: rows of
    a harder kind, or labels that no longer follow the inputs as they did. "" where it may be it.
    """
    if metric is None or metric.since is None or not columns or columns[0].harm is None:
        return ""
    if metric.value is None or metric.reference is None:
        return ""
    if columns[0].harm >= EXPLAINS * abs(metric.value - metric.reference):
        return ""
    return metric.text(columns[0].harm)


def _cause(
    columns: Sequence[ColumnCause],
    events: Sequence[UpstreamEvent],
    since: datetime,
    length: timedelta,
    most: str,
) -> str:
    before = f"{events[0].text} on {_day(events[0].at)}" if events else NOTHING_BEFORE
    if not columns:
        return f"No column changed by more than chance gives; {before}."
    first = columns[0]
    change = (
        figure_text(first.column, first.figures[0])
        if first.figures
        else f"the column {first.column} cannot be compared with before"
    )
    if first.since != since:
        change = f"{change} (it has differed since {span_phrase(first.since, length)})"
    if most:
        costs = f"that of {first.column} costs the most, at most {most}: {change}"
        return f"No change of an input explains it ({costs}); {before}."
    return f"{change[0].upper()}{change[1:]}; {before}."


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
