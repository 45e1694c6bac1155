"""Erasure of an entity: its rows are in no file any more, all others stay, and it is certified."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.log_rules.erasure import erase_rows
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse.deployments.prediction_log import compaction, id_index, log, row_removal
from pilothouse.deployments.prediction_log.feedback_log import (
    SentReward,
    append_rewards,
    feedback_folder,
    read_rewards,
)
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.jobs import Jobs
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.storage import Store

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def flights(deployments: Deployments) -> Deployments:
    """A deployment with the rows of three carriers, some compacted and some hashed."""
    deployments.launch("flights", "late", 1)
    return deployments


def answered(
    deployments: Deployments, ids: list[str], carriers: list[str], *, hashed: bool
) -> None:
    info = deployments.deployment("flights")
    writer = Journal(log.journal_folder(deployments._store.folder, "flights"))
    rows = len(ids)
    columns = {name: [None] * rows for name in info.signature.names} | {"carrier": carriers}
    line: dict[str, Any] = {"at": writer.stamp(), "version": 1, "rows": rows, "ms": 1.0}
    line |= {"status": 200, "ids": ids, "model": "late", "event": [to_ms(MARCH)] * rows}
    line |= {"out": {"score": [0.5] * rows}, "columns": columns}
    writer.predictions(1, info.signature, line, ("carrier",) if hashed else ())
    writer.labels(
        {"at": writer.stamp(), "ids": ids, "labels": [1] * rows, "times": [to_ms(MARCH)] * rows}
    )
    writer.seal()


def fill(deployments: Deployments) -> None:
    folder = deployments._store.folder
    answered(deployments, ["a", "b", "c"], ["AA", "DL", "AA"], hashed=False)
    compaction.compact(folder)
    deployments.set_log_rules("flights", LogRules(hashed=("carrier",)))
    answered(deployments, ["d", "e"], ["AA", "UA"], hashed=True)
    compaction.compact(folder)
    answered(deployments, ["f", "g"], ["AA", "DL"], hashed=True)
    rewards = [SentReward(1.0, "a"), SentReward(2.0, "b"), SentReward(3.0, entity_id="AA")]
    append_rewards(feedback_folder(folder, "flights"), rewards, MARCH)


def run(store: Store, job: str) -> dict[str, Any]:
    args = dict(Jobs(store).job(job).args)
    return erase_rows(store, lambda *_: None, **args, job=job)


def test_an_entity_is_erased_everywhere_with_a_certificate(
    flights: Deployments, registered: Store
) -> None:
    fill(flights)
    folder = registered.folder
    count = flights.count_erasure("flights", column="carrier", value="AA")
    assert (count.predictions, count.labels, count.rewards, count.waiting) == (3, 3, 2, 1)
    others = log.predictions(folder, "flights").set_index("prediction_id").loc[["b", "e", "g"]]
    job = flights.erase("flights", "asked for by law", column="carrier", value="AA")
    with pytest.raises(NotFound, match="no certificate"):
        flights.erasure_certificate(job)
    certificate = run(registered, job)
    assert certificate == flights.erasure_certificate(job)
    assert (certificate["predictions"], certificate["labels"]) == (4, 4)
    assert certificate["reason"] == "asked for by law"
    changed = [file["sha256_before"] != file["sha256_after"] for file in certificate["files"]]
    assert changed
    assert all(changed)
    assert "AA" not in json.dumps({**certificate, "not_covered": []})
    left = log.predictions(folder, "flights").set_index("prediction_id")
    assert left.sort_index().equals(others[left.columns].sort_index())
    assert set(log.labels(folder, "flights")["prediction_id"]) == {"b", "e", "g"}
    rewards = read_rewards(folder, "flights", MARCH, datetime(2026, 3, 2, tzinfo=UTC))
    assert (rewards.by_id, rewards.by_entity) == ({"b": 2.0}, {})
    assert id_index.unknown_ids(folder, "flights", ["a", "b", "f"]) == {"a", "f"}
    again = flights.count_erasure("flights", column="carrier", value="AA")
    assert (again.predictions, again.labels, again.rewards, again.waiting) == (0, 0, 0, 0)
    verbs = list(Activity(registered).entries(kind="deployment", ref="flights")["verb"])
    assert verbs[:2] == ["rows_erased", "erasure_begun"]
    assert list(flights.log_deletions("flights")["kind"]) == ["erasure"]
    assert Activity(registered).verify().intact
    assert run(registered, job) == certificate


def test_ids_are_erased_with_labels_that_nobody_predicted(
    flights: Deployments, registered: Store
) -> None:
    fill(flights)
    flights.label("flights", ["nobody"], [1])
    compaction.compact(registered.folder)
    job = flights.erase("flights", "a test", ids=["b", "nobody"])
    certificate = run(registered, job)
    assert (certificate["predictions"], certificate["labels"], certificate["rewards"]) == (1, 2, 1)
    assert certificate["column"] == "prediction_id"
    assert "b" not in set(log.predictions(registered.folder, "flights")["prediction_id"])
    for wrong in ({}, {"column": "carrier", "value": ""}, {"column": "carrier", "ids": ["a"]}):
        with pytest.raises(Invalid):
            flights.count_erasure("flights", **wrong)
    with pytest.raises(Invalid, match="reason"):
        flights.erase("flights", "", ids=["a"])


@pytest.mark.parametrize("survivors", [0, 1, 2])
def test_a_killed_erasure_is_finished_with_the_counts_it_began_with(
    flights: Deployments, registered: Store, monkeypatch: pytest.MonkeyPatch, survivors: int
) -> None:
    fill(flights)
    job = flights.erase("flights", "asked for", column="carrier", value="AA")
    write, written = compaction.write_table, []

    def killed(table: Any, path: Path) -> None:
        if len(written) == survivors:
            raise KeyboardInterrupt
        written.append(path)
        write(table, path)

    compaction.compact(registered.folder)  # so that only the erasure writes files
    with monkeypatch.context() as patch:
        patch.setattr(row_removal.compaction, "write_table", killed)
        with pytest.raises(KeyboardInterrupt):
            run(registered, job)
    everyone = set(log.predictions(registered.folder, "flights")["prediction_id"])
    assert {"b", "e", "g"} <= everyone  # nothing else is lost
    certificate = run(registered, job)
    assert certificate["predictions"] == 4
    assert set(log.predictions(registered.folder, "flights")["prediction_id"]) == {"b", "e", "g"}
    assert Activity(registered).verify().intact
