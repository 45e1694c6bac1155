"""The checks of a window as a whole, judged."""

from __future__ import annotations

from dataclasses import replace

from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    FAIL,
    INSUFFICIENT,
    OK,
    WARN,
    Check,
    CheckLimits,
)
from pilothouse.monitoring.column_checks import ScoredCheck, judge_together, limits_of
from pilothouse.monitoring.drift import NotEvaluated
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.quality import QualityCheck, WindowFacts, WindowScore, quality_checks


def window_checks(facts: WindowFacts, config: MonitorConfig) -> list[Check]:
    """Every check that applies to the window."""
    checks = (checked(name, check, facts, config) for name, check in quality_checks.items())
    return [check for check in checks if check is not None]


def checked(
    name: str, quality: QualityCheck, facts: WindowFacts, config: MonitorConfig
) -> Check | None:
    """One check with its status; None where it does not apply."""
    limits = limits_of(name, quality.limits, config)
    check = Check(
        DATA_QUALITY, name, "", quality.title, INSUFFICIENT, limits.direction,
        warn=limits.warn, threshold=limits.fail,
    )  # fmt: skip
    try:
        weighed = quality.weigh(facts)
    except NotEvaluated as why:
        return replace(check, message=str(why))
    return None if weighed is None else judge_weighed(check, weighed, limits, config)


def judge_weighed(
    check: Check, weighed: WindowScore, limits: CheckLimits, config: MonitorConfig
) -> Check:
    """The check with its status: a breach is beyond a limit and beyond chance, or what is usual."""
    check = replace(
        check,
        score=weighed.score,
        message=weighed.message,
        n_reference=weighed.n_reference,
        n_current=weighed.n_current,
    )
    if weighed.chance is not None:
        if min(weighed.n_reference, weighed.n_current) < config.min_rows:
            return replace(check, score=None, message=f"{config.min_rows:,} rows are needed")
        scored = ScoredCheck(check, limits, weighed.chance)
        return judge_together([scored], config.false_discovery_rate)[0]

    status = limits.judge(weighed.score)
    if weighed.usual is not None:
        usual = CheckLimits(weighed.usual, weighed.usual, limits.direction)
        if status in (WARN, FAIL) and usual.judge(weighed.score) == OK:
            status = OK
        check = replace(check, noise=weighed.usual, noise_method=weighed.usual_method)
    return replace(check, status=status)
