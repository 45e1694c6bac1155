"""Segments and fairness: groups of rows of one window, and over all windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pilothouse.monitoring.check_titles import check_title
from pilothouse.monitoring.checks import FAIRNESS, SEGMENTS
from pilothouse_app.charts.drift import drift_heatmap
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import count, is_missing, number
from pilothouse_app.components.header import section
from pilothouse_app.components.records import records
from pilothouse_app.components.table import status_column, table, text_column
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilothouse.monitoring.window_selection import WindowSelection

MAX_ROWS = 24
NOTES = {
    SEGMENTS: "the metric and the answers of parts of the rows, each against itself",
    FAIRNESS: "each group against all other rows, beside the same gap in the reference",
}
TITLES = {SEGMENTS: "Segments", FAIRNESS: "Fairness"}
WORST_FIRST = ("fail", "error", "warn", "ok", "insufficient")
COLUMNS = {
    "column": text_column("Rows", width=160),
    "check": text_column("Check", width=170),
    "status": status_column(width=104),
    "score": text_column("This window", width=112),
    "reference": text_column("Reference", width=84),
    "threshold": text_column("Limit", width=68),
    "noise": text_column("Chance", width=72, help="A breach is also beyond it"),
    "n_current": text_column("Rows here", width=80),
    "message": text_column("Note"),
}


def groups_view(results: pd.DataFrame) -> None:
    """The segments and the fairness of one window, the worst first."""
    chosen = {signal: results[results["signal"] == signal] for signal in TITLES}
    if all(frame.empty for frame in chosen.values()):
        _no_groups()
        return
    for signal, frame in chosen.items():
        if frame.empty:
            continue
        section(TITLES[signal], NOTES[signal])
        order = frame["status"].map(WORST_FIRST.index).sort_values(kind="stable").index
        rows = [_row(row) for row in records(frame.loc[order])]
        table(pd.DataFrame(rows), COLUMNS, key=f"window_{signal}", alt=TITLES[signal])


def groups_over_time(deployment: str, window: str, selection: WindowSelection) -> None:
    """How far segments and gaps are beyond their limits, by window.

    Which checks there are is read from the newest `window`.
    """
    monitoring = workspace().monitoring
    results = monitoring.results(window)
    drawn = False
    for signal, heading in TITLES.items():
        of_signal = results[(results["signal"] == signal) & results["threshold"].notna()]
        for check in of_signal["check"].unique():
            section(f"{heading}: {check_title(check)}", "over the limit, by window")
            trend = monitoring.trend(deployment, check, signal=signal, selection=selection)
            _heatmap(trend, signal, check)
            drawn = True
    if not drawn:
        _no_groups()


def _heatmap(trend: pd.DataFrame, signal: str, check: str) -> None:
    order = [str(column) for column in trend["column"].unique()][:MAX_ROWS]
    figure(
        drift_heatmap(_distances(trend), dark=dark(), order=order, titles=order),
        key=f"groups_{signal}_{check}",
        height=80 + 19 * len(order),
        alt=f"{TITLES[signal]}, {check_title(check)}: how far beyond the limit, by window",
    )


def _distances(trend: pd.DataFrame) -> pd.DataFrame:
    """Scores, limits and chance as distances from the reference, on the bad side of it."""
    names = ("reference", "score", "threshold", "noise")
    values = {name: pd.to_numeric(trend[name]) for name in names}
    base = values["reference"].fillna(0.0)
    sign = (values["threshold"] - base).map(lambda gap: -1 if gap < 0 else 1)
    moved = {name: sign * (values[name] - base) for name in names[1:]}
    moved["score"] = moved["score"].clip(lower=0)
    return trend.assign(**moved)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    error = row["standard_error"]
    score = number(row["score"]) + ("" if is_missing(error) else f" ± {error:.2g}")
    return {
        **{name: number(row[name]) for name in ("reference", "threshold", "noise")},
        "score": score,
        "column": row["column"],
        "check": check_title(str(row["check"])),
        "status": row["status"],
        "n_current": count(row["n_current"]),
        "message": row["message"],
    }


def _no_groups() -> None:
    empty(
        "No segments and no groups are declared",
        "Choose inputs in the settings of the monitor: windows that are evaluated from then on are "
        "judged by segment, or compared between groups.",
        icon=":material/groups:",
        key="no_groups",
    )
