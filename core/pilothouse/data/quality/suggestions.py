"""Quality checks that a version suggests: few, with room around what was seen, none that it fails.

What its contract says already (types, ranges, lists of values) is not suggested a second time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pilothouse.data.info import ColumnProfile, DatasetVersionInfo, Profile
from pilothouse.data.quality.quality_info import SuggestedCheck

FEWEST_ROWS = 20  # fewer say little of what is usual
MAX_MISSING = 8  # columns for which a share of missing values is suggested
MOST_MISSING = 0.5  # a column that is missing more often than that is missing anyhow
LEAST_CHANGE, MOST_CHANGE = -0.5, 1.0
ROOM = 0.05  # beyond the share that was seen
ID_WORDS = ("id", "key", "uuid", "guid", "code", "number", "nr", "no")
HOUR_MS = 3_600_000.0
MAX_AGE_HOURS = 30 * 24


def suggest(
    version: DatasetVersionInfo,
    profile: Profile,
    now: datetime,
    rows_before: int | None,
    interval_hours: float | None,
) -> list[SuggestedCheck]:
    """Checks that the version passes now; `interval_hours` is the usual time between versions."""
    if version.rows < FEWEST_ROWS:
        return []
    return [
        *_volume(version, rows_before),
        *_keys(profile),
        *_freshness(version, profile, now, interval_hours),
        *_missing(profile),
    ]


def _volume(version: DatasetVersionInfo, rows_before: int | None) -> Iterator[SuggestedCheck]:
    change = version.rows / rows_before - 1 if rows_before else 0.0
    if not LEAST_CHANGE <= change <= MOST_CHANGE:
        return
    yield SuggestedCheck(
        "row_count_change", {"low": LEAST_CHANGE, "high": MOST_CHANGE}, "warn",
        f"{version.ref} has {version.rows:,} rows; half of them or twice as many is unusual",
    )  # fmt: skip


def _keys(profile: Profile) -> Iterator[SuggestedCheck]:
    """The first column that looks like a key: every row has a value of its own."""
    candidates = [column for column in profile.columns if _is_key(column)]
    candidates.sort(key=lambda column: not _sounds_like_key(column.name))
    for column in candidates[:1]:
        yield SuggestedCheck(
            "unique_key", {"columns": [column.name], "share": 0.0}, "block",
            f"each of the {column.rows:,} rows has another {column.name}",
        )  # fmt: skip


def _is_key(column: ColumnProfile) -> bool:
    different = column.missing == 0 and column.distinct == column.rows
    return different and (
        column.type in ("string", "integer") if _sounds_like_key(column.name)
        else column.type == "string"
    )  # fmt: skip


def _sounds_like_key(name: str) -> bool:
    parts = "".join(c if c.isalnum() else " " for c in name).lower().split()
    return any(part in ID_WORDS for part in parts) or name.lower().endswith("id")


def _freshness(
    version: DatasetVersionInfo, profile: Profile, now: datetime, interval_hours: float | None
) -> Iterator[SuggestedCheck]:
    """The event time, when its newest value is recent and versions come often enough to judge."""
    newest = profile[version.event_time].high if version.event_time else None
    if newest is None or interval_hours is None:
        return
    age = (now.timestamp() * 1000 - newest) / HOUR_MS
    if not 0 <= age <= MAX_AGE_HOURS:  # plans, or history of which the newest row says nothing
        return
    hours = age + 2 * interval_hours + 1
    yield SuggestedCheck(
        "freshness", {"column": version.event_time, "hours": float(math.ceil(hours))}, "warn",
        f"the newest {version.event_time} is {age:,.1f} h old",
    )  # fmt: skip


def _missing(profile: Profile) -> Iterator[SuggestedCheck]:
    """Columns that miss a few values, which the contract allows without a limit."""
    columns = [c for c in profile.columns if 0 < c.missing_share <= MOST_MISSING]
    for column in sorted(columns, key=lambda c: -c.missing_share)[:MAX_MISSING]:
        share = _rounded_up(column.missing_share)
        settings: dict[str, Any] = {"column": column.name, "share": share}
        why = f"{column.missing_share:.2%} of {column.name} is missing"
        yield SuggestedCheck("missing_values", settings, "warn", why)


def _rounded_up(share: float) -> float:
    """A limit with room above the share, to a whole per cent."""
    return min(1.0, math.ceil((share * 1.5 + ROOM) * 100 - 1e-9) / 100)
