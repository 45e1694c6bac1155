"""Severity follows harm: drift that costs nothing is notified as `info`.

The severity of a notification is that of the rule, except of drift. Where performance is fine,
drift is `info` whatever the rule says; where nobody can say yet, it is at most `warning`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pilothouse.monitoring.alert_rules import SEVERITIES
from pilothouse.monitoring.checks import (
    ESTIMATED_PERFORMANCE,
    FAIL,
    FEATURE_DRIFT,
    OK,
    PERFORMANCE,
    PREDICTION_DRIFT,
    WARN,
)
from pilothouse.monitoring.tables import CheckResult

DRIFT = (FEATURE_DRIFT, PREDICTION_DRIFT)
Harm = Literal["loss", "none", "unknown"]
MOST_SEVERE: dict[Harm, str] = {"loss": "critical", "unknown": "warning", "none": "info"}


def harm_of(results: Iterable[CheckResult]) -> Harm:
    """Whether a window lost performance: by labels, or else by an estimate without labels.

    A loss is a primary metric that warns or fails. What the labels show counts before what was
    estimated.
    """
    by_signal: dict[str, set[str]] = {}
    for result in results:
        if result.primary:
            by_signal.setdefault(result.signal, set()).add(result.status)
    for signal in (PERFORMANCE, ESTIMATED_PERFORMANCE):
        statuses = by_signal.get(signal, set())
        if statuses & {WARN, FAIL}:
            return "loss"
        if OK in statuses:
            return "none"
    return "unknown"


def notified_severity(signal: str, severity: str, harm: Harm) -> str:
    """The severity with which an alert is notified."""
    if signal not in DRIFT:
        return severity
    return min(severity, MOST_SEVERE[harm], key=SEVERITIES.index)
