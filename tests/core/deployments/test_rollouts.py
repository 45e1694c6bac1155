"""Rollouts as durable workflows: a real database, a clock that is moved, no processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlmodel import select

from harness.serving import EXAMPLE, SIGNATURE, register
from pilothouse.activity import Activity
from pilothouse.attention import Attention
from pilothouse.deployments import Deployments
from pilothouse.deployments.deployed_versions import deployed_versions
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.log import journal_folder
from pilothouse.deployments.rollouts.rollout_controller import RolloutController
from pilothouse.deployments.rollouts.rollout_info import RolloutInfo
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.deployments.traffic_split import TrafficSplit
from pilothouse.deployments.uses import use_of_version
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.storage import Store, open_store
from pilothouse.storage.migrate import migrate

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CANARY = {"steps": [10, 50], "pause_seconds": 60, "interval_seconds": 30}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def store(new_folder: Path, clock: FixedClock) -> Iterator[Store]:
    """Three versions of `late`, of which the first one serves as `flights`."""
    opened = open_store(Settings(workspace=new_folder, actor="ada"), clock)
    migrate(opened)
    register(opened, "late", b"one", b"two", b"three")
    Deployments(opened).launch("flights", "late", 1)
    with opened.write() as session:
        session.get_one(Deployment, "flights").serving_version = 1
    add_process(opened, 1)
    yield opened
    opened.engine.dispose()


def add_process(store: Store, version: int, state: str = "ready", **more: Any) -> None:
    """Stands for the controller, which starts what a split names."""
    with store.write() as session:
        session.add(Replica(deployment="flights", version=version, ordinal=0, state=state, **more))


def change_process(store: Store, version: int, **values: Any) -> None:
    with store.write() as session:
        for row in session.exec(select(Replica).where(Replica.version == version)):
            for name, value in values.items():
                setattr(row, name, value)


@dataclass
class Worker:
    """The rollout's part of the worker, with comparisons that end as they are told."""

    store: Store
    clock: FixedClock
    outcome: str = "passed"
    message: str = "within every limit"
    smoke: str = ""
    seconds: float = 0.0
    compared: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.controller = self.another()

    def another(self) -> RolloutController:
        return RolloutController(
            self.store,
            compare=self.compare,
            smoke_test=lambda _candidate, _replica: self.smoke,
            monotonic=lambda: self.seconds,
        )

    def compare(self, _store: Store, _rollout: str, until: datetime) -> dict[str, Any]:
        self.compared.append(until)
        verdict = {"outcome": self.outcome, "message": self.message, "results": []}
        return {"outcome": self.outcome, "verdicts": [{"version": 2, **verdict}]}

    def look(self, times: int = 4) -> RolloutInfo:
        for _ in range(times):
            self.controller.tick()
        return Deployments(self.store).rollout("flights")

    def after(self, seconds: float) -> RolloutInfo:
        self.clock.advance(timedelta(seconds=seconds))
        self.seconds += seconds
        return self.look()


@pytest.fixture
def worker(store: Store, clock: FixedClock) -> Worker:
    return Worker(store, clock)


@pytest.fixture
def deployments(store: Store) -> Deployments:
    return Deployments(store)


@pytest.fixture
def running(deployments: Deployments, worker: Worker, store: Store) -> Worker:
    """A canary in its first step with requests."""
    deployments.start_rollout("flights", 2, "canary", CANARY, "fewer false alarms")
    add_process(store, 2)
    worker.look()
    return worker


def split(store: Store) -> TrafficSplit | None:
    with store.read() as session:
        traffic = session.get_one(Deployment, "flights").traffic
        return None if traffic is None else TrafficSplit.from_json(traffic)


def verbs(store: Store) -> list[str]:
    return list(Activity(store).entries(kind="deployment")["verb"])[::-1]


def test_a_good_candidate_goes_from_no_requests_to_all(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    info = deployments.start_rollout("flights", 2, "canary", CANARY, "fewer false alarms")
    assert (info.state, info.step, info.stable_version, info.candidates) == ("running", 1, 1, (2,))
    assert [(s.version, s.percent) for s in info.shares] == [(1, 100.0), (2, 0.0)]
    assert worker.look().message == "starting"  # its process is not ready
    add_process(store, 2)

    info = worker.look()
    assert (info.step, info.message) == (2, "10 % of the requests")
    assert [(s.role, s.percent, s.ready) for s in info.shares] == [
        ("stable", 90.0, 1),
        ("candidate", 10.0, 1),
    ]
    assert worker.after(59).step == 2
    info = worker.after(1)
    assert (info.step, [s.percent for s in info.shares]) == (3, [50.0, 50.0])
    info = worker.after(60)
    assert (info.state, info.chosen_version, info.shares) == ("succeeded", 2, ())
    assert [step.state for step in info.steps] == ["done"] * 3

    after = deployments.deployment("flights")
    assert (after.version, after.serving_version, after.previous_version) == (2, 2, 1)
    assert after.warm_until is not None
    assert after.revisions[0].action == "rolled out"
    assert after.revisions[0].reason == "fewer false alarms"
    assert split(store) is None
    assert verbs(store)[1:] == [
        "rollout started", "rollout advanced", "rollout advanced", "rollout advanced", "rolled out",
    ]  # fmt: skip


def test_comparisons_are_made_at_each_interval_and_at_the_end_of_a_step(running: Worker) -> None:
    assert running.compared == []
    running.after(29)
    assert running.compared == []
    running.after(1)
    assert running.compared == [NOW + timedelta(seconds=30)]
    running.after(29)
    assert len(running.compared) == 1
    assert running.after(1).step == 3
    assert running.compared[1:] == [NOW + timedelta(seconds=60)]


def test_a_worse_candidate_is_rolled_back_at_once_with_its_figures(
    running: Worker, store: Store, deployments: Deployments
) -> None:
    running.outcome, running.message = "failed", "Errors: 12 of 100 requests failed"
    info = running.after(30)
    assert (info.state, info.message) == ("rolled_back", "Errors: 12 of 100 requests failed")
    assert split(store) is None
    after = deployments.deployment("flights")
    assert (after.version, after.serving_version) == (1, 1)
    newest = Activity(store).entries(kind="deployment").iloc[0]
    assert (newest["verb"], newest["actor"]) == ("rollout rolled back", "controller")
    assert newest["reason"] == "Errors: 12 of 100 requests failed"
    assert running.after(600).state == "rolled_back"


def test_what_cannot_be_decided_is_held_until_later_comparisons_pass(
    running: Worker, store: Store
) -> None:
    running.outcome, running.message = "inconclusive", "12 requests so far; 50 needed"
    info = running.after(60)
    assert (info.state, info.hold, info.step) == ("held", "inconclusive", 2)
    assert info.message == "12 requests so far; 50 needed"
    assert split(store) is not None
    [item] = Attention(store).items()
    assert (item.kind, item.ref, item.state) == ("deployment", "flights", "inconclusive")
    assert item.title == "flights: the rollout of version 2 is held"
    assert item.message == info.message
    info = running.after(3600)
    assert (info.state, info.step) == ("held", 2)
    assert verbs(store).count("rollout held") == 1
    running.outcome = "passed"
    info = running.after(30)
    assert (info.state, info.hold, info.step) == ("running", "", 3)
    assert Attention(store).items() == []


def test_a_person_may_go_on_with_what_cannot_be_decided(
    running: Worker, deployments: Deployments
) -> None:
    with pytest.raises(Conflict, match="running"):
        deployments.continue_rollout("flights")
    running.outcome = "inconclusive"
    running.after(60)
    deployments.continue_rollout("flights", "we know these customers")
    assert running.look().step == 3
    running.after(60)
    info = deployments.continue_rollout("flights")
    assert (info.state, info.chosen_version) == ("succeeded", 2)


def test_an_approval_is_waited_for_and_a_failure_meanwhile_rolls_back(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    deployments.start_rollout("flights", 2, "canary", CANARY | {"steps": [10], "approval": True})
    add_process(store, 2)
    worker.look()
    info = worker.after(60)
    assert (info.state, info.hold) == ("held", "approval")
    worker.outcome = "inconclusive"
    assert worker.after(30).hold == "approval"
    worker.outcome, worker.message = "failed", "slower"
    assert worker.after(30).state == "rolled_back"


def test_a_person_may_hold_and_continue_a_step(running: Worker, deployments: Deployments) -> None:
    info = deployments.hold_rollout("flights", "looking at complaints")
    assert (info.state, info.hold) == ("held", "person")
    assert info.message == "held by ada: looking at complaints"
    with pytest.raises(Conflict, match="held already"):
        deployments.hold_rollout("flights")
    assert running.after(600).step == 2
    deployments.continue_rollout("flights")
    assert running.look().step == 3


def test_a_rollout_is_cancelled_or_rolled_back_by_a_person(
    running: Worker, deployments: Deployments, store: Store
) -> None:
    assert deployments.cancel_rollout("flights", "wrong version").state == "cancelled"
    assert split(store) is None
    with pytest.raises(Conflict, match="no rollout"):
        deployments.cancel_rollout("flights")
    deployments.start_rollout("flights", 2, "canary", CANARY)
    running.look()
    deployments.roll_back("flights", "complaints")
    info = deployments.rollout("flights")
    assert (info.state, info.message) == ("rolled_back", "complaints")
    assert deployments.deployment("flights").version == 1
    assert list(deployments.rollouts("flights")["state"]) == ["rolled_back", "cancelled"]


def test_another_worker_continues_a_rollout_and_a_step_is_not_begun_twice(
    running: Worker, store: Store
) -> None:
    running.clock.advance(timedelta(seconds=59))
    running.controller = running.another()
    info = running.look()
    assert (info.step, info.step_started_at) == (2, NOW)
    running.controller = running.another()
    assert running.after(1).step == 3
    assert verbs(store).count("rollout advanced") == 3


def test_a_smoke_test_that_fails_keeps_requests_from_the_candidate(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    worker.smoke = "it cannot answer its example: KeyError"
    deployments.start_rollout("flights", 2, "canary", CANARY)
    add_process(store, 2)
    info = worker.look()
    assert (info.state, info.message) == ("rolled_back", "it cannot answer its example: KeyError")
    assert info.analyses[0].kind == "smoke_test"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"state": "failed", "fast_crashes": 3, "last_exit": "exit code 1"}, "does not stay up"),
        ({"state": "crash_loop", "fast_crashes": 5}, "does not stay up"),
        ({"rss_bytes": 3 * 2**30}, "takes 3,072 MB; 2,048 MB are allowed"),
    ],
)
def test_a_process_at_fault_ends_a_rollout_at_once(
    deployments: Deployments, worker: Worker, store: Store, values: dict[str, Any], reason: str
) -> None:
    deployments.start_rollout("flights", 2, "canary", CANARY | {"max_memory_mb": 2048})
    add_process(store, 2)
    worker.look()
    change_process(store, 2, **values)
    info = worker.look(1)
    assert info.state == "rolled_back"
    assert reason in info.message


def test_crashes_of_an_earlier_rollout_do_not_end_a_new_one(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    deployments.start_rollout("flights", 2, "canary", CANARY)
    add_process(store, 2)
    worker.look()
    change_process(store, 2, state="failed", fast_crashes=3, last_exit="killed by SIGKILL")
    assert worker.look(1).state == "rolled_back"
    deployments.start_rollout("flights", 2, "canary", CANARY)
    assert worker.look(1).state == "running"


def test_a_candidate_that_never_gets_ready_is_given_up(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    deployments.start_rollout("flights", 2, "direct", {"start_seconds": 30})
    add_process(store, 2, "starting")
    worker.look()
    assert worker.after(30).state == "running"
    info = worker.after(1)
    assert (info.state, info.message) == (
        "rolled_back",
        "the candidate was not ready within 30 s",
    )


def test_a_process_that_is_replaced_in_a_step_is_waited_for(running: Worker, store: Store) -> None:
    change_process(store, 2, state="failed", fast_crashes=1)
    assert running.after(60).step == 2
    change_process(store, 2, state="ready")
    assert running.look().step == 3


def test_an_error_burst_ends_a_rollout_before_its_analysis(running: Worker, store: Store) -> None:
    journal = Journal(journal_folder(store.folder, "flights"))
    at = int(datetime.now(UTC).timestamp() * 1e6)
    for number in range(40):
        line = {"at": at, "version": 1, "rows": 1, "ms": 1.5, "status": 200}
        journal.request(line)
        journal.request(line | {"version": 2, "status": 500 if number % 2 else 200})
    info = running.look(1)
    assert info.state == "rolled_back"
    assert info.message == (
        "20 of 40 requests to version 2 failed within a minute, 0 of 40 to version 1"
    )


def test_failures_that_both_versions_have_are_not_the_candidates(
    running: Worker, store: Store
) -> None:
    folder = journal_folder(store.folder, "flights")
    folder.mkdir(parents=True)
    at = int(datetime.now(UTC).timestamp() * 1e6)
    lines = [
        orjson.dumps({"q": {"at": at, "version": v, "rows": 1, "ms": 0.1, "status": 503}})
        for v in (1, 2) * 30
    ]
    journal = Journal(folder)
    for line in lines:
        journal.request(orjson.loads(line)["q"])
    assert running.look(1).state == "running"


def test_a_clock_that_is_set_back_begins_the_step_again(running: Worker) -> None:
    running.after(50)
    running.clock.advance(timedelta(days=-1))
    info = running.look()
    assert (info.step, info.step_started_at) == (2, NOW + timedelta(seconds=50) - timedelta(days=1))
    assert running.after(60).step == 3


def test_blue_green_swaps_and_is_watched_before_it_ends(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    deployments.start_rollout("flights", 2, "blue_green", {"approval": True, "bake_seconds": 60})
    add_process(store, 2)
    info = worker.look()
    assert (info.hold, info.shares[1].preview, info.shares[1].percent) == ("approval", True, 0.0)
    deployments.continue_rollout("flights")
    info = worker.look()
    assert info.shares[1].percent == 100.0
    assert worker.after(60).state == "succeeded"


def test_a_shadow_ends_without_replacing_unless_it_was_asked_to(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    deployments.start_rollout("flights", 2, "shadow", {"seconds": 60, "percent": 20})
    add_process(store, 2)
    assert worker.look().shares[1].copies == 20.0
    info = worker.after(60)
    assert (info.state, info.chosen_version) == ("succeeded", None)
    assert info.message == "every step has passed; version 1 stays"
    assert deployments.deployment("flights").version == 1
    deployments.start_rollout("flights", 2, "shadow", {"seconds": 60, "replace": True})
    worker.look()
    worker.after(60)
    assert deployments.deployment("flights").version == 2


def test_of_several_versions_a_person_chooses_one(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    info = deployments.start_rollout("flights", (2, 3), "ab_test", {"seconds": 60})
    assert info.needs_several
    add_process(store, 2)
    assert worker.look().message == "starting"  # the other one is not ready
    add_process(store, 3)
    info = worker.look()
    assert [(s.version, s.role, s.percent) for s in info.shares] == [
        (1, "a", 33.34), (2, "b", 33.33), (3, "c", 33.33),
    ]  # fmt: skip
    assert worker.after(60).message == "Compare is over: a person chooses the version"
    with pytest.raises(Invalid, match="2, 3, 1"):
        deployments.continue_rollout("flights")
    info = deployments.continue_rollout("flights", "more sales", version=3)
    assert (info.state, info.chosen_version) == ("succeeded", 3)
    assert deployments.deployment("flights").version == 3


def test_the_stable_version_may_be_the_one_that_stays(
    deployments: Deployments, worker: Worker, store: Store
) -> None:
    deployments.start_rollout("flights", 2, "ab_test", {"seconds": 60})
    add_process(store, 2)
    worker.look()
    worker.after(60)
    deployments.continue_rollout("flights", "nothing gained", version=1)
    assert deployments.rollout("flights").state == "succeeded"
    assert deployments.deployment("flights").version == 1


def test_while_a_rollout_is_under_way_nothing_else_changes_the_version(
    running: Worker, deployments: Deployments
) -> None:
    with pytest.raises(Conflict, match="rollout of version 2"):
        deployments.switch_version("flights", 3)
    with pytest.raises(Conflict, match="rollout of version 2"):
        deployments.start_rollout("flights", 3)
    deployments.stop("flights")
    info = deployments.rollout("flights")
    assert (info.state, info.message) == ("cancelled", "the deployment was stopped")
    assert deployments.active_rollout("flights") is None
    with pytest.raises(Conflict, match="stopped"):
        deployments.start_rollout("flights", 2)


def test_a_deployment_that_a_file_stopped_ends_its_rollout(running: Worker, store: Store) -> None:
    with store.write() as session:
        session.get_one(Deployment, "flights").desired_state = "stopped"
    info = running.look(1)
    assert (info.state, info.message) == ("rolled_back", "the deployment was stopped")


def test_a_version_that_is_tried_is_in_use(running: Worker, store: Store) -> None:
    with store.read() as session:
        assert deployed_versions(session) == {"late@1", "late@2"}
        assert use_of_version(session, "late", 2) == (
            "a rollout of the deployment 'flights' has tried it"
        )
        assert use_of_version(session, "late", 3) == ""
    message = Deployments(store).deployment("flights").message
    assert message == "Version 1 is serving; a rollout tries version 2."


def test_what_cannot_work_is_refused_before_it_starts(
    deployments: Deployments, store: Store
) -> None:
    needs = Signature((*SIGNATURE.inputs, SignatureField("tail", "string")), "late", (0, 1), 1)
    register(store, "late", b"four", signature=needs, example=[{**EXAMPLE[0], "tail": "N1"}])
    with pytest.raises(Refused, match="columns that callers do not send: tail"):
        deployments.start_rollout("flights", 4)
    with pytest.raises(Conflict, match="already"):
        deployments.start_rollout("flights", 1)
    with pytest.raises(NotFound):
        deployments.start_rollout("flights", 9)
    analysis = {"criteria": [{"kind": "disagreement"}]}
    with pytest.raises(Invalid, match="pair by pair"):
        deployments.start_rollout("flights", 2, "canary", {"analysis": analysis})
    with pytest.raises(NotFound, match="no such rollout"):
        deployments.rollout("flights")
    assert deployments.rollouts("flights").empty
    assert deployments.start_rollout("flights", 4, "direct").state == "running"


def test_a_preview_says_what_will_happen_and_what_is_in_the_way(
    deployments: Deployments, running: Worker
) -> None:
    deployments.cancel_rollout("flights")
    preview = deployments.preview_rollout("flights", 2, "canary", CANARY)
    assert preview.can_start
    assert [step.title for step in preview.steps] == [
        "Start", "10 % of the requests", "50 % of the requests",
    ]  # fmt: skip
    assert [share.percent for share in preview.steps[1].shares] == [90.0, 10.0]
    assert preview.notes[:2] == (
        "1 more process runs until the rollout ends.",
        "It takes at least 2 minutes.",
    )
    refused = deployments.preview_rollout("flights", 1, "canary", {"steps": [50, 10]})
    assert not refused.can_start
    assert set(refused.fields) == {"params.steps"}
    assert any("serves version 1 already" in reason for reason in refused.refusals)
