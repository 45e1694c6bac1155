"""What every retraining trigger promises: a pure function with a reason on one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pilothouse.kit.parameters import read_params
from pilothouse.pipelines.triggers import JudgedWindow, Trigger, TriggerFacts
from pilothouse.testing.parameters import check_described

NOW = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def check_trigger(name: str, trigger: Trigger) -> None:
    """Raise AssertionError, with what is wrong, unless the trigger keeps every promise."""
    check_described(name, trigger)
    assert isinstance(trigger.counts_labels, bool), f"{name} must say whether it counts labels"
    missing = [p.name for p in trigger.parameters if p.default is None]
    assert not missing, f"{name}: every parameter needs a default, {missing} have none"

    params = read_params(name, trigger.parameters, {})
    quiet = TriggerFacts(NOW, NOW)
    assert trigger.reason(quiet, params) == "", f"{name} fires although nothing has happened"
    for facts in _facts():
        reason = trigger.reason(facts, params)
        assert reason == trigger.reason(facts, params), f"{name} gives two answers"
        assert isinstance(reason, str), f"{name} must give a text"
        assert "\n" not in reason, f"{name} must give its reason on one line"
        assert reason == reason.strip(), f"{name} has spaces around its reason"
        assert not reason.endswith("."), f"{name}: a reason has no full stop"
        if not trigger.counts_labels:
            more = replace(facts, new_labels=10**9)
            assert trigger.reason(more, params) == reason, f"{name} counts labels and denies it"


def _facts() -> tuple[TriggerFacts, ...]:
    """Nothing new, a long time, bad windows, an alert, many labels."""
    windows = tuple(
        JudgedWindow(NOW - (8 - n) * WEEK, NOW - (7 - n) * WEEK, "fail", "fail") for n in range(8)
    )
    old = TriggerFacts(NOW, NOW - timedelta(days=20_000))
    return (
        TriggerFacts(NOW, NOW - WEEK),
        old,
        replace(old, windows=windows),
        replace(old, windows=windows[:1]),
        TriggerFacts(NOW, NOW, alerts=("Performance: ROC AUC is 0.61",)),
        TriggerFacts(NOW, NOW, new_labels=10**9),
    )
