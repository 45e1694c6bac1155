"""A window as what Evidently calls a snapshot: our stored figures and verdicts, none computed anew.

Each result is a value of its own, with a test that has our verdict. It names the metric by signal,
check and column, so that the same check of later windows continues one series.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pilothouse.monitoring.check_titles import check_title, signal_title
from pilothouse.monitoring.checks import (
    ERROR,
    ESTIMATED_PERFORMANCE,
    FAIL,
    FEATURE_DRIFT,
    INSUFFICIENT,
    OK,
    PERFORMANCE,
    PREDICTION_DRIFT,
    SIGNALS,
    WARN,
    WORSE,
    Check,
)
from pilothouse.monitoring.windows import DEFAULT_ZONE, ends_text, zone_named

CHECK, LIMIT, REFERENCE = "MonitorCheck", "MonitorLimit", "MonitorReference"
WINDOW = "MonitorWindow"  # figures of the window as a whole
WINDOW_KEY = "pilothouse_window"  # in the metadata: whose export a snapshot is
STATES = {OK: "SUCCESS", WARN: "WARNING", FAIL: "FAIL", INSUFFICIENT: "SKIPPED", ERROR: "ERROR"}
MAX_SERIES = 40
# An estimate has the limit of the observed metric.
IN_PERFORMANCE_CHARTS = (
    *((PERFORMANCE, CHECK), (PERFORMANCE, LIMIT)),
    (ESTIMATED_PERFORMANCE, CHECK),
)
TABLE_HEAD = ("Check", "Column", "Score", "Warns at", "Fails at", "Reference", "Status")


@dataclass(frozen=True)
class ExportedWindow:
    """A window's row as plain values; the statuses are by what they are of."""

    id: str
    deployment: str
    version: str
    start: datetime
    end: datetime
    zone: str | None
    revision: int
    rows: int
    labelled: int
    columns: int
    drifted: int
    statuses: dict[str, str]


@dataclass(frozen=True)
class ValueVerdict:
    """A test of a value, with our limits and our state."""

    name: str
    description: str
    state: str
    limits: dict[str, float | str]


@dataclass(frozen=True)
class SnapshotValue:
    """One number of a snapshot, under the kind and the labels that identify its series."""

    kind: str
    labels: dict[str, str]
    title: str
    value: float
    verdict: ValueVerdict | None = None

    @property
    def id(self) -> str:
        """The same for the same kind and labels."""
        text = "\n".join([self.kind, *(f"{name}={value}" for name, value in self.labels.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class WindowSnapshot:
    """A snapshot's content: what identifies it, its values, and the tables of its page."""

    name: str
    timestamp: datetime
    tags: tuple[str, ...]
    metadata: dict[str, str]
    values: tuple[SnapshotValue, ...]
    verdicts: tuple[ValueVerdict, ...]
    tables: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class DashboardPanel:
    """A line chart of a project: series by their legend, each with its kind and labels."""

    tab: str
    title: str
    series: dict[str, tuple[str, dict[str, str]]]


def window_snapshot(window: ExportedWindow, checks: Sequence[Check]) -> WindowSnapshot:
    """The snapshot of a window with its results."""
    values = [*_of_window(window)]
    for check in checks:
        values += _of_check(check)
    unscored = [_verdict(check) for check in checks if check.score is None]
    tables: dict[str, list[tuple[str, ...]]] = {}
    for check in sorted(checks, key=_rank):
        tables.setdefault(check.signal, []).append(_row(check))
    return WindowSnapshot(
        f"{window.deployment}, {ends_text(window.start, window.end, window.zone)}",
        # Evidently's times have no zone: a window reads in its own, as it does on our pages.
        window.start.astimezone(zone_named(window.zone or DEFAULT_ZONE)).replace(tzinfo=None),
        tuple(part for part in (window.deployment, window.version) if part),
        _metadata(window),
        tuple(values),
        tuple(unscored),
        tables,
    )


def panels(snapshots: Sequence[WindowSnapshot]) -> list[DashboardPanel]:
    """The charts over the snapshots: performance with limits, drift by deciding check, rows."""
    values = {value.id: value for snapshot in snapshots for value in snapshot.values}
    charts: dict[tuple[str, str], dict[str, tuple[str, dict[str, str]]]] = {}
    for value in values.values():
        labels = value.labels
        signal = labels.get("signal", "")
        if value.kind == WINDOW and labels["figure"] in ("rows", "labelled"):
            charts.setdefault(("Windows", "Rows"), {})[value.title] = (value.kind, labels)
        elif (signal, value.kind) in IN_PERFORMANCE_CHARTS:
            key = ("Performance", check_title(labels["check"]))
            charts.setdefault(key, {})[value.title] = (value.kind, labels)
        elif signal in (FEATURE_DRIFT, PREDICTION_DRIFT) and labels.get("decides") == "yes":
            key = ("Drift", signal_title(signal, labels["check"]))
            series = charts.setdefault(key, {})
            if value.kind == CHECK and labels["column"] and len(series) < MAX_SERIES:
                is_answer = signal == PREDICTION_DRIFT  # an input may have the same name
                legend = f"{labels['column']} (answer)" if is_answer else labels["column"]
                series[legend] = (value.kind, labels)
    order = {"Performance": 0, "Drift": 1, "Windows": 2}
    return [
        DashboardPanel(tab, title, series)
        for (tab, title), series in sorted(charts.items(), key=lambda chart: order[chart[0][0]])
        if series
    ]


def _of_window(window: ExportedWindow) -> list[SnapshotValue]:
    figures = {
        "rows": ("Rows", window.rows),
        "labelled": ("Labelled rows", window.labelled),
        "columns": ("Compared columns", window.columns),
        "drifted": ("Drifted columns", window.drifted),
    }
    values = [
        SnapshotValue(WINDOW, {"figure": name}, title, float(number))
        for name, (title, number) in figures.items()
    ]
    for name, status in window.statuses.items():
        verdict = ValueVerdict(f"Status: {name}", f"The {name} is {status}.", STATES[status], {})
        code = float(WORSE.index(status))
        title = f"Status: {name} (0 {OK} to {len(WORSE) - 1} {FAIL})"
        values.append(SnapshotValue(WINDOW, {"figure": f"{name} status"}, title, code, verdict))
    return values


def _of_check(check: Check) -> list[SnapshotValue]:
    """The score with its verdict; the limit at which it fails and the reference's own value."""
    labels = {
        "signal": check.signal,
        "check": check.check,
        "column": check.column,
        "method": check.method,
        "decides": "yes" if check.primary else "no",
    }
    title = _title(check)
    values = []
    if check.score is not None:
        values.append(SnapshotValue(CHECK, labels, title, check.score, _verdict(check)))
    if check.threshold is not None:
        values.append(SnapshotValue(LIMIT, labels, f"{title}: limit", check.threshold))
    if check.reference is not None:
        values.append(SnapshotValue(REFERENCE, labels, f"{title}: reference", check.reference))
    return values


def _verdict(check: Check) -> ValueVerdict:
    limits: dict[str, float | str] = {"direction": check.direction}
    named = {
        "warn": check.warn,
        "fail": check.threshold,
        "chance": check.noise,
        "p_value": check.p_value,
        "standard_error": check.standard_error,
    }
    limits |= {name: value for name, value in named.items() if value is not None}
    score = "no score" if check.score is None else _number(check.score)
    parts = [
        f"{'warns' if name == 'warn' else 'fails'} {check.direction} {_number(limit)}"
        for name, limit in (("warn", check.warn), ("fail", check.threshold))
        if limit is not None
    ]
    if check.noise is not None:
        parts.append(f"chance gives {_number(check.noise)}")
    sentence = "; ".join([score, *parts, *([check.message] if check.message else [])])
    return ValueVerdict(_title(check), f"{check.status}: {sentence}", STATES[check.status], limits)


def _title(check: Check) -> str:
    title = signal_title(check.signal, check.check)
    return f"{title}: {check.column}" if check.column else title


def _rank(check: Check) -> tuple[bool, int, int]:
    """Performance first, then the signals in their order, the worst results of each on top."""
    is_performance = check.signal in (PERFORMANCE, ESTIMATED_PERFORMANCE)
    return not is_performance, SIGNALS.index(check.signal), -WORSE.index(check.status)


def _row(check: Check) -> tuple[str, ...]:
    limits = (check.score, check.warn, check.threshold, check.reference)
    numbers = (_number(value) for value in limits)
    return (signal_title(check.signal, check.check), check.column, *numbers, check.status)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _metadata(window: ExportedWindow) -> dict[str, str]:
    return {
        WINDOW_KEY: window.id,
        "deployment": window.deployment,
        "version": window.version,
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "zone": window.zone or DEFAULT_ZONE,
        "revision": str(window.revision),
        "status": window.statuses["window"],
    }
