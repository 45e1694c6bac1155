"""Factors that say that a column is in another unit: powers of ten, inches, hours, Fahrenheit.

One is named only where nearly all rows that differ agree on it. Pure functions on arrays.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pilothouse.monitoring.distances import Floats

MIN_ROWS = 5
AGREE = 0.9  # of the rows that differ
SPREAD, NEAR, NEAR_MEDIAN = 1e-3, 5e-3, 0.05
UNITS: Mapping[float, str] = {
    2.54: "inches and centimetres",
    0.3048: "feet and metres",
    1.609344: "miles and kilometres",
    0.45359237: "pounds and kilograms",
    28.349523125: "ounces and grams",
    3.785411784: "gallons and litres",
    60.0: "minutes and seconds, or hours and minutes",
    3600.0: "hours and seconds",
    24.0: "days and hours",
    7.0: "weeks and days",
}
MAX_POWER = 9
QUARTER_HOUR, MAX_ZONE = 900.0, 14 * 3600.0


def unit_change(served: Floats, expected: Floats, differ: npt.NDArray[np.bool_]) -> str:
    """The factor between two columns where they differ, in words; empty without one."""
    usable = differ & np.isfinite(served) & np.isfinite(expected)
    if usable.sum() < MIN_ROWS or usable.sum() < AGREE * differ.sum():
        return ""
    a, b = served[usable], expected[usable]
    if len(np.unique(b)) < 2:
        return ""  # one value: any number is some multiple of it
    if _agree(a, 1.8 * b + 32.0):
        return "degrees Fahrenheit for Celsius?"
    if _agree(1.8 * a + 32.0, b):
        return "degrees Celsius for Fahrenheit?"
    both = (a != 0) & (b != 0)
    if both.sum() < MIN_ROWS or both.sum() < AGREE * len(a):
        return ""
    with np.errstate(all="ignore"):  # of values so small or large that a ratio has no number
        ratios = a[both] / b[both]
        factor = float(np.median(ratios))
        is_constant = np.mean(np.abs(ratios / factor - 1.0) < SPREAD) >= AGREE
    return factor_text(factor, NEAR) if is_constant else ""


def factor_text(factor: float, near: float) -> str:
    """A factor that is near a power of ten or that of two units, in words; else empty."""
    if factor == -1.0 or abs(factor + 1.0) < near:
        return "with the other sign?"
    if factor <= 0 or not np.isfinite(factor):
        return ""
    power = round(float(np.log10(factor)))
    if power and abs(power) <= MAX_POWER and abs(factor / 10.0**power - 1.0) < near:
        return f"x{10.0**power:g}?"
    for unit, names in UNITS.items():
        if abs(factor / unit - 1.0) < near:
            return f"x{unit:g}? ({names})"
        if abs(factor * unit - 1.0) < near:
            return f"x{1 / unit:.4g}? ({names})"
    return ""


def unit_of_quantiles(served: Floats, expected: Floats) -> str:
    """The factor between two distributions, by their medians and the widths of their middles."""
    if len(served) < MIN_ROWS or len(expected) < MIN_ROWS:
        return ""
    low, middle, high = np.quantile(served, [0.25, 0.5, 0.75])
    low_b, middle_b, high_b = np.quantile(expected, [0.25, 0.5, 0.75])
    if middle_b == 0 or high_b == low_b:
        return ""
    with np.errstate(all="ignore"):
        factors = float(middle / middle_b), float((high - low) / (high_b - low_b))
    by_median = factor_text(factors[0], NEAR_MEDIAN)
    by_width = factor_text(factors[1], 2 * NEAR_MEDIAN)
    return by_median if by_median == by_width else ""


def time_change(differences: Floats, differ: npt.NDArray[np.bool_]) -> str:
    """A difference of times in seconds that is one zone's offset in nearly all rows, in words."""
    values = differences[differ & np.isfinite(differences)]
    if len(values) < MIN_ROWS or len(values) < AGREE * differ.sum():
        return ""
    offset = float(np.median(values))
    is_offset = offset % QUARTER_HOUR == 0 and 0 < abs(offset) <= MAX_ZONE
    if not is_offset or np.mean(values == offset) < AGREE:
        return ""
    return f"{offset / 3600:+g} h: another time zone?"


def _agree(a: Floats, b: Floats) -> bool:
    """Whether nearly all values are equal."""
    return bool(np.mean(np.isclose(a, b, rtol=SPREAD, atol=SPREAD)) >= AGREE)
