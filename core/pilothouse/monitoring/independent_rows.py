"""A pair of profiles with as many rows as its own are worth, for what chance gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pilothouse.monitoring.distances import Counts, Floats
from pilothouse.monitoring.drift import CategoryPair, NumberPair, Pair, TimePair


def thinned(pair: Pair, effects: tuple[float, float]) -> Pair:
    """The pair with rows divided by the design effects of the reference and of the window.

    Shares and quantiles stay; the pair itself is returned when both effects are 1.
    """
    if max(effects) <= 1:
        return pair
    if isinstance(pair, NumberPair):
        return _numbers(pair, *effects)
    if isinstance(pair, CategoryPair):
        return _names(pair, *effects)
    return _times(pair, *effects)


def _numbers(pair: NumberPair, before: float, after: float) -> NumberPair:
    reference, window = pair.reference, pair.window
    of_reference = reference.infinite or 0
    present, missing, infinite = _thin(
        before, reference.present, reference.missing - of_reference, of_reference
    )
    of_values = _effect_of_values(before, reference.present)
    thin_reference = replace(
        reference,
        rows=present + missing + infinite,
        missing=missing + infinite,
        infinite=None if reference.infinite is None else infinite,
        values=thin_values(reference.values, of_values),
        bin_counts=thin_counts(reference.bin_counts, of_values),
        decile_counts=thin_counts(reference.decile_counts, of_values),
    )
    present, missing, infinite, unreadable = _thin(
        after, window.present, window.missing - window.infinite, window.infinite, window.unreadable
    )
    of_values = _effect_of_values(after, window.present)
    thin_window = replace(
        window,
        rows=present + missing + infinite + unreadable,
        missing=missing + infinite,
        infinite=infinite,
        unreadable=unreadable,
        bin_counts=thin_counts(window.bin_counts, of_values),
        decile_counts=thin_counts(window.decile_counts, of_values),
    )
    return NumberPair(thin_reference, thin_window, thin_values(pair.values, of_values))


def _names(pair: CategoryPair, before: float, after: float) -> CategoryPair:
    reference, window = pair.reference, pair.window
    present, missing = _thin(before, reference.present, reference.missing)
    counts = _thin_names(reference.counts, _effect_of_values(before, reference.present))
    thin_reference = replace(reference, rows=present + missing, missing=missing, counts=counts)
    present, missing = _thin(after, window.present, window.missing)
    counts = _thin_names(window.counts, _effect_of_values(after, window.present))
    thin_window = replace(window, rows=present + missing, missing=missing, counts=counts)
    return CategoryPair(thin_reference, thin_window)


def _times(pair: TimePair, before: float, after: float) -> TimePair:
    """Their bins are only drawn, so they stay as they are."""
    reference, window = pair.reference, pair.window
    present, missing = _thin(before, reference.present, reference.missing)
    thin_reference = replace(reference, rows=present + missing, missing=missing)
    inside, missing, far, unreadable = _thin(
        after, window.present - window.far, window.missing, window.far, window.unreadable
    )
    thin_window = replace(
        window,
        rows=inside + missing + far + unreadable,
        missing=missing,
        far=far,
        unreadable=unreadable,
    )
    return TimePair(thin_reference, thin_window)


def _effect_of_values(effect: float, present: int) -> float:
    """The effect, so far as it leaves one row with a value."""
    return min(effect, max(present, 1))


def _thin(effect: float, *counts: int) -> list[int]:
    """Rows of each kind, at least one of a kind that has any.

    Were none left, such as no missing one, chance would never give what was observed.
    """
    array = np.array(counts, dtype=np.int64)
    thin: list[int] = np.maximum(thin_counts(array, effect), np.minimum(array, 1)).tolist()
    return thin


def _thin_names(counts: Mapping[str, int], effect: float) -> dict[str, int]:
    thin = thin_counts(np.fromiter(counts.values(), dtype=np.int64, count=len(counts)), effect)
    return dict(zip(counts, thin.tolist(), strict=True))


def thin_counts(counts: Counts, effect: float) -> Counts:
    """Counts of about as many rows as these are worth, in the same proportions."""
    if effect <= 1 or not len(counts):
        return counts
    ends = np.rint(np.cumsum(counts) / effect).astype(np.int64)
    return np.asarray(ends - np.concatenate([[0], ends[:-1]]), dtype=np.int64)


def thin_values(values: Floats, effect: float) -> Floats:
    """Evenly spaced ones of sorted values, about as many as they are worth; at least one."""
    if effect <= 1 or len(values) < 2:
        return values
    count = max(round(len(values) / effect), 1)
    middles = (np.arange(count) + 0.5) * len(values) / count
    return values[middles.astype(np.int64)]
