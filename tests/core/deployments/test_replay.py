"""Recorded requests on another version, in a real model process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from harness.serving import SIGNATURE, register
from pilothouse.deployments import Deployments
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.log import journal_folder
from pilothouse.deployments.replay.replay_api import REPLAY_REQUESTS
from pilothouse.deployments.replay.replay_results import ReplayResult
from pilothouse.deployments.replay.replayed_requests import recorded_inputs, replay_requests
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.storage import Store

AT_MS = 1_764_547_200_000
ROWS = 40


def record(store: Store, scores: list[float]) -> None:
    """Predictions of version 1, as the gateway logs them."""
    journal = Journal(journal_folder(store.folder, "flights"))
    count = len(scores)
    line: dict[str, Any] = {
        "at": journal.stamp(), "version": 1, "rows": count, "ms": 2.0, "status": 200,
        "ids": [f"id-{i}" for i in range(count)], "model": "late", "event": [AT_MS] * count,
        "out": {"score": scores},
        "columns": {
            "distance": [500.0] * count, "carrier": ["AA"] * count,
            "wind": [5.0 + 10.0 * (i % 2) for i in range(count)],
        },
    }  # fmt: skip
    journal.predictions(1, SIGNATURE, line)
    journal.seal()


def replayed(store: Store, version: int = 2, limit: int = 1_000) -> ReplayResult:
    content = replay_requests(
        store, lambda *_: None, deployment="flights", model="late", version=version, limit=limit
    )
    return ReplayResult.from_json(content)


def test_what_another_version_answers_is_compared_row_by_row(
    deployments: Deployments, registered: Store
) -> None:
    deployments.launch("flights", "late", 1)
    record(registered, [0.01] * ROWS)
    found = replayed(registered)
    assert (found.rows, found.answered, found.versions) == (ROWS, ROWS, (1,))
    assert found.changed == ROWS // 2
    assert [(one.before, one.after, one.rows) for one in found.decisions] == [("0", "1", ROWS // 2)]
    (score,) = found.differences
    assert score.output == "score"
    assert 0 < score.median <= score.p95 <= score.largest < 1
    first = found.changes[0]
    assert (first["before"], first["after"], first["version"]) == ("0", "1", 1)
    assert first["difference"] == pytest.approx(score.largest)
    assert len(deployments.predictions("flights")) == ROWS  # nothing was logged

    again = [change["prediction_id"] for change in found.changes]
    assert set(again) == {f"id-{i}" for i in range(ROWS)}


def test_rows_of_a_wrong_type_are_counted_and_the_others_are_answered(
    deployments: Deployments, registered: Store
) -> None:
    deployments.launch("flights", "late", 1)
    record(registered, [0.01] * 6)
    journal = Journal(journal_folder(registered.folder, "flights"))
    for number, distance in enumerate(["far", 400.0]):
        line: dict[str, Any] = {
            "at": journal.stamp(), "version": 1, "rows": 1, "ms": 2.0, "status": 200,
            "ids": [f"odd-{number}"], "model": "late", "event": [AT_MS], "out": {"score": [0.5]},
            "columns": {"distance": [distance], "carrier": ["AA"], "wind": [5.0]},
        }  # fmt: skip
        kind = "string" if isinstance(distance, str) else "number"
        other = replace(SIGNATURE, inputs=(SignatureField("distance", kind),))
        journal.predictions(1, other, line)
        journal.seal()
    found = replayed(registered)
    assert (found.rows, found.answered, found.of_wrong_type) == (8, 7, 1)


def test_a_replay_that_cannot_work_is_refused(deployments: Deployments, registered: Store) -> None:
    deployments.launch("flights", "late", 1)
    with pytest.raises(Conflict, match="no recorded request"):
        replayed(registered)
    with pytest.raises(Invalid, match="between 1 and 20,000"):
        deployments.replay("flights", 2, limit=0)
    with pytest.raises(NotFound):
        deployments.replay("flights", 9)
    other = Signature((SignatureField("x", "number"),), "late", task="regression")
    register(registered, "late", b"another", signature=other, example=[{"x": 1.0}])
    with pytest.raises(Conflict, match="of another task"):
        deployments.replay("flights", 3)
    with pytest.raises(Invalid, match="do not have x, which the version needs"):
        recorded_inputs(other, pd.DataFrame({"distance": [1.0]}))


def test_a_replay_is_a_job_that_is_listed(deployments: Deployments, registered: Store) -> None:
    deployments.launch("flights", "late", 1)
    job = deployments.replay("flights", 2, limit=5)
    with pytest.raises(NotFound, match="no result"):
        deployments.replay_result(job)
    result = {
        "deployment": "flights", "model": "late", "version": 2, "versions": [1], "rows": 5,
        "answered": 4, "changed": 1, "decisions": [], "differences": [], "changes": [],
    }  # fmt: skip
    with registered.write() as session:
        row = session.get_one(Job, job)
        assert (row.kind, row.args["limit"]) == (REPLAY_REQUESTS, 5)
        row.result = result
    assert deployments.replay_result(job).changed_share == 0.25
    listed = deployments.replays("flights").iloc[0]
    assert (listed["version"], listed["rows"], listed["changed_share"]) == (2, 4, 0.25)
