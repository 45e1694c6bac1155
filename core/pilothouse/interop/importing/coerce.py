"""Values that other programs wrote, as text, integers, numbers and instants that can be stored."""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pilothouse.kit.clock import EPOCH

INT64 = 1 << 63
MAX_EXACT = 1 << 53  # whole numbers below it are exact as floats
NAMESPACE = uuid.UUID("6f0a3c52-6c1e-5d0b-9a55-0d3f5a1f7b10")  # of ids that are derived here
EARLIEST_US = (datetime(1, 1, 2, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
LATEST_US = (datetime(9999, 12, 31, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
# What SQL stores write for an infinity.
MAX_FLOAT = 1.7976931348623157e308
MAX_EXCERPT_LENGTH = 120
RUN_ID = re.compile(r"[0-9a-f]{32}")
MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def text(value: Any) -> str:
    """A text that a database can store; a number as its digits, anything else as the empty text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    try:
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    except ValueError:  # a whole number of more digits than Python writes
        return ""


def integer(value: Any) -> int | None:
    """An integer of 64 bits, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        value_int = int(value)
    except (ValueError, OverflowError):
        return None
    return value_int if -INT64 <= value_int < INT64 else None


def number(value: Any) -> float | None:
    """A float, which may be NaN or infinite, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return math.copysign(math.inf, number) if abs(number) == MAX_FLOAT else number


def micros(ms: Any) -> int | None:
    """Milliseconds since the epoch as microseconds; None outside the years 1 to 9999."""
    number = integer(ms)
    if number is None or not EARLIEST_US <= number * 1000 <= LATEST_US:
        return None
    return number * 1000


def instant(ms: Any) -> datetime | None:
    """The instant of milliseconds since the epoch, or None."""
    return instant_of_micros(micros(ms))


def instant_of_micros(us: int | None) -> datetime | None:
    """The instant of microseconds since the epoch, which lie in the years 1 to 9999; or None."""
    return None if us is None else EPOCH + timedelta(microseconds=us)


def number_text(value: float) -> str:
    """A number as it was given to a format that has only floats: 32 was written as 32.0."""
    if math.isfinite(value) and value.is_integer() and abs(value) < MAX_EXACT:
        return str(int(value))
    return repr(value)


def value_text(value: Any) -> str:
    """A value of a configuration as text: a number without a needless fraction, a list as it is."""
    if isinstance(value, float):
        return number_text(value)
    if value is None or isinstance(value, bool | list | dict):
        return "None" if value is None else text(str(value))
    return text(value)


def filled_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Those of the values that say something, as texts."""
    return text_mapping({key: value for key, value in values.items() if value not in ("", None)})


def derived_id(*parts: object) -> str:
    """The id of a run that its tracker gives none of 32 digits: equal parts give an equal one."""
    return uuid.uuid5(NAMESPACE, "\n".join(map(str, parts))).hex


def text_mapping(value: Any) -> dict[str, str]:
    """A mapping of texts; empty for anything that is not a mapping."""
    if not isinstance(value, dict):
        return {}
    return {text(key): text(item) for key, item in value.items()}


def excerpt(value: Any, most: int = MAX_EXCERPT_LENGTH) -> str:
    """An untrusted text as one short line that is safe to print on a terminal and a page."""
    cut = text(value)[: most + 1]
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def fingerprint(*parts: Any) -> str:
    """A digest of values: equal values give an equal digest."""
    payload = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(payload.encode("utf-8", "surrogatepass")).hexdigest()
