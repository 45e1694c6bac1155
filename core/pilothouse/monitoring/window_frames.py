"""Windows of a deployment as frames, and the trend of a check over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.monitoring import window_store
from pilothouse.monitoring.checks import (
    ESTIMATED_PERFORMANCE,
    OF_GROUPS,
    PERFORMANCE,
    PRIMARY,
    RECENT_PERFORMANCE,
    SIGNALS,
)
from pilothouse.monitoring.frames import as_frame
from pilothouse.monitoring.tables import CheckResult, Window, of_newest_revision
from pilothouse.monitoring.window_selection import ALL, WindowSelection, restricted

if TYPE_CHECKING:
    import pandas as pd

WINDOWS = (
    "id",
    "deployment",
    "start",
    "end",
    "model",
    "version",
    "rows",
    "labelled",
    "coverage",
    "status",
    "drift_status",
    "performance_status",
    "columns",
    "drifted",
    "drifted_share",
    "metric",
    "value",
    "metrics",
    "label_summary",
    "output_summary",
    "revision",
    "evaluated_at",
    "zone",
)
TREND = (
    "window",
    "start",
    "end",
    "model",
    "version",
    "signal",
    "check",
    "column",
    "score",
    "warn",
    "threshold",
    "reference",
    "direction",
    "status",
    "n_current",
    "noise",
    "standard_error",
    "zone",
)
# The titles of what windows from before summaries have in columns of their own.
OLD_LABELS, OLD_OUTPUT = "Share of positives", "Mean score"


def windows(
    session: Session, deployment: str | None, selection: WindowSelection = ALL
) -> pd.DataFrame:
    """Windows, oldest first; columns as in `WINDOWS`.

    `metric` is the key of the metric that decides and `value` its value; `metrics` has all of them.
    The summaries are what labels and answers were like, as numbers by title.
    """
    query = restricted(select(Window), session, deployment, selection)
    query = query.order_by(col(Window.start), col(Window.rows).desc())
    deciding = restricted(_primary_metrics(), session, deployment, selection)
    primary = dict(session.exec(deciding).all())
    rows = [_window_row(window, primary.get(window.id, "")) for window in session.exec(query)]
    return as_frame(rows, WINDOWS)


def window_row(session: Session, window_id: str) -> Mapping[str, Any]:
    """One window by the same names. Raises NotFound."""
    window = window_store.require(session, window_id)
    primary = dict(session.exec(_primary_metrics().where(Window.id == window_id)).all())
    return dict(zip(WINDOWS, _window_row(window, primary.get(window_id, "")), strict=True))


def _primary_metrics() -> Any:
    """The query of the metric that decided on each window, by the window's id."""
    return (
        select(CheckResult.window_id, CheckResult.check)
        .join(Window, of_newest_revision())
        .where(CheckResult.signal == PERFORMANCE, CheckResult.primary)
    )


def _window_row(window: Window, metric: str) -> tuple[Any, ...]:
    derived = {
        "coverage": window.labelled / window.rows if window.rows else None,
        "drifted_share": window.drifted / window.columns
        if window.columns and window.rows
        else None,
        "metric": metric,
        "value": window.figures.get(metric),
        "metrics": window.figures,
        "label_summary": _label_summary(window),
        "output_summary": _output_summary(window),
    }
    return tuple(derived[n] if n in derived else getattr(window, n) for n in WINDOWS)


def _label_summary(window: Window) -> Mapping[str, float]:
    """What the labels were like; of a window from before summaries, from its own count."""
    if window.label_summary is not None:
        return window.label_summary
    if window.positives is None or not window.labelled:
        return {}
    return {OLD_LABELS: window.positives / window.labelled}


def _output_summary(window: Window) -> Mapping[str, float]:
    if window.output_summary is not None:
        return window.output_summary
    return {} if window.mean_score is None else {OLD_OUTPUT: window.mean_score}


def trend(
    session: Session,
    deployment: str,
    check: str,
    column: str | None,
    signal: str | None,
    selection: WindowSelection = ALL,
) -> pd.DataFrame:
    """One check's scores over a deployment's windows, oldest first; columns as in `TREND`.

    The check "primary" is the metric that decided on each window. Estimated metrics and those of
    recent windows or segments have the names of observed ones, and come only where `signal` asks
    for them.
    """
    window_columns = {"window": "id"} | {n: n for n in ("start", "end", "model", "version", "zone")}
    chosen = [
        getattr(Window, window_columns[name])
        if name in window_columns
        else getattr(CheckResult, name)
        for name in TREND
    ]
    query = (
        select(*chosen)
        .select_from(CheckResult)
        .join(Window, of_newest_revision())
        .order_by(col(Window.start), col(CheckResult.column))
    )
    query = restricted(query, session, deployment, selection)
    if check == PRIMARY:
        query = query.where(CheckResult.primary, CheckResult.signal == (signal or PERFORMANCE))
    else:
        query = query.where(CheckResult.check == check)
    if column is not None:
        query = query.where(CheckResult.column == column)
    if signal is None:  # PERF: signals that are named are found by the index
        others = (ESTIMATED_PERFORMANCE, RECENT_PERFORMANCE, *OF_GROUPS)
        signals = [name for name in SIGNALS if name not in others]
        query = query.where(col(CheckResult.signal).in_(signals))
    else:
        query = query.where(CheckResult.signal == signal)

    return as_frame(session.execute(query).all(), TREND)
