"""Windows drawn with and without a change, judged as the monitor judges them: what is called so.

Seeded, so that counts are the same on every machine. `tests/bench/limits.py` prints the long form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from pilothouse.comparison.statistics.time_blocks import DAY_MS
from pilothouse.models.signature import Signature
from pilothouse.monitoring.alert_rules import DEFAULT_RULES
from pilothouse.monitoring.alert_state import AlertState, Condition, advance
from pilothouse.monitoring.checks import DATA_QUALITY, FAIL, FEATURE_DRIFT, WARN, Check
from pilothouse.monitoring.column_checks import judge_together, score_column
from pilothouse.monitoring.dependence import BlockRows, Blocks
from pilothouse.monitoring.drift import CategoryPair, NumberPair, Pair
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import (
    MinimumRows,
    compute_performance,
    monitored_metrics,
    performance_checks,
)
from pilothouse.monitoring.profiles import (
    category_reference,
    category_window,
    number_reference,
    number_window,
    with_dependence,
)
from pilothouse.monitoring.recent_checks import MeasuredWindow, measured_window, recent_checks
from pilothouse.monitoring.rule_verdicts import verdict_of
from pilothouse.monitoring.tables import CheckResult

SIGNATURE = Signature((), "late", (0, 1), 1)
METRICS = monitored_metrics(SIGNATURE, {})
Draw = Callable[[np.random.Generator, int], Any]


def categories(chances: Any) -> Draw:
    shares = np.asarray(chances, dtype=np.float64) / np.sum(chances)
    names = np.array([f"c{i}" for i in range(len(shares))])
    return lambda rng, n: names[rng.choice(len(shares), n, p=shares)]


def holed(draw: Draw, rate: float) -> Draw:
    return lambda rng, n: np.where(rng.random(n) < rate, np.nan, draw(rng, n))


def normal(rng: np.random.Generator, n: int) -> Any:
    return rng.normal(size=n)


SHAPES: Mapping[str, Draw] = {
    "normal": normal,
    "lognormal": lambda rng, n: rng.lognormal(0, 1.5, n),
    "t with 2 degrees": lambda rng, n: rng.standard_t(2, n),
    "counts": lambda rng, n: rng.poisson(3, n).astype(float),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.6, 0, rng.gamma(2, 2, n)),
    "5 categories": categories(np.ones(5)),
    "25 categories": categories(1 / np.arange(1, 26)),
    "94 categories": categories(1 / np.arange(1, 95)),
    "300 categories": categories(np.ones(300)),
    "rare categories": categories([970, 20, 9, 1]),
    "20 % missing": holed(normal, 0.2),
    "1 % missing": holed(normal, 0.01),
}
CHANGES: Mapping[str, tuple[Draw, Draw]] = {
    "mean +0.2 sd": (normal, lambda rng, n: rng.normal(0.2, 1, n)),
    "spread x1.5": (normal, lambda rng, n: rng.normal(0, 1.5, n)),
    "10 % of rows in another unit": (
        lambda rng, n: rng.normal(10, 2, n),
        lambda rng, n: rng.normal(10, 2, n) * np.where(rng.random(n) < 0.1, 1000, 1),
    ),
    "one of five categories +5 points": (
        categories(np.ones(5)),
        categories([0.25, *[0.75 / 4] * 4]),
    ),
    "missing 0 to 5 %": (normal, holed(normal, 0.05)),
}


def pair_of(reference: Any, window: Any) -> Pair:
    before, after = pd.Series(reference), pd.Series(window)
    if before.dtype.kind in "fi":
        numbers = number_reference("x", before)
        return NumberPair(numbers, *number_window(numbers, after))
    names = category_reference("x", before)
    return CategoryPair(names, category_window(names, after))


def judge(reference: Any, window: Any) -> list[Check]:
    """The checks of one column, as a window's are made."""
    scored = score_column(FEATURE_DRIFT, "x", pair_of(reference, window), MonitorConfig())
    return judge_together(scored, MonitorConfig().false_discovery_rate)


def status_of(checks: list[Check]) -> str:
    """What a column is called: the worst of the checks that count, ok only by its own test."""
    statuses = {check.status for check in checks if check.primary or check.signal == DATA_QUALITY}
    own = next(check.status for check in checks if check.primary)
    return next((status for status in ("fail", "warn") if status in statuses), own)


@dataclass(frozen=True)
class Drawn:
    """How many columns of one kind were called what, by our limits and by fixed ones."""

    statuses: Counter[str]
    fixed: Counter[str]


def columns(before: Draw, after: Draw, n: int, m: int, repeats: int, seed: int) -> Drawn:
    """Draw a reference and a window so many times; fixed limits are PSI above .1 and .2."""
    rng = np.random.default_rng(seed)
    statuses: Counter[str] = Counter()
    fixed: Counter[str] = Counter()
    for _ in range(repeats):
        checks = judge(before(rng, m), after(rng, n))
        statuses[status_of(checks)] += 1
        psi = next(check.score or 0.0 for check in checks if check.check == "psi")
        fixed["fail" if psi > 0.2 else "warn" if psi > 0.1 else "ok"] += 1
    return Drawn(statuses, fixed)


@dataclass(frozen=True)
class Years:
    """How many simulated years there were, and in how many a critical alert was raised.

    `fixed` is the same by a fixed tolerance on the metric, two windows in a row.
    """

    years: int
    alerted: int
    fixed: int
    windows: Counter[str]


def scored_rows(rng: np.random.Generator, n: int, base_rate: float, auc: float) -> tuple[Any, Any]:
    """Labels and calibrated scores of a model with that AUC: two normals of one spread."""
    gap = float(np.sqrt(2) * ndtri(auc))
    y = rng.random(n) < base_rate
    x = rng.normal(gap * y, 1)
    odds = np.exp(gap * x - gap * gap / 2) * base_rate / (1 - base_rate)
    return y.astype(np.float64), odds / (1 + odds)


def performance_check(
    rng: np.random.Generator, n: int, rate: float, auc: float, held: Any
) -> Check:
    """The check of the metric that decides, of a window against held-out rows."""
    truth, score = scored_rows(rng, n, rate, auc)
    checks = performance_checks(
        compute_performance(SIGNATURE, {"score": score}, truth),
        held.metrics,
        METRICS,
        MinimumRows(MonitorConfig().min_labelled, 0.5),
        held.rows,
        reference_errors={key: error.error for key, error in held.errors.items()},
    )
    return next(check for check in checks if check.primary)


def years(base_rate: float, auc: float, labels: int, held_out: int, count: int, seed: int) -> Years:
    """Weekly windows of an unchanged model, by the default rule on performance."""
    rng = np.random.default_rng(seed)
    rule = DEFAULT_RULES[0]
    condition = Condition(rule.condition, rule.threshold, rule.clear_threshold)
    alerted = fixed = 0
    statuses: Counter[str] = Counter()
    for _ in range(count):
        truth, score = scored_rows(rng, held_out, base_rate, auc)
        held = compute_performance(SIGNATURE, {"score": score}, truth)
        checks = [performance_check(rng, labels, base_rate, auc, held) for _ in range(52)]
        statuses += Counter(check.status for check in checks)
        results = [CheckResult(window_id="w", revision=1, **vars(check)) for check in checks]
        verdicts = [verdict_of(result, condition) for result in results]
        alerted += fires(verdicts, rule.for_windows)
        below = [
            check.score is not None
            and check.threshold is not None
            and check.score < check.threshold
            for check in checks
        ]
        fixed += fires(["breach" if is_below else "clear" for is_below in below], rule.for_windows)
    return Years(count, alerted, fixed, statuses)


def slow_declines(
    auc: float, fall: float, labels: int, held_out: int, windows: int, repeats: int, seed: int
) -> tuple[float, float, float]:
    """How often a fall is found: in one window, in the last of so many together, in any of them.

    Found is a check of the metric that decides with the status warn or fail. Half of the rows are
    positive.
    """
    rng = np.random.default_rng(seed)
    single: list[bool] = []
    last, by_any = [], []
    for _ in range(repeats):
        truth, score = scored_rows(rng, held_out, 0.5, auc)
        held = compute_performance(SIGNATURE, {"score": score}, truth)
        earlier: list[MeasuredWindow] = []
        together: list[bool] = []
        for _ in range(windows):
            check = performance_check(rng, labels, 0.5, auc - fall, held)
            recent = recent_checks([check], earlier, is_enough=True)
            single.append(check.status in (WARN, FAIL))
            together.append(any(result.status == WARN for result in recent))
            earlier.insert(0, measured_window(check))
        last.append(together[-1])
        by_any.append(any(together))
    return float(np.mean(single)), float(np.mean(last)), float(np.mean(by_any))


def fires(verdicts: list[Any], for_windows: int) -> bool:
    """Whether there were so many breaches in a row."""
    state = AlertState()
    for index, verdict in enumerate(verdicts):
        state = advance(state, verdict, index, for_windows, 1)
        if state.phase == "firing":
            return True
    return False


def falls(before: float, after: float, labels: int, held_out: int, count: int, seed: int) -> int:
    """How many of so many windows with a lower AUC are called worse; half of the rows positive."""
    rng = np.random.default_rng(seed)
    called = 0
    for _ in range(count):
        truth, score = scored_rows(rng, held_out, 0.5, before)
        held = compute_performance(SIGNATURE, {"score": score}, truth)
        called += performance_check(rng, labels, 0.5, after, held).status in ("warn", "fail")
    return called


def of_days(strength: float) -> Callable[[np.random.Generator, int, int], Any]:
    """Normal values of which this share of the variance is the day's own."""

    def draw(rng: np.random.Generator, days: int, rows: int) -> Any:
        own = np.repeat(rng.normal(size=days), rows) * np.sqrt(strength)
        return own + rng.normal(size=days * rows) * np.sqrt(1 - strength)

    return draw


def categories_of_days(rng: np.random.Generator, days: int, rows: int) -> Any:
    """Five categories whose shares are drawn for each day."""
    shares = rng.dirichlet(np.full(5, 5.0), size=days).cumsum(axis=1)
    above = rng.random((days * rows, 1)) > np.repeat(shares, rows, axis=0)
    return np.array(list("abcdef"))[above.sum(axis=1)]


def missing_of_days(rng: np.random.Generator, days: int, rows: int) -> Any:
    """Normal values, of which a share drawn for each day is missing: a tenth on average."""
    share = np.repeat(rng.beta(1, 9, size=days), rows)
    return np.where(rng.random(days * rows) < share, np.nan, rng.normal(size=days * rows))


DEPENDENT: Mapping[str, Callable[[np.random.Generator, int, int], Any]] = {
    "independent": of_days(0.0),
    "2 % of the variance is the day's": of_days(0.02),
    "30 % of the variance is the day's": of_days(0.3),
    "one value a day": of_days(1.0),
    "categories": categories_of_days,
    "missing": missing_of_days,
}


def weeks(name: str, days: int, repeats: int, seed: int, shift: float = 0.0) -> Counter[str]:
    """What weeks of 500 rows a day are called, against a reference of 200 rows on each day.

    Numbers of a week are moved by `shift`.
    """
    rng = np.random.default_rng(seed)
    draw, called = DEPENDENT[name], Counter[str]()
    blocks = Blocks(DAY_MS, np.repeat(np.arange(days), 200))
    for _ in range(repeats):
        before, after = draw(rng, days, 200), draw(rng, 7, 500)
        pair = pair_of(before, after + shift if shift else after)
        reference: Any = with_dependence(pair.reference, pd.Series(before), blocks)
        scored = score_column(
            FEATURE_DRIFT,
            "x",
            replace(pair, reference=reference),
            MonitorConfig(),
            blocks=BlockRows(200.0, 500.0),
        )
        called[status_of(judge_together(scored, MonitorConfig().false_discovery_rate))] += 1
    return called
