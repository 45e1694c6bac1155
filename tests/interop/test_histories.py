"""Histories over the protocol are the same while a run lives, when it has ended, and afterwards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from harness.serving import wait_for
from harness.tracking_calls import Caller
from pilothouse.experiments.tables import Block, Metric, Run
from pilothouse.workspace import Workspace

POINTS = [
    {"key": "loss", "value": value, "timestamp": 1000 + at, "step": step}
    for step, at, value in (
        (3, 30, 0.5),
        (1, 40, "NaN"),
        (2, 20, "Infinity"),
        (0, 10, "-Infinity"),
        (3, 30, 0.25),
    )
]


def is_compacted(workspace: Workspace, run: str) -> bool:
    with workspace.store.read() as session:
        return session.get_one(Run, run).compacted_at is not None


def rows(workspace: Workspace, table: type[Metric] | type[Block]) -> int:
    with workspace.store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def told(caller: Caller, run: str) -> list[Any]:
    """Everything that can be asked about a history."""
    one = {"run_id": run, "metric_key": "loss"}
    window = {"run_ids": [run], "metric_key": "loss", "start_step": 1, "end_step": 3}
    pages, token = [], ""
    while True:
        page = caller.get("metrics/get-history", **one, max_results=2, page_token=token)
        pages.append(page["metrics"])
        token = page.get("next_page_token", "")
        if not token:
            break
    return [
        caller.get("metrics/get-history", **one),
        pages,
        caller.get("metrics/get-history-bulk", run_id=[run], metric_key="loss", max_results=3),
        caller.get("metrics/get-history-bulk-interval", **window),
        caller.get("metrics/get-history-bulk-interval", **window | {"max_results": 2}),
        caller.get("metrics/get-history", run_id=run, metric_key="none"),
        caller.get("runs/get", run_id=run)["run"]["data"]["metrics"],
    ]


def test_a_run_that_ends_is_compacted_and_tells_the_same(caller: Caller, ours: Workspace) -> None:
    run = caller.run()
    caller.post("runs/log-batch", run_id=run, metrics=POINTS)
    alive = told(caller, run)
    assert [point["step"] for point in alive[0]["metrics"]] == [0, 2, 3, 3, 1]
    assert [point["value"] for point in alive[0]["metrics"]] == [
        "-Infinity",
        "Infinity",
        0.25,
        0.5,
        "NaN",
    ]
    caller.post("runs/update", run_id=run, status="FINISHED", end_time=2000)
    wait_for(lambda: is_compacted(ours, run))
    assert (rows(ours, Metric), rows(ours, Block)) == (0, 1)
    assert told(caller, run) == alive


def test_points_after_the_end_are_taken_once(caller: Caller, ours: Workspace) -> None:
    run = caller.run()
    caller.post("runs/log-batch", run_id=run, metrics=POINTS)
    caller.post("runs/update", run_id=run, status="FAILED", end_time=2000)
    wait_for(lambda: is_compacted(ours, run))
    late = {"key": "loss", "value": 0.125, "timestamp": 1050, "step": 4}
    caller.post("runs/log-batch", run_id=run, metrics=[*POINTS, late])
    found = caller.get("metrics/get-history", run_id=run, metric_key="loss")["metrics"]
    assert len(found) == len(POINTS) + 1
    assert found[-1] == late
    assert ours.experiments.run(run).metrics["loss"].count == len(POINTS) + 1
    caller.post("runs/update", run_id=run, status="FINISHED", end_time=2001)
    wait_for(lambda: is_compacted(ours, run))
    assert caller.get("metrics/get-history", run_id=run, metric_key="loss")["metrics"] == found
