"""How often a monitor calls an unchanged column changed, and a changed one so.

Columns of twelve shapes are drawn anew without a change, with references of 1,000 and 10,000 rows,
and with each of five changes at 5,000 rows; every one is judged as a window's column is. The
reference are fixed limits on PSI, .1 to warn and .2 to fail, on the same rows. Seeded.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.limit_simulation import CHANGES, SHAPES, columns

SIZES, REFERENCES = (200, 500, 1_000, 5_000, 20_000), (1_000, 10_000)
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
        "changed": _power(),
    }


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
