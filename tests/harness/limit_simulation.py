"""Windows drawn with and without a change, judged as the monitor judges them: what is called so.

Seeded, so that counts are the same on every machine. `tests/bench/limits.py` prints the long form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pilothouse.monitoring.checks import DATA_QUALITY, FEATURE_DRIFT, Check
from pilothouse.monitoring.column_checks import judge_together, score_column
from pilothouse.monitoring.drift import CategoryPair, NumberPair, Pair
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.profiles import (
    category_reference,
    category_window,
    number_reference,
    number_window,
)

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
