"""The checks of columns: scored one by one, and judged together against what chance gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pilothouse.monitoring.chance import Chance, benjamini_hochberg
from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    ERROR,
    FAIL,
    FEATURE_DRIFT,
    INSUFFICIENT,
    OK,
    WARN,
    Check,
    CheckLimits,
)
from pilothouse.monitoring.dependence import BlockRows
from pilothouse.monitoring.drift import DriftTest, NotEvaluated, Pair, drift_tests
from pilothouse.monitoring.independent_rows import thinned
from pilothouse.monitoring.monitor_config import MonitorConfig


@dataclass(frozen=True)
class ScoredCheck:
    """A check before it is judged, with the distribution of its score when nothing has changed.

    `decides` separates the columns that count from those that are only shown: a family of tests
    that are judged together is of one kind.
    """

    check: Check
    limits: CheckLimits
    chance: Chance | None = None
    decides: bool = True

    @property
    def family(self) -> tuple[str, str, bool]:
        """What it is judged together with: the other columns of one test."""
        return self.check.signal, self.check.check, self.decides

    @cached_property
    def p_value(self) -> float | None:
        """How often chance alone gives this score or more; None where that is not known."""
        if self.chance is None or self.check.score is None:
            return None
        return self.chance.p_value(self.check.score)


def score_column(
    signal: str,
    column: str,
    pair: Pair,
    config: MonitorConfig,
    decides: bool = True,
    blocks: BlockRows | None = None,
    only: str | None = None,
) -> list[ScoredCheck]:
    """A column's scores by every drift test that takes its kind, or by `only` one of them.

    With the rows that blocks of time have, chance is that of as many independent rows as the
    column's rows are worth.

    Those of a column that does not decide are there to be looked at; none of them is primary.
    """
    kind = pair.reference.kind
    blocks = blocks or BlockRows()
    worth = thinned(pair, blocks.effects(pair.reference.intraclass))
    worth_of_missing = thinned(pair, blocks.effects(pair.reference.missing_intraclass))
    return [
        _scored(
            signal,
            column,
            name,
            test,
            pair,
            worth_of_missing if test.counts_missing else worth,
            config,
            decides,
        )
        for name, test in drift_tests.items()
        if name == (only or name)
        and kind in test.kinds
        and (signal == FEATURE_DRIFT or test.signal == FEATURE_DRIFT)
    ]


def _scored(
    signal: str,
    column: str,
    name: str,
    test: DriftTest,
    pair: Pair,
    worth: Pair,
    config: MonitorConfig,
    decides: bool,
) -> ScoredCheck:
    limits = limits_of(name, test.limits, config)
    missing = test.counts_missing
    n_reference = pair.reference.rows if missing else pair.reference.present
    n_current = pair.window.rows if missing else pair.window.present
    score, chance, message = None, None, ""
    if min(n_reference, n_current) < max(config.min_rows, 1):
        message = f"{min(n_reference, n_current):,} rows; {config.min_rows:,} are needed"
    else:
        try:
            score = test.score(pair)
            chance = test.chance(worth) if test.chance else None
            message = test.explain(pair) if test.explain else ""
        except NotEvaluated as why:
            message = str(why)

    check = Check(
        signal if test.signal == FEATURE_DRIFT else test.signal,
        name,
        column,
        test.title,
        INSUFFICIENT,
        limits.direction,
        score=score,
        warn=limits.warn,
        threshold=limits.fail,
        n_reference=n_reference,
        n_current=n_current,
        primary=decides and config.primary.get(pair.reference.kind) == name,
        message=message,
        n_independent=_independent(worth, missing) if worth is not pair else None,
    )
    return ScoredCheck(check, limits, chance, decides)


def _independent(worth: Pair, with_missing: bool) -> int:
    return worth.window.rows if with_missing else worth.window.present


def limits_of(name: str, usual: CheckLimits, config: MonitorConfig) -> CheckLimits:
    """The limits of a test or check, as the monitor changed them."""
    own = config.limits.get(name, {})
    warn, fail = own.get("warn", usual.warn), own.get("fail", usual.fail)
    return CheckLimits(warn, fail, usual.direction)


def faulty_column(
    signal: str, column: str, message: str, config: MonitorConfig, rows: int, decides: bool
) -> Check:
    """The only check of a column that cannot be read: the one that would decide on it."""
    name = "missing" if signal == DATA_QUALITY else config.primary["number"]
    decides = decides and signal != DATA_QUALITY
    return Check(
        signal, name, column, drift_tests.get(name).title, ERROR,
        n_current=rows, primary=decides, message=message,
    )  # fmt: skip


def judge_together(scored: Iterable[ScoredCheck], false_discovery_rate: float) -> list[Check]:
    """The checks with their status, in the same order.

    The columns of one test are judged together: the level at which a score is more than chance
    follows from all of their p-values.
    """
    checks = list(scored)
    p_values: dict[tuple[str, str, bool], list[float]] = defaultdict(list)
    for item in checks:
        if item.p_value is not None:
            p_values[item.family].append(item.p_value)
    levels = {
        family: benjamini_hochberg(values, false_discovery_rate)
        for family, values in p_values.items()
    }
    return [_judged(item, levels.get(item.family, false_discovery_rate)) for item in checks]


def _too_few(check: Check) -> str:
    if check.n_independent is None:
        return "too few rows"
    return (
        f"too few independent rows ({check.n_current:,} are worth {check.n_independent:,}, as rows "
        "of one time resemble each other)"
    )


def _judged(item: ScoredCheck, level: float) -> Check:
    """The check with its status: a breach is beyond a limit and beyond chance.

    Where chance alone reaches the failing limit, a score that chance explains shows nothing: with
    so few rows a change that matters would not be seen either.
    """
    check, limits = item.check, item.limits
    if check.score is None:
        return check
    status = limits.judge(check.score)
    if item.chance is None or item.p_value is None:
        return check.judged(status=status)

    noise, p_value = item.chance.limit(level), item.p_value
    message = check.message
    if p_value > level and noise >= limits.fail > 0:
        status = INSUFFICIENT
        message = f"{_too_few(check)}: without any change the score is up to {noise:.3g}"
    elif p_value > level and status in (WARN, FAIL):
        status = OK
        message = f"within chance: without any change the score is up to {noise:.3g}"
    judged: dict[str, Any] = {
        "status": status,
        "message": message,
        "noise": noise,
        "noise_method": item.chance.method,
        "noise_level": level,
        "p_value": p_value,
    }
    # PERF: a replay judges thousands of stored checks, most of which stay as they are.
    is_same = all(getattr(check, name) == value for name, value in judged.items())
    return check if is_same else check.judged(**judged)
