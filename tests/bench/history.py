"""The history of 10,000 versions and 100,000 activities: what is asked of it, each in CPU time.

200 models of 50 versions, with their moves between stages, promotions and deployments, and the
audit log. `ours` is the slowest question's median; the reference is the goal of 100 ms. `chain_s`
are the seconds in which a log of 100,000 recorded entries is verified; its goal is 3.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.synthetic_history import BEGAN, SyntheticHistory
from pilothouse.activity import record
from pilothouse.workspace import Workspace, open_workspace

MODELS, VERSIONS, ACTIVITIES, ROUNDS, GOAL_MS = 200, 50, 100_000, 9, 100.0
YEAR = BEGAN + timedelta(days=120)
WEEK = timedelta(days=7)


def measure() -> dict[str, Any]:
    """The median of some rounds of every question."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        SyntheticHistory(MODELS, VERSIONS, ACTIVITIES).insert(workspace.store)
        took = {name: _timed(question) for name, question in _questions(workspace).items()}
        workspace.store.engine.dispose()
    slowest = max(took.values())
    return {
        "work": "history",
        "ours": round(slowest, 1),
        "reference": GOAL_MS,
        "ratio": round(GOAL_MS / slowest, 2),
        "unit": "CPU ms of the slowest question",
        "reference_is": "the goal",
        "versions": MODELS * VERSIONS,
        "entries": ACTIVITIES,
        "chain_s": round(_chain_seconds(), 2),
        **{name: round(value, 1) for name, value in took.items()},
    }


def _chain_seconds() -> float:
    """CPU seconds to verify the hash chain of a log that was recorded entry by entry."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        with workspace.store.write() as session:
            for number in range(ACTIVITIES):
                after = {"stage": "staging", "number": number}
                record(session, workspace.store, "moved", "version", f"m@{number}", after=after)
        began = time.process_time()
        state = workspace.activity.verify()
        seconds = time.process_time() - began
        workspace.store.engine.dispose()
    if not state.intact or state.entries < ACTIVITIES:
        raise SystemExit(f"the log is not whole: {state.message}")
    return seconds


def _questions(workspace: Workspace) -> dict[str, Callable[[], object]]:
    registry, governance = workspace.registry, workspace.governance
    return {
        "in_production": lambda: governance.in_production(YEAR),
        "in_production_now": governance.in_production,
        "timeline": lambda: (
            governance.timeline_count("model_0017"),
            governance.timeline("model_0017"),
        ),
        "changes_of_a_week": lambda: (
            governance.timeline_count(since=YEAR, until=YEAR + WEEK),
            governance.timeline(since=YEAR, until=YEAR + WEEK),
        ),
        "changes_of_all_time": lambda: (governance.timeline_count(), governance.timeline()),
        "changes_page_100": lambda: governance.timeline(page=100),
        "registry_list": lambda: (registry.model_count(), registry.model_list()),
        "registry_search": lambda: (registry.model_count("17"), registry.model_list("17")),
        "versions_of_a_model": lambda: registry.versions("model_0017"),
        "activities": lambda: workspace.activity.entries(routine=False),
    }


def _timed(question: Callable[[], object]) -> float:
    """CPU milliseconds of the median round."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        question()
        times.append(1000 * (time.process_time() - began))
    return statistics.median(times)
