"""Which windows of a long history are read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.tables import CheckResult, Window
from pilothouse.monitoring.window_selection import WindowSelection
from pilothouse.monitoring.windows import Span

HOUR = timedelta(hours=1)


def add_hours(desk: Any, statuses: str, zone: str | None = None) -> None:
    """A window for each letter, which is the first one of its status."""
    names = {"o": "ok", "w": "warn", "f": "fail"}
    digest = desk.store.artifacts.put_bytes(b"{}")
    with desk.store.write() as session:
        for hour, letter in enumerate(statuses):
            _add(session, desk, hour, names[letter], digest, zone)


def _add(
    session: Session, desk: Any, hour: int, status: str, digest: str, zone: str | None
) -> None:
    start = desk.week(0) + hour * HOUR
    session.add(
        Window(
            id=f"{hour:04}", deployment="late", model="late", version=1, start=start,
            end=start + HOUR, rows=hour, labelled=0, status=status, drift_status=status,
            performance_status="ok", columns=1, judged=1, drifted=0, profile=digest, content="",
            created_at=start, evaluated_at=start, zone=zone,
        )
    )  # fmt: skip
    session.flush()
    session.add(
        CheckResult(
            window_id=f"{hour:04}", revision=1, signal="feature_drift", check="psi", column="hour",
            method="psi", status=status, direction="above", score=0.1,
        )
    )  # fmt: skip


def chosen(desk: Any, **how: Any) -> list[int]:
    """The hours of the windows, which are those of the trend too."""
    selection = WindowSelection(**how)
    windows = [int(name) for name in desk.monitoring.windows("late", selection)["id"]]
    trend = desk.monitoring.trend("late", "psi", selection=selection)
    assert [int(name) for name in trend["window"]] == windows
    return windows


def test_the_newest_come_and_older_ones_by_page(desk: Any) -> None:
    add_hours(desk, "o" * 10)
    assert desk.monitoring.window_count("late") == 10
    assert chosen(desk) == list(range(10))
    assert chosen(desk, newest=3) == [7, 8, 9]
    assert chosen(desk, newest=3, skip=3) == [4, 5, 6]
    assert chosen(desk, newest=3, skip=9) == [0]
    assert chosen(desk, skip=8) == [0, 1]
    within = Span(desk.week(0) + HOUR, desk.week(0) + 3 * HOUR)
    assert chosen(desk, within=within) == [1, 2]
    every = desk.monitoring.windows(selection=WindowSelection(2))
    assert every["id"].tolist() == ["0008", "0009"]


def test_of_each_day_the_worst_window_comes_by_the_clocks_of_its_zone(desk: Any) -> None:
    add_hours(desk, "o" * 23 + "f" + "w" + "o" * 23)
    assert chosen(desk, worst_of="day") == [23, 24]  # of equal ones the one with most rows
    assert chosen(desk, worst_of="month") == [23]


def test_a_day_of_another_zone_begins_at_its_midnight(desk: Any) -> None:
    add_hours(desk, "o" * 23 + "f" + "w" + "o" * 23, "Europe/Paris")
    assert chosen(desk, worst_of="day") == [22, 23, 47]


def test_one_selection_is_one_kind(desk: Any) -> None:
    with pytest.raises(Invalid, match="not both"):
        WindowSelection(newest=1, worst_of="day")
    with pytest.raises(Invalid, match="is no period"):
        WindowSelection(worst_of="year")  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="below 0"):
        WindowSelection(newest=-1)
