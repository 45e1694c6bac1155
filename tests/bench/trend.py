"""The drift of 20 columns over 30 days, as Monitoring draws it: one query, and the figure.

A workspace has the windows and results of 30 days. CPU counts from the question to the JSON of
the heat map, as the page sends it; the number of statements is counted. `hours_ms` is the same of
30 days by hour, 720 windows. `year_ms` are of a year by hour, 8,760 windows: what a page reads and
draws of the newest 400, and of the worst window of each day, and reading a page of the list.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, insert

from pilothouse.monitoring.window_selection import ALL, WindowSelection
from pilothouse.workspace import Workspace, open_workspace

COLUMNS, DAYS, ROUNDS, GOAL_MS = 20, 30, 15, 150.0
BEGAN = datetime(2026, 3, 2, tzinfo=UTC)


def measure() -> dict[str, Any]:
    """The median of some rounds."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        _fill(workspace, "days", timedelta(days=1), DAYS)
        _fill(workspace, "hours", timedelta(hours=1), 24 * DAYS)
        statements: list[str] = []
        listener = lambda *how: statements.append(str(how[2]))  # noqa: E731
        event.listen(workspace.store.engine, "before_cursor_execute", listener)
        days, hours = _drawn(workspace, "days", DAYS), _drawn(workspace, "hours", 24 * DAYS)
        asked = sum("monitoring_result" in text for text in statements) / (2 * ROUNDS)
        _fill(workspace, "year", timedelta(hours=1), 24 * 365)
        newest, worst = WindowSelection(400), WindowSelection(worst_of="day")
        year = {
            "newest": round(_drawn(workspace, "year", 400, newest)),
            "worst_of_days": round(_drawn(workspace, "year", 365, worst)),
            "listed": round(_listed(workspace)),
        }
        workspace.store.engine.dispose()
    if asked != 1:
        raise SystemExit(f"{asked} statements, not one")
    return {
        "work": "trend",
        "ours": round(days, 1),
        "reference": GOAL_MS,
        "ratio": round(GOAL_MS / days, 1),
        "unit": f"CPU ms for {DAYS} days by {COLUMNS} columns, to the JSON of the figure",
        "reference_is": "the goal",
        "statements": int(asked),
        "hours_ms": round(hours, 1),
        "year_ms": year,
    }


def _listed(workspace: Workspace) -> float:
    """CPU milliseconds of the median round for a page of the list, in the middle."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        workspace.monitoring.windows("year", WindowSelection(100, 4_000))
        times.append((time.process_time() - began) * 1_000)
    return statistics.median(times)


def _drawn(
    workspace: Workspace, name: str, windows: int, selection: WindowSelection = ALL
) -> float:
    """CPU milliseconds of the median round."""
    from pilothouse_app.charts.drift import drift_heatmap

    order = [f"column{i}" for i in range(COLUMNS)]
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        trend = workspace.monitoring.trend(name, "psi", signal="feature_drift", selection=selection)
        figure = drift_heatmap(trend, dark=False, order=order, titles=order).to_json()
        times.append((time.process_time() - began) * 1_000)
        if len(trend) != windows * COLUMNS or len(figure) < windows:
            raise SystemExit("the figure lacks rows")
    return statistics.median(times)


def _fill(workspace: Workspace, name: str, length: timedelta, windows: int) -> None:
    from pilothouse.deployments.tables import Deployment
    from pilothouse.monitoring.tables import CheckResult, Window

    store = workspace.store
    digest = store.artifacts.put_bytes(b"{}")
    who = {"created_at": BEGAN, "created_by": "ada"}
    with store.write() as session:
        session.add(Deployment(name=name, model="", version=1, updated_at=BEGAN, **who))
    judged = {"rows": 9_000, "labelled": 0, "drift_status": "ok", "performance_status": "ok"}
    judged |= {"columns": COLUMNS, "judged": COLUMNS, "drifted": 0, "profile": digest}
    rows, results = [], []
    for number in range(windows):
        start = BEGAN + number * length
        window = f"{name}{number:06}"
        rows.append(
            {
                **judged, "id": window, "deployment": name, "model": "", "version": 1,
                "start": start, "end": start + length, "status": "ok", "content": window,
                "figures": {}, "revision": 1, "created_at": start, "evaluated_at": start,
            }
        )  # fmt: skip
        results += [
            {
                "window_id": window, "revision": 1, "signal": "feature_drift", "check": "psi",
                "column": f"column{i}", "method": "PSI", "status": "ok", "direction": "above",
                "score": 0.01 * i, "threshold": 0.25, "noise": 0.02, "primary": True,
                "message": "", "n_reference": 10_000, "n_current": 9_000,
            }
            for i in range(COLUMNS)
        ]  # fmt: skip
    with store.engine.begin() as connection:
        connection.execute(insert(Window), rows)
        connection.execute(insert(CheckResult), results)
