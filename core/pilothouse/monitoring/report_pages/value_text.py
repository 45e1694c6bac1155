"""How numbers, shares, statuses and metrics are written on a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.experiments.metrics.kinds import MetricKind, metric_kind
from pilothouse.monitoring.checks import ERROR, FAIL, INSUFFICIENT, LABEL_COVERAGE, OK, WARN

if TYPE_CHECKING:
    from pilothouse.monitoring.performance import MonitoredMetric

DASH = "–"  # noqa: RUF001
STATUS_TITLES = {
    OK: "OK",
    WARN: "Warning",
    FAIL: "Failing",
    INSUFFICIENT: "Insufficient",
    ERROR: "Error",
}
TWO_SIDED_95 = 1.96


class MetricText:
    """Writes metrics as the task of the version that serves does, with the unit of its target."""

    def __init__(self, monitored: Sequence[MonitoredMetric]) -> None:
        self._kinds = {metric.key: metric for metric in monitored}

    def kind(self, key: str) -> MetricKind:
        """The title, format and unit of a metric; of one that is monitored no longer too."""
        kind = metric_kind(key)
        metric = self._kinds.get(key)
        if metric is None:
            return kind
        return replace(kind, title=metric.title, format=metric.format, unit=metric.unit)

    def value(self, key: str, value: float | None) -> str:
        """A value of a metric; of the share of labelled rows, as a share."""
        if value is None or math.isnan(value):
            return DASH
        return share(value) if key == LABEL_COVERAGE else self.kind(key).format_value(value)

    def interval(self, key: str, value: float | None, error: float | None) -> str:
        """The interval of 95 %; empty without a standard error."""
        if value is None or error is None:
            return ""
        kind = self.kind(key)
        low, high = (kind.format_number(value + sign * TWO_SIDED_95 * error) for sign in (-1, 1))
        return f"{low} to {high} {kind.unit}".rstrip() + " (95 %)"

    def with_error(self, key: str, value: float | None, error: float | None) -> str:
        """A value with its standard error, where it has one: `1.89 ± 0.2 minutes`."""
        if value is None or error is None:
            return self.value(key, value)
        kind = self.kind(key)
        return f"{kind.format_number(value)} ± {error:.2g} {kind.unit}".rstrip()


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits, or a dash."""
    return DASH if value is None else f"{value:,.{digits}f}"


def share(value: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 as a percentage, or a dash."""
    return DASH if value is None else f"{value * 100:.{digits}f} %"


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 window`, `12 windows`."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def day(at: datetime) -> str:
    """The day of an instant."""
    return f"{at.day} {at:%b %Y}"


def when(at: datetime) -> str:
    """An instant to the minute, in UTC."""
    return f"{day(at)}, {at:%H:%M} UTC"


def sentence_case(text: str) -> str:
    """A text with a capital first letter."""
    return f"{text[:1].upper()}{text[1:]}"


def settings_text(settings: Mapping[str, Any]) -> str:
    """A setting that is a mapping, in one line: `psi: warn 0.1, fail 0.25`."""
    parts = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {part:g}" for key, part in value.items())
        parts.append(f"{name}: {value}")
    return "; ".join(parts)
