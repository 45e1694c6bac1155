"""Rollouts with real model processes, a real server and callers that never pause."""

from __future__ import annotations

import io
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from harness.serving import (
    EXAMPLE,
    ServerProcess,
    cancel_rollout,
    serving,
    trained,
    wait_for,
    workspace_of,
)
from harness.working_threads import WorkingThreads
from pilothouse.deployments import Deployments
from pilothouse.deployments.rollouts.rollout_info import RolloutInfo
from pilothouse.kit.ids import uuid7s
from pilothouse.storage import Store

pytestmark = pytest.mark.proof
RARE = 17  # one request in so many has a carrier that the models have not seen
CARRIERS = ("AA", "B6", "UA")


def broken() -> bytes:
    """The pipeline of `trained` whose encoder does not accept a category it has not seen."""
    import joblib

    model = joblib.load(io.BytesIO(trained(1.0)))
    model[0].named_transformers_["onehotencoder"].handle_unknown = "error"
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A good second version, and a third one that cannot answer one request in seventeen."""
    folder: Path = tmp_path_factory.mktemp("rollouts") / "workspace"
    with workspace_of(folder, trained(1.0), trained(0.9), broken()) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(store: Store) -> Iterator[ServerProcess]:
    with serving(store, 1) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_rollout_is_left(store: Store) -> Iterator[None]:
    yield
    cancel_rollout(store)


class Load(WorkingThreads):
    """Callers that never pause; what each was answered is kept."""

    def __init__(self, url: str, count: int = 3) -> None:
        self._url = url
        self.statuses: Counter[int] = Counter()
        self.versions: list[str] = []
        self.ids: list[str] = []
        self.callers: dict[str, list[str]] = {}
        super().__init__(*(partial(self._call, number) for number in range(count)))

    def _call(self, number: int) -> None:
        count = 0
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as client:
            while not self.stop.is_set():
                count += 1
                caller = f"{number}-{count % 40}"
                carrier = "ZZ" if count % RARE == 0 else CARRIERS[count % 3]
                [identity] = uuid7s(1)
                record = {"distance": 400.0 + count % 200, "carrier": carrier, "wind": 9.0}
                body = {"dataframe_records": [record], "params": {"prediction_ids": [identity]}}
                answer = client.post(
                    "/deployments/flights/invocations", json=body, headers={"x-entity-id": caller}
                )
                self.statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    version = answer.headers["x-model-version"]
                    self.versions.append(version)
                    self.ids.append(identity)
                    self.callers.setdefault(caller, []).append(version)

    def until(self, version: str, seconds: float = 60.0) -> float:
        """Seconds until the next answer of a version."""
        began, seen = time.monotonic(), len(self.versions)
        wait_for(lambda: version in self.versions[seen:], seconds)
        return time.monotonic() - began


def ended(deployments: Deployments, seconds: float = 240.0) -> RolloutInfo:
    def over() -> RolloutInfo | None:
        info = deployments.rollout("flights")
        return None if info.is_active else info

    try:
        return wait_for(over, seconds)
    except AssertionError as late:
        info = deployments.rollout("flights")
        raise AssertionError(f"step {info.step}, {info.state}: {info.analyses[:1]}") from late


def test_a_good_candidate_goes_to_all_requests_and_none_is_lost(
    store: Store, server: ServerProcess
) -> None:
    deployments = Deployments(store)
    criteria = [{"kind": "error_rate", "params": {"limit": 0.05}}, {"kind": "refused_requests"}]
    settings = {
        "steps": [20, 50],
        "pause_seconds": 8,
        "interval_seconds": 4,
        "analysis": {"criteria": criteria, "min_requests": 30},
    }
    with Load(server.url) as load:
        load.until("1")
        deployments.start_rollout("flights", 2, "canary", settings, "as good")
        info = ended(deployments)
        assert (info.state, info.chosen_version) == ("succeeded", 2), info.message
        load.until("2")
        began = time.monotonic()
        deployments.roll_back("flights", "only a test")
        load.until("1")
        assert time.monotonic() - began < 2
        [pid] = [
            replica.pid
            for replica in deployments.deployment("flights").replicas
            if replica.version == 1
        ]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        load.until("1")
    assert set(load.statuses) == {200}
    assert sorted(deployments.predictions("flights")["prediction_id"]) == sorted(load.ids)
    for versions in load.callers.values():  # 1 ... 1 2 ... 2 1 ... 1: no caller goes back and forth
        assert sum(a != b for a, b in pairwise(versions)) <= 2


def test_a_candidate_that_cannot_answer_some_rows_is_rolled_back_for_that(
    store: Store, server: ServerProcess
) -> None:
    deployments = Deployments(store)
    refused = {"kind": "refused_requests", "params": {"limit": 0.01}}
    analysis = {"criteria": [{"kind": "error_rate"}, refused]}
    settings = {"steps": [50], "pause_seconds": 3_600, "interval_seconds": 4, "analysis": analysis}
    with Load(server.url):
        deployments.start_rollout("flights", 3, "canary", settings)
        info = ended(deployments)
    assert info.state == "rolled_back"
    assert info.message.startswith("Refused requests"), info.message
    assert deployments.deployment("flights").version == 1


def test_a_candidate_that_is_killed_again_and_again_is_rolled_back_and_callers_see_nothing(
    store: Store, server: ServerProcess
) -> None:
    deployments = Deployments(store)
    settings = {"steps": [50], "pause_seconds": 3_600, "interval_seconds": 3_600}

    def pid_of_candidate() -> int | None:
        replicas = deployments.deployment("flights").replicas
        return next((r.pid for r in replicas if r.version == 2 and r.state == "ready"), None)

    with Load(server.url) as load:
        deployments.start_rollout("flights", 2, "canary", settings)
        load.until("2")
        while deployments.rollout("flights").is_active:
            pid = pid_of_candidate()
            if pid is not None:
                with suppress(ProcessLookupError):  # it was noted as ready, and is gone already
                    os.kill(pid, signal.SIGKILL)
            load.until("1", 5)
    info = deployments.rollout("flights")
    assert info.state == "rolled_back"
    assert "does not stay up" in info.message
    assert set(load.statuses) == {200}


def test_a_shadow_is_compared_pair_by_pair_and_answers_nobody(
    store: Store, server: ServerProcess
) -> None:
    deployments = Deployments(store)
    analysis = {"criteria": [{"kind": "disagreement", "required": True}], "min_requests": 50}
    settings = {"seconds": 6, "interval_seconds": 3, "analysis": analysis}
    with Load(server.url) as load:
        deployments.start_rollout("flights", 2, "shadow", settings)
        info = ended(deployments)
    assert info.state == "succeeded", info.message
    assert set(load.versions) == {"1"}
    [verdict] = info.analyses[0].verdicts
    assert verdict["results"][0]["criterion"] == "disagreement"
    metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text
    assert 'result="answered"' in metrics


def test_rewards_and_callers_of_an_a_b_test(store: Store, server: ServerProcess) -> None:
    deployments = Deployments(store)
    deployments.start_rollout("flights", 2, "ab_test", {"shares": [50]})
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:

        def call(entity: str) -> httpx.Response:
            body = {"dataframe_records": EXAMPLE, "params": {"entity_id": entity}}
            return client.post("/deployments/flights/invocations", json=body)

        wait_for(
            lambda: (
                {call(str(n)).headers["x-variant"] for n in range(40)} == {"stable", "candidate"}
            ),
            120,
        )
        first = [call(f"customer {n}").headers["x-model-version"] for n in range(60)]
        again = [call(f"customer {n}").headers["x-model-version"] for n in range(60)]
        assert first == again
        assert set(first) == {"1", "2"}
        token = call("anna").headers["x-route"]
        named = client.post(
            "/deployments/flights/invocations",
            json={"dataframe_records": EXAMPLE},
            headers={"x-route": token},
        )
        assert named.headers["x-model-version"] == call("anna").headers["x-model-version"]
        path = "/deployments/flights/feedback"
        rewards = [{"entity_id": f"customer {n}", "reward": n} for n in range(60)]
        assert client.post(path, json={"feedback": rewards}).json() == {"accepted": 60}
        assert client.post(path, json={"reward": 1}).status_code == 422
        assert client.get("/v2/models/flights/versions/2").status_code == 200
        assert client.get("/v2/models/flights/versions/3").status_code == 404
        answer = client.post("/api/deployments/flights/rollouts/cancel", json={})
        assert answer.json()["state"] == "cancelled"
        listed = client.get("/api/deployments/flights/rollouts").json()
        assert listed[0]["state"] == "cancelled"
