"""What happened to a deployment over its windows: upstream events and alerts, on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.past_windows import past_windows
from pilothouse.monitoring.rule_verdicts import busiest
from pilothouse.monitoring.tables import FIRING, RESOLVED, Alert, AlertEvent, Window
from pilothouse.monitoring.upstream_events import UpstreamEvent, events_between, version_changes

if TYPE_CHECKING:
    import pandas as pd

TIMELINE = ("at", "kind", "text", "object_kind", "ref", "by")
ALERT, CLEARED = "alert", "cleared"


def timeline(session: Session, deployment: str) -> pd.DataFrame:
    """The events from the first window's start to the last one's end; columns as in `TIMELINE`.

    `kind` is deployment, data, model, retraining, alert (it fired) or cleared; `object_kind` and
    `ref` are the address of its object. Alerts have the time of the window that moved them.
    """
    import pandas as pd

    windows = busiest(past_windows(session, deployment))
    events: list[UpstreamEvent] = []
    if windows:
        since, until = windows[0].start, max(window.end for window in windows)
        models = dict.fromkeys(window.model for window in windows)
        logged = [
            event
            for model in models
            for event in events_between(session, deployment, model, since, until)
        ]
        events = [*dict.fromkeys(logged), *version_changes(windows), *_alerts(session, deployment)]
    rows = [
        tuple(getattr(event, name) for name in TIMELINE)
        for event in sorted(events, key=lambda event: event.at)
    ]
    frame = pd.DataFrame(rows, columns=list(TIMELINE))
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True))


def _alerts(session: Session, deployment: str) -> list[UpstreamEvent]:
    """When alerts began to fire, and when those that had fired were cleared by a window."""
    query = (
        select(AlertEvent, Alert, Window)
        .join(Alert, col(Alert.id) == col(AlertEvent.alert_id))
        .join(Window, col(Window.id) == col(AlertEvent.window_id))
        .where(Alert.deployment == deployment, col(AlertEvent.after).in_((FIRING, RESOLVED)))
        .order_by(col(AlertEvent.id))
    )
    return [
        UpstreamEvent(
            window.start,
            ALERT if event.after == FIRING else CLEARED,
            "alert",
            alert.id,
            f"{rule_title(alert.name)} {event.after}",
            event.by,
        )
        for event, alert, window in session.exec(query)
        if alert.fired_at is not None
    ]
