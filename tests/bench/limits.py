"""How often a monitor calls an unchanged column or model changed, and a changed one so.

Columns of twelve shapes are drawn anew without a change, with references of 1,000 and 10,000 rows,
and with each of five changes at 5,000 rows; every one is judged as a window's column is. Weeks of
rows that resemble each other on one day are judged against references of 12 and 60 days. The
reference are fixed limits on PSI, .1 to warn and .2 to fail, on the same rows. Years of weekly
windows of unchanged models are judged by the default alert rule, and windows in which the AUC has
fallen by .01 or .011, one by one and eight together. Seeded.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.flights_resampled import year
from harness.limit_simulation import (
    CHANGES,
    DEPENDENT,
    SHAPES,
    columns,
    falls,
    slow_declines,
    weeks,
    years,
)

SIZES, REFERENCES = (200, 500, 1_000, 5_000, 20_000), (1_000, 10_000)
YEARS, FALLEN, FLIGHT_YEARS = 12, 60, 20
MODELS = (
    *((0.2, 0.68, 200, 10_000), (0.2, 0.68, 500, 1_000), (0.05, 0.68, 500, 10_000)),
    *((0.05, 0.89, 500, 1_000), (0.01, 0.67, 1_000, 10_000), (0.01, 0.9, 2_000, 10_000)),
    *((0.5, 0.6, 100, 1_000), (0.1, 0.8, 2_000, 10_000), (0.5, 0.9, 5_000, 1_000)),
)
REPEATS, LARGE_REPEATS, CHANGED = 25, 8, 50


def measure() -> dict[str, Any]:
    """False alarms in percent, lower is better: all shapes together, and the worst of them."""
    statuses: Counter[str] = Counter()
    fixed: Counter[str] = Counter()
    by_shape: dict[str, str] = {}
    for seed, (name, draw) in enumerate(SHAPES.items()):
        of_shape: Counter[str] = Counter()
        for n in SIZES:
            for m in REFERENCES:
                repeats = LARGE_REPEATS if n > 5_000 else REPEATS
                drawn = columns(draw, draw, n, m, repeats, seed)
                of_shape, fixed = of_shape + drawn.statuses, fixed + drawn.fixed
        statuses += of_shape
        by_shape[name] = _rates(of_shape)

    ours, reference = _breaches(statuses), _breaches(fixed)
    return {
        "work": "limits",
        "ours": round(ours, 2),
        "reference": round(reference, 2),
        "ratio": round(reference / max(ours, 0.01), 1),
        "unit": "% of unchanged columns that warn or fail, lower is better",
        "reference_is": "fixed limits on PSI, .1 and .2",
        "columns": statuses.total(),
        "fail": f"{100 * statuses['fail'] / statuses.total():.2f} %",
        "unchanged": by_shape,
        "dependent": _dependent(),
        "flights": _flights(),
        "changed": _power(),
        "models": _years(),
        "fallen": _falls(),
        "slow declines": _slow_declines(),
    }


def _dependent() -> dict[str, str]:
    """What unchanged weeks are called whose rows of one day resemble each other."""
    return {
        f"{name}, {days} days": _rates(weeks(name, days, repeats=100, seed=days))
        for name in DEPENDENT
        for days in (12, 60)
    }


def _flights() -> str:
    """In how many years the flights of 2013, drawn anew without a change, wake anybody."""
    made = [year(seed) for seed in range(FLIGHT_YEARS)]
    windows = Counter[str]()
    for drawn in made:
        windows.update(drawn.statuses)
    return (
        f"{sum(bool(drawn.fired) for drawn in made)} of {len(made)} years; windows {dict(windows)}"
    )


def _years() -> dict[str, str]:
    """In how many simulated years an unchanged model raised a critical alert."""
    rows = {}
    for seed, (base_rate, auc, labels, held_out) in enumerate(MODELS):
        drawn = years(base_rate, auc, labels, held_out, YEARS, seed)
        name = f"base rate {base_rate:.0%}, AUC {auc}, {labels:,} labels, {held_out:,} held out"
        alerts = f"{drawn.alerted} of {YEARS} years (fixed tolerance: {drawn.fixed})"
        rows[name] = f"{alerts}; windows {_rates(drawn.windows)}"
    return rows


def _falls() -> dict[str, str]:
    """In how many windows of 5,000 labels a fall is called one."""
    rows = {}
    for before, after in ((0.971, 0.96), (0.971, 0.961), (0.95, 0.94), (0.9, 0.89)):
        share = falls(before, after, 5_000, 10_000, FALLEN, 1) / FALLEN
        rows[f"{before} to {after}"] = f"{share:.0%}"
    return rows


def _slow_declines() -> dict[str, str]:
    """How often a fall of .01 is found in a window, in eight together, and within eight weeks."""
    rows = {}
    for auc, fall in ((0.95, 0.01), (0.9, 0.01), (0.9, 0.0)):
        shares = slow_declines(auc, fall, 5_000, 10_000, 8, FALLEN, 1)
        rows[f"{auc} less {fall}"] = " / ".join(f"{share:.1%}" for share in shares)
    return rows


def _breaches(statuses: Counter[str]) -> float:
    return 100 * (statuses["warn"] + statuses["fail"]) / statuses.total()


def _rates(statuses: Counter[str]) -> str:
    names = ("warn", "fail", "insufficient")
    return ", ".join(f"{name} {100 * statuses[name] / statuses.total():.1f} %" for name in names)


def _power() -> dict[str, str]:
    """How many of the changed columns are called so in windows of 5,000 rows."""
    rows = {}
    for name, (before, after) in CHANGES.items():
        drawn = columns(before, after, 5_000, 10_000, CHANGED, 7)
        rows[name] = f"{_breaches(drawn.statuses):.0f} % (fixed: {_breaches(drawn.fixed):.0f} %)"
    return rows
