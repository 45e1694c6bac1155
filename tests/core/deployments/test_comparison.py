"""The comparison of a rollout over a real prediction log, and rewards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.serving import SIGNATURE, register, wait_for
from pilothouse.deployments import Deployments
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.feedback_log import (
    SentReward,
    append_rewards,
    feedback_folder,
    read_rewards,
)
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.log import journal_folder
from pilothouse.deployments.rollouts.comparison import compare
from pilothouse.deployments.rollouts.comparison_process import ComparisonProcesses
from pilothouse.deployments.rollouts.rollout_commands import trials_between
from pilothouse.deployments.tables import Deployment, Rollout
from pilothouse.kit.errors import TooLarge
from pilothouse.kit.settings import Settings
from pilothouse.monitoring.service_history import read_service
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store, open_store
from pilothouse.storage.migrate import migrate

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
UNTIL = BEGAN + timedelta(minutes=20)


@pytest.fixture
def store(new_folder: Path) -> Store:
    opened = open_store(Settings(workspace=new_folder, actor="ada"))
    migrate(opened)
    register(opened, "late", b"one", b"two", b"three")
    Deployments(opened).launch("flights", "late", 1)
    with opened.write() as session:
        session.get_one(Deployment, "flights").serving_version = 1
    return opened


def rollout_of(store: Store, strategy: str, versions: tuple[int, ...] = (2,), **more: Any) -> str:
    info = Deployments(store).start_rollout("flights", versions, strategy, more)
    with store.write() as session:
        row = session.get_one(Rollout, info.id)
        row.step, row.step_started_at, row.started_at = 1, BEGAN, BEGAN
    return info.id


def log_requests(
    store: Store, version: int, count: int, failures: int = 0, callers: int = 0
) -> None:
    """Requests in equal distances after the step began, the first ones failed."""
    journal = Journal(journal_folder(store.folder, "flights"))
    for number in range(count):
        at = BEGAN + timedelta(seconds=2) + number * timedelta(minutes=15) / count
        at_us = int(at.timestamp() * 1e6) + version
        if number < failures:
            journal.request({"at": at_us, "version": version, "rows": 0, "ms": 2, "status": 500})
            continue
        line = {"at": at_us, "version": version, "rows": 1, "ms": 2.0 + number % 7, "status": 200}
        line |= {"caller": version * 1_000 + number % callers} if callers else {}
        line |= {"ids": [f"{version}-{number}"], "model": "late", "event": [at_us // 1000]}
        line |= {"out": {"score": [(number * 37 % 100) / 100]}}
        line |= {"columns": {"distance": [1.0], "carrier": ["AA"], "wind": [None]}}
        journal.predictions(version, SIGNATURE, line)
    journal.seal()


def test_an_equal_candidate_passes_and_one_that_fails_for_one_in_ten_does_not(store: Store) -> None:
    rollout = rollout_of(store, "canary", steps=[50])
    log_requests(store, 1, 1_500)
    log_requests(store, 2, 1_500)
    comparison = compare(store, rollout, UNTIL)
    [verdict] = comparison.verdicts
    assert (comparison.outcome, verdict["version"]) == ("passed", 2), verdict["message"]

    log_requests(store, 1, 300)
    log_requests(store, 2, 300, failures=300)
    comparison = compare(store, rollout, UNTIL)
    assert comparison.outcome == "failed"
    assert comparison.verdicts[0]["message"].startswith("Errors: 300 of 1,800 requests failed")


def test_few_requests_prove_nothing(store: Store) -> None:
    rollout = rollout_of(store, "canary", steps=[50])
    log_requests(store, 1, 45)
    log_requests(store, 2, 45)
    comparison = compare(store, rollout, UNTIL)
    assert comparison.outcome == "inconclusive"
    assert "45 requests so far; 50 of each version needed" in comparison.verdicts[0]["message"]


def test_a_split_that_did_not_hold_holds_the_rollout(store: Store) -> None:
    rollout = rollout_of(store, "canary", steps=[50])
    log_requests(store, 1, 3_000)
    log_requests(store, 2, 1_500)
    comparison = compare(store, rollout, UNTIL)
    (verdict,) = comparison.verdicts
    counted = "version 2 got 1,500 (33.3%) instead of 50 %, version 1 got 3,000 (66.7%)"
    assert comparison.outcome == verdict["outcome"] == "inconclusive"
    assert {one["outcome"] for one in verdict["results"] if one["required"]} == {"passed"}
    assert verdict["sample_ratio"]["is_mismatch"]
    assert verdict["message"].startswith("callers and requests were not split as they should have")
    assert counted in verdict["message"]


def test_callers_are_counted_once_so_that_a_busy_one_holds_nothing(store: Store) -> None:
    rollout = rollout_of(store, "canary", steps=[50])
    log_requests(store, 1, 3_000, callers=40)
    log_requests(store, 2, 1_500, callers=40)
    comparison = compare(store, rollout, UNTIL)
    assert comparison.outcome == "passed"
    assert "version 2 got 40 (50.0%)" in comparison.verdicts[0]["sample_ratio"]["message"]


def test_the_newest_requests_are_read_day_by_day(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_requests(store, 1, 50, callers=5)
    days: list[datetime | None] = []
    read = log.requests

    def counted(folder: Path, name: str, start: datetime | None, end: datetime | None) -> Any:
        days.append(start)
        return read(folder, name, start, end)

    monkeypatch.setattr(log, "requests", counted)
    deployments = Deployments(store)
    year = BEGAN - timedelta(days=365)
    newest = deployments.requests("flights", year, limit=20)
    assert len(newest) == 20
    assert newest["received_at"].is_monotonic_decreasing
    assert list(newest) == ["received_at", "version", "rows", "latency_ms", "status"]
    assert len(days) <= 3
    assert len(deployments.requests("flights", year)) == 50


def test_a_preview_says_how_many_requests_its_verdicts_need(store: Store) -> None:
    settings = {"steps": [10, 50], "pause_seconds": 600}
    preview = Deployments(store).preview_rollout("flights", 2, "canary", settings, traffic=True)
    assert preview.traffic is not None
    assert preview.traffic.hourly == 0
    assert preview.traffic.messages[-1].startswith("No request came in the last hour")

    log_requests(store, 1, 6_000)
    preview = Deployments(store).preview_rollout("flights", 2, "canary", settings, traffic=True)
    traffic = preview.traffic
    assert traffic is not None
    assert (traffic.hourly, traffic.because) == (6_000, "Latency")
    assert [step.expected for step in traffic.steps] == [100, 500]
    assert [step.number for step in traffic.steps] == [2, 3]
    assert all(step.wait_seconds and step.wait_seconds > 600 for step in traffic.steps)
    assert "it is held until there are enough" in traffic.messages[1]
    free = {"analysis": {"criteria": [{"kind": "reward", "required": True}]}, "steps": [50]}
    traffic = Deployments(store).preview_rollout("flights", 2, "canary", free, traffic=True).traffic
    assert traffic is not None
    assert (traffic.needed, traffic.open_criteria) == (50, ("Reward",))


def test_after_a_swap_the_stable_version_is_compared_as_it_was_before(store: Store) -> None:
    rollout = rollout_of(store, "blue_green")
    log_requests(store, 1, 800)
    with store.write() as session:
        session.get_one(Rollout, rollout).step_started_at = BEGAN + timedelta(minutes=16)
    journal = Journal(journal_folder(store.folder, "flights"))
    for number in range(400):
        at = BEGAN + timedelta(minutes=17) + number * timedelta(milliseconds=100)
        line = {"at": int(at.timestamp() * 1e6), "version": 2, "rows": 0, "ms": 2, "status": 500}
        journal.request(line)
    comparison = compare(store, rollout, UNTIL)
    assert comparison.outcome == "failed"
    assert "0.00% with the stable version" in comparison.verdicts[0]["message"]


def test_a_comparison_runs_in_a_process_of_its_own(store: Store) -> None:
    rollout = rollout_of(store, "canary", steps=[50])
    log_requests(store, 1, 60)
    log_requests(store, 2, 60, failures=60)
    processes = ComparisonProcesses()
    comparison = wait_for(lambda: processes.compare(store, rollout, UNTIL), seconds=120)
    assert comparison["outcome"] == "failed"
    assert comparison["verdicts"][0]["version"] == 2


def test_the_last_reward_of_an_id_counts_and_old_days_go(store: Store, tmp_path: Path) -> None:
    folder = feedback_folder(store.folder, "flights")
    folder.mkdir(parents=True)
    (folder / "2020-01-01.jsonl").write_text("{}\n")
    append_rewards(
        folder, [SentReward(1.0, "a"), SentReward(2.0, entity_id="anna", version=2)], BEGAN
    )
    append_rewards(
        folder, [SentReward(3.0, "a"), SentReward(4.0, "b")], BEGAN + timedelta(seconds=1)
    )
    append_rewards(folder, [SentReward(9.0, "b")], BEGAN + timedelta(seconds=9))
    rewards = read_rewards(store.folder, "flights", BEGAN, BEGAN + timedelta(seconds=5))
    assert rewards.by_id == {"a": 3.0, "b": 4.0}
    assert rewards.by_entity == {(2, "anna"): 2.0}
    assert [path.stem for path in folder.iterdir()] == [BEGAN.date().isoformat()]


def test_a_day_of_rewards_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilothouse.deployments.prediction_log.feedback_log.MAX_DAY_BYTES", 100)
    folder = feedback_folder(store.folder, "flights")
    append_rewards(folder, [SentReward(1.0, "a")], BEGAN)
    with pytest.raises(TooLarge, match="full"):
        append_rewards(folder, [SentReward(1.0, "b")] * 3, BEGAN)


def test_rewards_are_compared_by_the_version_that_they_are_for(store: Store) -> None:
    analysis = {"criteria": [{"kind": "reward", "required": True}]}
    rollout = rollout_of(store, "ab_test", (2, 3), analysis=analysis, shares=[33, 33])
    for version, reward in ((1, 1.0), (2, 1.0), (3, 0.0)):
        log_requests(store, version, 600)
        rewards = [SentReward(reward + n % 2 / 10, f"{version}-{n}") for n in range(600)]
        append_rewards(
            feedback_folder(store.folder, "flights"), rewards, BEGAN + timedelta(minutes=18)
        )
    comparison = compare(store, rollout, UNTIL)
    by_version = {verdict["version"]: verdict for verdict in comparison.verdicts}
    assert by_version[3]["outcome"] == "failed", by_version[3]
    assert by_version[2]["outcome"] != "failed", by_version[2]
    [result] = by_version[2]["results"]
    assert result["candidate"] == pytest.approx(1.05)


def test_monitoring_judges_no_requests_of_versions_that_are_tried(store: Store) -> None:
    rollout_of(store, "canary", steps=[50])
    log_requests(store, 1, 100)
    log_requests(store, 2, 100, failures=100)
    span = Span(BEGAN - timedelta(minutes=5), UNTIL)
    with store.read() as session:
        [(versions, first, end)] = trials_between(session, "flights", span.start, span.end)
    assert (versions, first, end) == (frozenset({2}), BEGAN, UNTIL)
    facts = read_service(store, "flights", span, [])
    failed = facts.measured["error_share"]
    assert (failed.score, failed.requests) == (0.0, 100)
