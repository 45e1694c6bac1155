"""A sample of the requests in the log: which ones, what is counted, and that a rollout logs all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.answering_gateway import AnswersRows, Served
from pilothouse.deployments import Deployments
from pilothouse.deployments.log_rules.logged_columns import ALL_COLUMNS, LoggedColumns
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.traffic_split import BUCKETS, TrafficSplit
from pilothouse.kit.errors import Invalid
from pilothouse.kit.ids import uuid7
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature((SignatureField("x", "number"),), "y", task="regression", gives="value")
REQUESTS = 100


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path, AnswersRows(SIGNATURE, [[1.5], [2.5]]))


def ask(served: Served, ids: list[list[str]]) -> None:
    for pair in ids:
        body = {"dataframe_records": [{"x": 1.0}] * 2, "params": {"prediction_ids": pair}}
        assert served.call("POST", "/deployments/d/invocations", json=body).status_code == 200


def ids_of(count: int) -> list[list[str]]:
    return [[str(uuid7()), str(uuid7())] for _ in range(count)]


def test_the_share_holds_over_many_ids_and_an_id_is_treated_alike() -> None:
    ids = [str(uuid7()) for _ in range(20_000)]
    for share in (0.01, 0.25, 0.9):
        sampled = LoggedColumns(share=share)
        chosen = [name for name in ids if sampled.includes([name])]
        error = (share * (1 - share) / len(ids)) ** 0.5
        assert abs(len(chosen) / len(ids) - share) < 5 * error
        assert all(sampled.includes([name, "another"]) for name in chosen)
    assert all(ALL_COLUMNS.includes([name]) for name in ids[:100])
    assert LoggedColumns(share=0.01).includes([])  # a request without rows


def test_whole_requests_are_logged_or_counted_only(served: Served) -> None:
    logged = LoggedColumns(share=0.25)
    served.model.route = replace(served.model.route, logged=logged)
    ids = ids_of(REQUESTS)
    ask(served, ids)
    ask(served, ids[:20])  # sent again

    predictions = log.predictions(served.folder, "d")
    chosen = [pair for pair in ids if logged.includes(pair)]
    assert 5 < len(chosen) < REQUESTS / 2
    assert sorted(predictions["prediction_id"]) == sorted(name for pair in chosen for name in pair)
    now = datetime.now(UTC)
    requests = log.requests(served.folder, "d", now - timedelta(hours=1), now)
    assert len(requests) == REQUESTS + 20
    assert requests["rows"].sum() == 2 * (REQUESTS + 20)
    assert set(requests["status"]) == {200}


def test_a_rollout_logs_every_request(served: Served) -> None:
    split = TrafficSplit("salt", ((3, BUCKETS),))
    served.model.route = replace(
        served.model.route, logged=LoggedColumns(share=0.01), traffic=split
    )
    ask(served, ids_of(10))
    assert len(log.predictions(served.folder, "d")) == 20


def test_the_share_is_set_carried_by_a_file_and_refused_in_words(
    deployments: Deployments,
) -> None:
    deployments.launch("flights", "late", 1)
    assert deployments.set_log_rules("flights", LogRules(share=0.1)) == LogRules(share=0.1)
    file = deployments.export()
    assert "share: 0.1" in file
    assert [change.kind for change in deployments.diff(file)] == ["same"]
    [change] = deployments.apply(file.replace("share: 0.1", "share: 0.5"))
    assert change.lines == ("- requests logged: 10 %", "+ requests logged: 50 %")
    assert deployments.set_log_rules("flights", LogRules(share=1.0)) == LogRules()
    for share in (0.0, 1.1, float("nan")):
        with pytest.raises(Invalid, match="share: above 0"):
            deployments.set_log_rules("flights", LogRules(share=share))
    with pytest.raises(Invalid, match="must be a number above 0"):
        deployments.diff(file.replace("share: 0.1", "share: some"))

    deployments.add_external("elsewhere", "late", 1)
    with pytest.raises(Invalid, match="send fewer of its predictions"):
        deployments.set_log_rules("elsewhere", LogRules(share=0.5))
