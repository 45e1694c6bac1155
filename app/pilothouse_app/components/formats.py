"""How numbers, times, sizes and names are written, in one place."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pandas as pd

DASH = "–"  # noqa: RUF001
TITLES = {
    "id": "Id",
    "p50_ms": "p50 (ms)",
    "p95_ms": "p95 (ms)",
    "p99_ms": "p99 (ms)",
}


def is_missing(value: object) -> bool:
    """Whether there is nothing to write."""
    return value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def title(name: str) -> str:
    """A raw key as a title: `max_leaf_nodes` becomes `Max leaf nodes`."""
    if name in TITLES:
        return TITLES[name]
    return sentence(name.replace("__", " ").replace("_", " ").strip())


def sentence(text: str) -> str:
    """The text as a sentence begins: with a capital, and the rest as it is."""
    return text[:1].upper() + text[1:]


def number(value: float | None, digits: int = 3) -> str:
    """A number to fixed decimals, or a dash."""
    return DASH if value is None or is_missing(value) else f"{value:,.{digits}f}"


def count(value: float | None) -> str:
    """A whole number with thousands separated, or a dash."""
    return DASH if value is None or is_missing(value) else f"{int(value):,}"


def compact(value: float | None) -> str:
    """A large count in at most four characters: 1.2k, 34k, 5.6M."""
    if value is None or is_missing(value):
        return DASH
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if suffix == "k" else limit)
            return f"{scaled:.0f}{suffix}" if scaled >= 100 else f"{scaled:.1f}{suffix}"
    return f"{int(value):,}"


def plural(value: int, noun: str, nouns: str = "") -> str:
    """A count with its noun: `1 run`, `12 runs`."""
    return f"{count(value)} {noun if value == 1 else nouns or noun + 's'}"


def share(value: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 as a percentage, or a dash."""
    return DASH if value is None or is_missing(value) else f"{value * 100:.{digits}f} %"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; zero has none."""
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else f"{0:.{digits}f}"  # noqa: RUF001


def parameter(value: object) -> str:
    """A hyperparameter as it was logged, every digit of it."""
    return DASH if is_missing(value) or value == "" else str(value)


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units: `840 ms`, `42 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds is None or is_missing(seconds):
        return DASH
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long ago an instant was, in one unit."""
    if at is None or is_missing(at):
        return DASH
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    if seconds < 0:
        return "just now" if seconds > -60 else f"in {_span(-seconds)}"
    return "just now" if seconds < 10 else f"{_span(seconds)} ago"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def when(at: datetime | None) -> str:
    """An instant to the minute, in UTC."""
    if at is None or is_missing(at):
        return DASH
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def day(at: datetime | None) -> str:
    """The day of an instant."""
    return DASH if at is None or is_missing(at) else f"{at.day} {at:%b %Y}"


def size(count_bytes: float | None) -> str:
    """A file size: `840 B`, `3.4 kB`, `12.0 MB`."""
    if count_bytes is None or is_missing(count_bytes):
        return DASH
    value = float(count_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return DASH
