"""Severity follows harm: a table of what a rule says, what a window shows, and what is notified."""

from __future__ import annotations

import pytest

from pilothouse.monitoring.notifications.severity import harm_of, notified_severity
from pilothouse.monitoring.tables import CheckResult

ESTIMATE = "estimated_performance"


def result(signal: str, status: str, *, primary: bool = True) -> CheckResult:
    return CheckResult(
        window_id="w", revision=1, signal=signal, check="a", column="", method="", status=status,
        direction="below", primary=primary,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signal", "rule", "harm", "notified"),
    [
        ("feature_drift", "critical", "loss", "critical"),
        ("feature_drift", "warning", "loss", "warning"),
        ("feature_drift", "info", "loss", "info"),
        ("feature_drift", "critical", "unknown", "warning"),
        ("feature_drift", "warning", "unknown", "warning"),
        ("feature_drift", "info", "unknown", "info"),
        ("feature_drift", "critical", "none", "info"),
        ("prediction_drift", "warning", "none", "info"),
        ("performance", "critical", "none", "critical"),
        ("performance", "warning", "unknown", "warning"),
        (ESTIMATE, "warning", "none", "warning"),
        ("data_quality", "critical", "none", "critical"),
    ],
)
def test_a_notification_is_as_severe_as_the_harm(
    signal: str, rule: str, harm: str, notified: str
) -> None:
    assert notified_severity(signal, rule, harm) == notified  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("results", "harm"),
    [
        ([], "unknown"),
        ([("performance", "insufficient")], "unknown"),
        ([("performance", "error"), (ESTIMATE, "insufficient")], "unknown"),
        ([("performance", "ok")], "none"),
        ([("performance", "warn")], "loss"),
        ([("performance", "fail")], "loss"),
        ([("performance", "insufficient"), (ESTIMATE, "ok")], "none"),
        ([("performance", "insufficient"), (ESTIMATE, "fail")], "loss"),
        ([("performance", "ok"), (ESTIMATE, "fail")], "none"),  # labels count before an estimate
        ([("feature_drift", "fail")], "unknown"),
    ],
)
def test_a_loss_is_realised_or_else_estimated(results: list[tuple[str, str]], harm: str) -> None:
    assert harm_of(result(*values) for values in results) == harm


def test_only_the_metric_that_decides_shows_a_loss() -> None:
    others = [result("performance", "fail", primary=False), result("performance", "ok")]
    assert harm_of(others) == "none"
