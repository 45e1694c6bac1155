"""Columns of a window ranked by harm: how much of a column changed, times what it is worth.

Pure: the window's results, its stored profile and the importance of columns in, a frame out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    ERROR,
    FAIL,
    FEATURE_DRIFT,
    NO_REFERENCE,
    WARN,
    WORSE,
)

if TYPE_CHECKING:
    import pandas as pd

RANKING = (
    "rank",
    "column",
    "status",
    "check",
    "method",
    "score",
    "threshold",
    "noise",
    "changed_share",
    "importance",
    "harm",
    "message",
)
BREACHED = (WARN, FAIL, ERROR)


def rank_columns(
    results: pd.DataFrame, profile: Mapping[str, Any], importance: Mapping[str, float]
) -> pd.DataFrame:
    """Features with a breach first, by harm, then by changed share; the rest by importance.

    `results` are a window's results, `profile` are the stored profiles of its columns by
    "signal/column". `check` is the worst of a column's deciding checks: the drift test that decides
    or, where that is worse, a check of the data's quality. `harm` is missing where the importance
    is not known.
    """
    ranked = deciding_checks(results, ("column",))

    ranked["changed_share"] = [
        _changed_share(profile.get(f"{FEATURE_DRIFT}/{column}"), str(status), str(message))
        for column, status, message in zip(
            ranked["column"], ranked["status"], ranked["message"], strict=True
        )
    ]
    ranked["importance"] = ranked["column"].map(importance).astype("float64")
    breached = ranked["status"].isin(BREACHED)
    # Shuffling a useless column can help by chance; a negative importance is none.
    cost = ranked["changed_share"] * ranked["importance"].clip(lower=0)
    ranked["harm"] = cost.where(breached | ranked["importance"].isna(), 0.0).astype("float64")

    return _in_order(ranked, breached)


def deciding_checks(results: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The worst deciding check of each column: results with one row for each value of `by`.

    Of several breaches the worst one leads, and without any the drift test.
    """
    chosen = results[_decides(results)].copy()
    chosen["order"] = [WORSE.index(s) if s in BREACHED else 0 for s in chosen["status"]]
    chosen["is_drift"] = chosen["signal"] == FEATURE_DRIFT
    worst = chosen.sort_values(["order", "is_drift"], ascending=False, kind="stable")
    return worst.drop_duplicates(list(by)).copy()


def _decides(results: pd.DataFrame) -> pd.Series[bool]:
    """Which results decide on a column: its primary drift test, and its data's quality."""
    drift = (results["signal"] == FEATURE_DRIFT) & results["primary"]
    quality = (results["signal"] == DATA_QUALITY) & (results["column"] != "")
    decides: pd.Series[bool] = drift | quality
    return decides


def _in_order(ranked: pd.DataFrame, breached: pd.Series[bool]) -> pd.DataFrame:
    """The columns in the order in which a person looks at them, with their rank."""
    keys = ranked.assign(
        later=~breached,
        by_harm=-ranked["harm"].fillna(0.0).where(breached, 0.0),
        by_share=-ranked["changed_share"].fillna(0.0).where(breached, 0.0),
        by_importance=-ranked["importance"].fillna(0.0).clip(lower=0),
    )
    order = keys.sort_values(
        ["later", "by_harm", "by_share", "by_importance", "column"], kind="stable"
    )
    rows = ranked.loc[order.index]
    rows.insert(0, "rank", range(1, len(rows) + 1))
    return rows[list(RANKING)].reset_index(drop=True)


def _changed_share(profile: Mapping[str, Any] | None, status: str, message: str) -> float:
    """The changed share of a column; that of one that cannot be read is all of it.

    A column that cannot be read in the reference either has not changed as far as one can say.
    """
    if profile is not None:
        return changed_share(profile)
    return 1.0 if status == ERROR and not message.startswith(NO_REFERENCE) else math.nan


def changed_share(profile: Mapping[str, Any]) -> float:
    """The share of rows that would have to move for the window to be like the reference, 0 to 1.

    It is the total variation distance between both distributions, in which "missing" is one more
    value. Missing (NaN) when either side has no rows.
    """
    before, after = (_cells(profile, side) for side in ("reference", "current"))
    whole = sum(before), sum(after)
    if not whole[0] or not whole[1]:
        return math.nan
    moved = (abs(b / whole[0] - a / whole[1]) for b, a in zip(before, after, strict=True))
    return sum(moved) / 2


def _cells(profile: Mapping[str, Any], side: str) -> list[float]:
    """The rows of a side in each cell, those without a value and unreadable ones last.

    A date moves on with the calendar: its cells are the dates that are far out, and all others.
    A reference with too many categories keeps the most frequent ones: all others are one cell.
    """
    counts: list[float] = list(profile[side])
    missing, rows = profile["missing"][side]
    unreadable, far = (profile.get(name, 0) * (side == "current") for name in ("unreadable", "far"))
    if profile.get("kind") == "time":
        return [sum(counts) - far, far, missing, unreadable]
    reference_missing, reference_rows = profile["missing"]["reference"]
    if reference_rows > reference_missing + sum(profile["reference"]):
        named = [count for count, known_rows in zip(counts, profile["reference"], strict=True)
                 if known_rows]  # fmt: skip
        counts = [*named, rows - missing - sum(named)]
    return [*counts, missing, unreadable]
