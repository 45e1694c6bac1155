"""A week without a worker: on its return the missed windows are evaluated in their order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from pilothouse.jobs import Progress
from pilothouse.kit.clock import from_ms
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.evaluate import due_job
from pilothouse.monitoring.notifications.channels import ChannelSpec
from pilothouse.monitoring.notifications.delivery import deliver_due
from pilothouse.monitoring.notifications.notifications import Notifications
from pilothouse.monitoring.notifications.outbox import queue_due

DAY = timedelta(days=1)
DAYS = 10
# The model is wrong from the third day on; on the sixth and seventh it was right.
WRONG = frozenset((2, 3, 4, 7, 8, 9))


@pytest.fixture
def watched(desk: Any) -> Any:
    """Daily windows, a rule that has a day to clear, and a channel that repeats every day."""
    desk.monitoring.monitor("late", period="day")
    rule = AlertRuleSpec(
        "scores", "performance", "roc_auc", "below", 0.58, for_windows=2, clear_windows=2
    )
    desk.monitoring.add_rule("late", rule)
    desk.monitoring.pause_rule(
        desk.monitoring.rules("late").set_index("name").loc["performance", "id"]
    )
    Notifications(desk.store).add_channel(ChannelSpec("ops", "json://alerts.example.org/"))
    return desk


def go_to(desk: Any, at: Any) -> None:
    desk.clock.advance(pd.Timestamp(at) - pd.Timestamp(desk.store.now()))


def predict(desk: Any, day: int) -> None:
    """A day of predictions and labels, received at its end."""
    start = desk.week(0) + day * DAY
    go_to(desk, start + DAY)
    frame = desk.draw(2_000, seed=500 + day, skill=0.0 if day in WRONG else 1.0)
    desk.log(frame, start, days=1)


def evaluate(desk: Any) -> list[int]:
    """What the hourly evaluation does: every due window; their days."""
    spans = due_job(desk.store, Progress(desk.store, None), "late")
    for start_ms, end_ms in spans:
        start, end = from_ms(start_ms), from_ms(end_ms)
        desk.evaluate(start, end - start)
        desk.clock.advance(timedelta(seconds=1))
    return [(from_ms(start_ms) - desk.week(0)).days for start_ms, _ in spans]


def send(desk: Any) -> list[str]:
    """What the worker sends now."""
    titles: list[str] = []
    queue_due(desk.store)
    deliver_due(desk.store, lambda request: titles.append(request.title) or "")  # type: ignore[func-returns-value]
    return titles


def episodes(desk: Any) -> list[tuple[Any, ...]]:
    """Of each alert the days of its first, firing and last open window, and its transitions."""
    rows = []
    for alert in desk.monitoring.alerts()[::-1].itertuples():
        names = (alert.first_window, alert.fired_window, alert.last_window)
        days = [(desk.monitoring.window(name).start - desk.week(0)).days for name in names]
        events = desk.monitoring.alert_events(alert.id)["after"].tolist()
        rows.append((alert.name, *days, events))
    return rows


EPISODES = [
    ("scores", 2, 3, 5, ["pending", "firing", "resolved"]),
    ("scores", 7, 8, 9, ["pending", "firing"]),
]


def test_with_a_worker_each_day_is_evaluated_as_it_ends(watched: Any) -> None:
    sent = []
    for day in range(DAYS):
        predict(watched, day)
        assert evaluate(watched) == [day]
        sent += send(watched)
    assert episodes(watched) == EPISODES
    fires = [title for title in sent if title.endswith("scores fires")]
    assert len(fires) == 2


def test_after_a_week_without_a_worker_rules_fire_as_they_would_have(watched: Any) -> None:
    predict(watched, 0)
    assert evaluate(watched) == [0]
    for day in range(1, DAYS):
        predict(watched, day)
    assert evaluate(watched) == list(range(1, DAYS))
    assert episodes(watched) == EPISODES
    # One for each cause: no repeats for the days on which nobody could be notified.
    assert send(watched) == [
        "[warning] late: scores fires",
        "[resolved] late: scores is resolved",
        "[warning] late: scores fires",
    ]
    assert send(watched) == []
    assert evaluate(watched) == []
    windows = watched.monitoring.windows("late")
    assert len(windows) == DAYS
    assert set(windows["revision"]) == {1}
