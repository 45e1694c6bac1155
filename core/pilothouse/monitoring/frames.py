"""Monitoring as frames: windows, results, trends, rankings, bins, alerts, rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring import window_store
from pilothouse.monitoring.checks import FEATURE_DRIFT, PREDICTION_DRIFT, SIGNALS
from pilothouse.monitoring.tables import (
    Alert,
    AlertEvent,
    AlertRule,
    CheckResult,
    Window,
)
from pilothouse.storage import Artifacts

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
    "base_rate",
    "mean_score",
    "status",
    "drift_status",
    "performance_status",
    "columns",
    "drifted",
    "drifted_share",
    "roc_auc",
    "accuracy",
    "log_loss",
    "brier",
    "calibration_error",
    "revision",
    "evaluated_at",
)
METRICS = ("roc_auc", "accuracy", "log_loss", "brier", "calibration_error")
RESULTS = (
    "signal",
    "check",
    "column",
    "method",
    "status",
    "direction",
    "score",
    "warn",
    "threshold",
    "reference",
    "n_reference",
    "n_current",
    "primary",
    "message",
)
TREND = (
    "window",
    "start",
    "end",
    "model",
    "version",
    "signal",
    "column",
    "score",
    "warn",
    "threshold",
    "reference",
    "direction",
    "status",
    "n_current",
)
RANKING = (
    "rank",
    "column",
    "check",
    "method",
    "score",
    "threshold",
    "status",
    "drift",
    "importance",
    "weight",
    "message",
)
BINS = (
    "bin",
    "label",
    "reference",
    "current",
    "reference_rows",
    "current_rows",
    "low",
    "high",
)
ALERTS = (
    "id",
    "deployment",
    "name",
    "severity",
    "action",
    "state",
    "message",
    "score",
    "limit",
    "breaches",
    "first_window",
    "last_window",
    "fired_window",
    "opened_at",
    "fired_at",
    "acknowledged_at",
    "acknowledged_by",
    "resolved_at",
    "resolved_by",
    "rule_id",
)
RULES = (
    "id",
    "deployment",
    "name",
    "signal",
    "check",
    "column",
    "condition",
    "threshold",
    "clear_threshold",
    "for_windows",
    "clear_windows",
    "severity",
    "action",
    "enabled",
    "created_at",
    "created_by",
)
EVENTS = ("at", "before", "after", "by", "window_id", "note")
MAX_BARS = 30
OTHERS = "others"
NUMBERS = (
    "score",
    "limit",
    "warn",
    "threshold",
    "clear_threshold",
    "reference",
    "mean_score",
    "base_rate",
    "drifted_share",
    "coverage",
    *METRICS,
)
INSTANTS = (
    "start",
    "end",
    "evaluated_at",
    "opened_at",
    "fired_at",
    "acknowledged_at",
    "resolved_at",
    "created_at",
    "at",
)


def windows(session: Session, deployment: str | None) -> pd.DataFrame:
    """Windows, oldest first; columns as in `WINDOWS`."""
    query = select(Window).where(col(Window.removed_at).is_(None))
    query = query.order_by(col(Window.start), col(Window.rows).desc())
    if deployment is not None:
        query = query.where(Window.deployment == deployment)
    return _frame([_window_row(window) for window in session.exec(query)], WINDOWS)


def window_row(session: Session, window_id: str) -> Mapping[str, Any]:
    """One window by the same names. Raises NotFound."""
    row = _window_row(window_store.require(session, window_id))
    return dict(zip(WINDOWS, row, strict=True))


def _window_row(window: Window) -> tuple[Any, ...]:
    derived = {
        "coverage": window.labelled / window.rows if window.rows else None,
        "base_rate": window.positives / window.labelled if window.labelled else None,
        "drifted_share": window.drifted / window.columns
        if window.columns and window.rows
        else None,
        **{name: window.figures.get(name) for name in METRICS},
    }
    return tuple(derived[n] if n in derived else getattr(window, n) for n in WINDOWS)


def results(session: Session, window_id: str) -> pd.DataFrame:
    """Every result of a window's newest revision, by signal; columns as in `RESULTS`."""
    window = window_store.require(session, window_id)
    rows = session.execute(
        select(*[getattr(CheckResult, name) for name in RESULTS])
        .where(CheckResult.window_id == window_id, CheckResult.revision == window.revision)
        .order_by(col(CheckResult.id))
    ).all()
    frame = _frame(rows, RESULTS)
    order = frame["signal"].map(SIGNALS.index)
    return frame.loc[order.sort_values(kind="stable").index].reset_index(drop=True)


def trend(
    session: Session, deployment: str, check: str, column: str | None, signal: str | None
) -> pd.DataFrame:
    """One check's scores over a deployment's windows, oldest first; columns as in `TREND`."""
    window_columns = {"window": "id"} | {n: n for n in ("start", "end", "model", "version")}
    chosen = [
        getattr(Window, window_columns[name])
        if name in window_columns
        else getattr(CheckResult, name)
        for name in TREND
    ]
    query = (
        select(*chosen)
        .select_from(CheckResult)
        .join(
            Window,
            (col(Window.id) == col(CheckResult.window_id))
            & (col(Window.revision) == col(CheckResult.revision)),
        )
        .where(
            Window.deployment == deployment,
            CheckResult.check == check,
            col(Window.removed_at).is_(None),
        )
        .order_by(col(Window.start), col(CheckResult.column))
    )
    if column is not None:
        query = query.where(CheckResult.column == column)
    if signal is not None:
        query = query.where(CheckResult.signal == signal)

    return _frame(session.execute(query).all(), TREND)


def drift_ranking(
    session: Session, window_id: str, importance: Mapping[str, float]
) -> pd.DataFrame:
    """Features by drift over threshold times importance, the highest first; see `RANKING`.

    `drift` is score over threshold, `weight` its product with the importance (0 when unknown).
    Without any importance the drift alone decides.
    """
    all_results = results(session, window_id)
    chosen = all_results[(all_results["signal"] == FEATURE_DRIFT) & all_results["primary"]].copy()
    chosen["drift"] = chosen["score"] / chosen["threshold"]
    chosen["importance"] = chosen["column"].map(importance).astype("float64")
    # Shuffling a useless column can help by chance; a negative importance is none.
    chosen["weight"] = (chosen["drift"] * chosen["importance"].clip(lower=0)).fillna(0.0)
    ranked = chosen.sort_values(["weight", "drift"], ascending=False, kind="stable")
    ranked.insert(0, "rank", range(1, len(ranked) + 1))
    return ranked[list(RANKING)].reset_index(drop=True)


def distributions(
    session: Session, artifacts: Artifacts, window_id: str, column: str
) -> pd.DataFrame:
    """Shares and rows of a column's bins in the reference and the window; see `BINS`.

    Read from the window's stored profile, without its rows. Raises NotFound for an unknown column.
    """
    profiles = _profile(session, artifacts, window_id)["columns"]
    keys = (f"{FEATURE_DRIFT}/{column}", f"{PREDICTION_DRIFT}/{column}")
    profile = next((profiles[key] for key in keys if key in profiles), None)
    if profile is None:
        existing = ", ".join(key.split("/", 1)[1] for key in profiles)
        raise NotFound(
            f"the window shows no column {column!r}.", hint=f"Known: {existing or 'none'}."
        )
    return _bins(profile)


def calibration(session: Session, artifacts: Artifacts, window_id: str) -> pd.DataFrame:
    """Mean score, observed share and rows in ten bins of the score; empty without labels."""
    curve = _profile(session, artifacts, window_id)["calibration"] or {}
    names = ("predicted", "observed", "count")
    return _frame(list(zip(*(curve.get(name, []) for name in names), strict=True)), names)


def _profile(session: Session, artifacts: Artifacts, window_id: str) -> dict[str, Any]:
    window = window_store.require(session, window_id)
    profile: dict[str, Any] = json.loads(artifacts.read(window.profile))
    return profile


def _bins(profile: Mapping[str, Any]) -> pd.DataFrame:
    before, after = profile["reference"], profile["current"]
    labels = profile["labels"]
    if profile["kind"] == "category":
        labels, before, after = _largest_categories(labels, before, after)

    cuts = [None, *profile.get("cuts", []), None]
    ranged = profile["kind"] == "number"
    whole = (sum(before) or 1, sum(after) or 1)
    rows = [
        (
            index,
            label,
            before[index] / whole[0],
            after[index] / whole[1],
            before[index],
            after[index],
            cuts[index] if ranged else None,
            cuts[index + 1] if ranged else None,
        )
        for index, label in enumerate(labels)
    ]

    return _frame(rows, BINS).astype({"low": "float64", "high": "float64"})


def _largest_categories(
    labels: Sequence[str], before: Sequence[int], after: Sequence[int]
) -> tuple[list[str], list[int], list[int]]:
    """The categories with the most rows on either side; the rest in one bar."""
    whole = (sum(before) or 1, sum(after) or 1)
    order = sorted(
        range(len(labels)), key=lambda i: -max(before[i] / whole[0], after[i] / whole[1])
    )
    largest, rest = order[:MAX_BARS], order[MAX_BARS:]
    bars = [labels[i] for i in largest], [before[i] for i in largest], [after[i] for i in largest]
    if rest:
        bars[0].append(f"{len(rest)} {OTHERS}")
        bars[1].append(sum(before[i] for i in rest))
        bars[2].append(sum(after[i] for i in rest))
    return bars


def alerts(session: Session, state: str | None, deployment: str | None) -> pd.DataFrame:
    """Alerts, newest first; columns as in `ALERTS`. `fired_at` is missing when it never fired."""
    query = select(*[getattr(Alert, name) for name in ALERTS])
    if state is not None:
        query = query.where(col(Alert.state) == state)
    if deployment is not None:
        query = query.where(col(Alert.deployment) == deployment)
    query = query.order_by(col(Alert.opened_at).desc(), col(Alert.id).desc())
    return _frame(session.execute(query).all(), ALERTS)


def events(session: Session, alert_id: str) -> pd.DataFrame:
    """The transitions of an alert, oldest first; columns as in `EVENTS`."""
    query = select(*[getattr(AlertEvent, name) for name in EVENTS])
    query = query.where(AlertEvent.alert_id == alert_id).order_by(col(AlertEvent.id))
    return _frame(session.execute(query).all(), EVENTS)


def rules(session: Session, deployment: str | None) -> pd.DataFrame:
    """Alert rules by deployment and name; columns as in `RULES`."""
    query = select(*[getattr(AlertRule, name) for name in RULES])
    if deployment is not None:
        query = query.where(col(AlertRule.deployment) == deployment)
    query = query.order_by(col(AlertRule.deployment), col(AlertRule.name))
    return _frame(session.execute(query).all(), RULES)


def _frame(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(columns))
    for name in frame.columns:
        if name in INSTANTS:
            frame[name] = pd.to_datetime(frame[name], utc=True)
        elif name in NUMBERS:
            frame[name] = frame[name].astype("float64")
    return frame
