"""Monitoring as frames: results, rankings, bins, alerts, rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring import window_store
from pilothouse.monitoring.checks import (
    FEATURE_DRIFT,
    PREDICTION_DRIFT,
    SIGNALS,
)
from pilothouse.monitoring.ranking import rank_columns
from pilothouse.monitoring.stored_references import Answered
from pilothouse.monitoring.tables import (
    RESOLVED,
    Alert,
    AlertEvent,
    AlertRule,
    CheckResult,
)
from pilothouse.storage import Artifacts

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.performance import MonitoredMetric

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
    "noise",
    "noise_method",
    "noise_level",
    "p_value",
    "standard_error",
    "reference_error",
    "n_independent",
)
METRICS = (
    "metric",
    "title",
    "direction",
    "tolerance",
    "relative",
    "unit",
    "format",
    "primary",
    "estimated",
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
NEVER_FIRED = "never_fired"
EVENTS = ("at", "before", "after", "by", "window_id", "note")
MAX_BARS = 30
OTHERS = "others"
NO_TIME = "missing"
NUMBERS = (
    "score",
    "limit",
    "warn",
    "threshold",
    "noise",
    "noise_level",
    "p_value",
    "standard_error",
    "reference_error",
    "n_independent",
    "clear_threshold",
    "reference",
    "drifted_share",
    "coverage",
    "value",
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


def results(session: Session, window_id: str) -> pd.DataFrame:
    """Every result of a window's newest revision, by signal; columns as in `RESULTS`."""
    window = window_store.require(session, window_id)
    rows = session.execute(
        select(*[getattr(CheckResult, name) for name in RESULTS])
        .where(CheckResult.window_id == window_id, CheckResult.revision == window.revision)
        .order_by(col(CheckResult.id))
    ).all()
    frame = as_frame(rows, RESULTS)
    order = frame["signal"].map(SIGNALS.index)
    return frame.loc[order.sort_values(kind="stable").index].reset_index(drop=True)


def metrics(monitored: Sequence[MonitoredMetric]) -> pd.DataFrame:
    """Monitored metrics, the one that decides first; columns as in `METRICS`.

    `direction` is the better side, `tolerance` a share of the reference's value when `relative`.
    `estimated` metrics are also estimated without labels.
    """
    rows = [
        (
            metric.key,
            metric.title,
            "higher" if metric.direction == "below" else "lower",
            metric.tolerance,
            metric.relative,
            metric.unit,
            metric.format,
            metric.primary,
            metric.estimated,
        )
        for metric in monitored
    ]
    return as_frame(rows, METRICS)


def drift_ranking(
    session: Session, artifacts: Artifacts, window_id: str, importance: Mapping[str, float]
) -> pd.DataFrame:
    """Features of a window by harm; columns as in `ranking.RANKING`. Raises NotFound."""
    profiles = _profile(session, artifacts, window_id)["columns"]
    return rank_columns(results(session, window_id), profiles, importance)


def distributions(
    profiles: Mapping[str, Any], column: str, signal: str | None = None
) -> pd.DataFrame:
    """Shares and rows of a column's bins in the reference and the window; see `BINS`.

    Of a feature and an output of one name it is the feature, unless `signal` says which. `profiles`
    are those of a window's columns as they are shown. Raises NotFound for an unknown column.
    """
    signals = (FEATURE_DRIFT, PREDICTION_DRIFT) if signal is None else (signal,)
    keys = [f"{name}/{column}" for name in signals]
    profile = next((profiles[key] for key in keys if key in profiles), None)
    if profile is None:
        existing = ", ".join(key.split("/", 1)[1] for key in profiles)
        raise NotFound(
            f"the window shows no column {column!r}.", hint=f"Known: {existing or 'none'}."
        )
    return bins(profile)


@dataclass(frozen=True)
class WindowDocuments:
    """What a window's performance is drawn from, beside the reference's.

    `window` and `reference` are evaluation documents by path. `origin` is "held_out" or "served";
    `labels_from` names the window whose labels a served reference took, `waiting` what the
    reference lacks.
    """

    window: Mapping[str, Any]
    reference: Mapping[str, Any]
    reference_rows: int | None
    origin: str
    labels_from: str
    waiting: str


def documents(session: Session, artifacts: Artifacts, window_id: str) -> WindowDocuments:
    """The documents of a window and of the reference it was compared with. Raises NotFound."""
    window = window_store.require(session, window_id)
    profile = _profile(session, artifacts, window_id)
    answered = Answered(window.deployment, window.model, window.version)
    digest = window.reference or answered.digest(session)  # older windows have none of their own
    about = profile.get("reference", {})
    return WindowDocuments(
        window=profile.get("documents") or _old_documents(profile),
        reference={} if digest is None else _reference_documents(artifacts, digest),
        reference_rows=about.get("rows"),
        origin=about.get("origin", "held_out"),
        labels_from=about.get("labels_from", ""),
        waiting=about.get("waiting", ""),
    )


def _reference_documents(artifacts: Artifacts, digest: str) -> Mapping[str, Any]:
    from pilothouse.monitoring.reference_profile import read_documents  # loads numpy

    return read_documents(artifacts.read(digest))


def _old_documents(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The only document of a window from before tasks, where it has one."""
    curve = profile.get("calibration")
    return {"curves/calibration.json": curve} if curve else {}


def _profile(session: Session, artifacts: Artifacts, window_id: str) -> dict[str, Any]:
    window = window_store.require(session, window_id)
    profile: dict[str, Any] = json.loads(artifacts.read(window.profile))
    return profile


def bins(profile: Mapping[str, Any], largest: int = MAX_BARS) -> pd.DataFrame:
    """Shares and rows of the bins of a stored profile of a column; columns as in `BINS`.

    Of categories it has the `largest` ones by share on either side, and the rest as one.
    """
    before, after = profile["reference"], profile["current"]
    labels = profile["labels"]
    if profile["kind"] == "category":
        labels, before, after = _largest_categories(labels, before, after, largest)

    if profile["kind"] == "time":
        labels, before, after = _with_missing(profile)
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

    return as_frame(rows, BINS).astype({"low": "float64", "high": "float64"})


def _with_missing(profile: Mapping[str, Any]) -> tuple[list[str], list[int], list[int]]:
    """The bins of times, with one more for rows that have none: that is what counts for them."""
    before, after = profile["reference"], profile["current"]
    missing = profile["missing"]
    labels = [*profile["labels"], NO_TIME]
    return labels, [*before, missing["reference"][0]], [*after, missing["current"][0]]


def _largest_categories(
    labels: Sequence[str], before: Sequence[int], after: Sequence[int], most: int
) -> tuple[list[str], list[int], list[int]]:
    """The categories with the most rows on either side; the rest in one bar."""
    whole = (sum(before) or 1, sum(after) or 1)
    order = sorted(
        range(len(labels)), key=lambda i: -max(before[i] / whole[0], after[i] / whole[1])
    )
    largest, rest = order[:most], order[most:]
    bars = [labels[i] for i in largest], [before[i] for i in largest], [after[i] for i in largest]
    if rest:
        bars[0].append(f"{len(rest)} {OTHERS}")
        bars[1].append(sum(before[i] for i in rest))
        bars[2].append(sum(after[i] for i in rest))
    return bars


def alerts(session: Session, state: str | None, deployment: str | None) -> pd.DataFrame:
    """Alerts, newest first; columns as in `ALERTS`.

    One that ended while it was pending has alerted nobody: it comes for `NEVER_FIRED` only.
    """
    query = select(*[getattr(Alert, name) for name in ALERTS])
    has_ended_unfired = (col(Alert.state) == RESOLVED) & col(Alert.fired_at).is_(None)
    query = query.where(has_ended_unfired if state == NEVER_FIRED else ~has_ended_unfired)
    if state not in (None, NEVER_FIRED):
        query = query.where(col(Alert.state) == state)
    if deployment is not None:
        query = query.where(col(Alert.deployment) == deployment)
    query = query.order_by(col(Alert.opened_at).desc(), col(Alert.id).desc())
    return as_frame(session.execute(query).all(), ALERTS)


def events(session: Session, alert_id: str) -> pd.DataFrame:
    """The transitions of an alert, oldest first; columns as in `EVENTS`."""
    query = select(*[getattr(AlertEvent, name) for name in EVENTS])
    query = query.where(AlertEvent.alert_id == alert_id).order_by(col(AlertEvent.id))
    return as_frame(session.execute(query).all(), EVENTS)


def rules(session: Session, deployment: str | None) -> pd.DataFrame:
    """Alert rules by deployment and name; columns as in `RULES`."""
    query = select(*[getattr(AlertRule, name) for name in RULES])
    if deployment is not None:
        query = query.where(col(AlertRule.deployment) == deployment)
    query = query.order_by(col(AlertRule.deployment), col(AlertRule.name))
    return as_frame(session.execute(query).all(), RULES)


def as_frame(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a frame whose times and numbers have their types."""
    import pandas as pd

    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(columns))
    for name in frame.columns:
        if name in INSTANTS:
            frame[name] = pd.to_datetime(frame[name], utc=True)
        elif name in NUMBERS:
            frame[name] = frame[name].astype("float64")
    return frame
