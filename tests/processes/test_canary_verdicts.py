"""Canaries of worse models and of a good one, with real processes: each ends for its own reason."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from harness.odd_models import of_shuffled_labels, raising, slow
from harness.serving import (
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

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(1_200)]
STABLE, SHUFFLED, RAISING, SLOW, GOOD = 1, 2, 3, 4, 5
STABLE_MS, SLOW_MS = 20, 100
CRITERIA = [
    {"kind": "error_rate", "params": {"limit": 0.02}},
    {"kind": "latency", "params": {"percentile": 50, "limit": 2.0, "margin_ms": 5.0}},
    {"kind": "realised_loss"},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The stable version takes twenty milliseconds, the slow one five times as long."""
    folder = tmp_path_factory.mktemp("verdicts") / "workspace"
    models = (slow(STABLE_MS), of_shuffled_labels(), raising(0.05), slow(SLOW_MS), trained(0.9))
    with workspace_of(folder, *models) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(store: Store) -> Iterator[ServerProcess]:
    with serving(store, STABLE) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_rollout_is_left(store: Store) -> Iterator[None]:
    yield
    cancel_rollout(store)


class Callers(WorkingThreads):
    """Callers with rows as the models were trained on, which say later what came true."""

    def __init__(self, url: str, count: int = 3, pause: float = 0.0) -> None:
        self._url, self._pause = url, pause
        super().__init__(*(partial(self._call, number) for number in range(count)))
        self.statuses: list[int] = []

    def _call(self, number: int) -> None:
        draw = random.Random(number)
        ids: list[str] = []
        labels: list[int] = []
        with httpx.Client(base_url=self._url, timeout=60, trust_env=False) as client:
            while not self.stop.wait(self._pause):
                wind = draw.gauss(10, 3)
                row = {"distance": draw.gauss(500, 100), "carrier": "AA", "wind": wind}
                [identity] = uuid7s(1)
                body = {"dataframe_records": [row], "params": {"prediction_ids": [identity]}}
                answer = client.post("/deployments/flights/invocations", json=body)
                self.statuses.append(answer.status_code)
                if answer.status_code == 200:
                    ids.append(identity)
                    labels.append(int(wind + draw.gauss(0, 2) > 11))
                if len(ids) >= 40:
                    sent = {"ids": ids, "labels": labels}
                    assert client.post("/deployments/flights/labels", json=sent).is_success
                    ids, labels = [], []


def rollout(store: Store, version: int, **settings: Any) -> None:
    plan = {
        "steps": [50],
        "pause_seconds": 3_600,
        "interval_seconds": 4,
        "max_error_percent": 50,
        "analysis": {"criteria": CRITERIA, "min_requests": 50},
    }
    Deployments(store).start_rollout("flights", version, "canary", plan | settings)


def ended(store: Store, seconds: float = 400.0) -> RolloutInfo:
    deployments = Deployments(store)
    wait_for(lambda: deployments.active_rollout("flights") is None, seconds)
    return deployments.rollout("flights")


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (SHUFFLED, "Loss with labels: mean loss"),
        (RAISING, "Errors: "),
        (SLOW, "Latency: p50 "),
    ],
)
def test_a_worse_model_is_rolled_back_for_its_reason(
    store: Store, server: ServerProcess, version: int, reason: str
) -> None:
    with Callers(server.url):
        rollout(store, version)
        info = ended(store)
    print(f"\n{info.message}, after {info.ended_at - info.started_at}")  # type: ignore[operator]  # noqa: T201
    assert info.state == "rolled_back"
    assert info.message.startswith(reason), info.message
    assert Deployments(store).deployment("flights").version == STABLE


def test_three_requests_a_minute_hold_a_rollout_which_says_so(
    store: Store, server: ServerProcess
) -> None:
    deployments = Deployments(store)
    with Callers(server.url, count=1, pause=20.0):
        rollout(store, GOOD, pause_seconds=40)
        info = wait_for(lambda: (i := deployments.rollout("flights")).state == "held" and i, 240)
        time.sleep(10)
        assert deployments.rollout("flights").state == "held"
        deployments.cancel_rollout("flights")
    assert info.hold == "inconclusive"
    assert "requests so far; 50 of each version needed" in info.message
    assert math.isfinite(sum(share.percent for share in info.shares))


def test_a_good_model_goes_to_all_requests(store: Store, server: ServerProcess) -> None:
    with Callers(server.url):
        rollout(store, GOOD, steps=[20, 50], pause_seconds=10)
        info = ended(store, 600)
    assert (info.state, info.chosen_version) == ("succeeded", GOOD), info.message
    assert Deployments(store).deployment("flights").version == GOOD
