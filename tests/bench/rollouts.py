"""The split of a canary over 10,000 callers, and what a shadow costs the callers of a deployment.

Split: each caller has an entity id and asks twice while the candidate gets 25 % of the requests:
the share that it answers, and the callers that got answers of both versions. The reference is the
goal of one percent.

Shadow: p99 of the live answers without and with copies of all requests, in alternating rounds of
the same client.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from harness.http_load import load, post_request
from harness.serving import ServerProcess, Worker, register, trained, wait_for
from pilothouse.deployments import Deployments
from pilothouse.kit.settings import Settings
from pilothouse.workspace import open_workspace

CALLERS, THREADS, ROUNDS, SECONDS, CONNECTIONS = 10_000, 4, 5, 3.0, 1
ROW = {"distance": 500.0, "carrier": "AA", "wind": 3.0}
NAME, PERCENT, GOAL = "late", 25, 0.01
FOR_LONG = 86_400  # no step of a rollout ends by itself while it is measured


def measure() -> dict[str, Any]:
    """Both, on one deployment of two equal versions."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as (deployments, server):
        split = _split(deployments, server)
        shadow = _shadow(deployments, server, Path(folder) / "request")
    ours = split["split_error"]
    return {
        "work": "rollouts",
        **split,
        **shadow,
        "ours": round(ours, 4),
        "reference": GOAL,
        "ratio": round(GOAL / max(ours, 1e-9), 2),
        "unit": "error of the share of a split",
        "callers": CALLERS,
    }


@contextmanager
def _served(folder: Path) -> Iterator[tuple[Deployments, ServerProcess]]:
    """A deployment of the first of two versions that are alike."""
    store = open_workspace(settings=Settings(workspace=folder)).store
    register(store, NAME, trained(), trained())
    deployments = Deployments(store)
    with Worker(store), ServerProcess(store) as server:
        deployments.launch(NAME, NAME, 1)
        deployments.wait_until_ready(NAME)
        yield deployments, server
    store.engine.dispose()


def _split(deployments: Deployments, server: ServerProcess) -> dict[str, Any]:
    settings = {"steps": [PERCENT], "pause_seconds": FOR_LONG}
    deployments.start_rollout(NAME, 2, "canary", settings)
    _wait_for_step(deployments)
    first, again = _variants(server), _variants(server)
    deployments.cancel_rollout(NAME)
    return {
        "split_error": abs(first.count("candidate") / CALLERS - PERCENT / 100),
        "answered_by_both": sum(a != b for a, b in zip(first, again, strict=True)),
    }


def _wait_for_step(deployments: Deployments) -> None:
    """Wait for the step after the start, and until the server follows it."""
    wait_for(lambda: deployments.rollout(NAME).step == 2, 60.0)
    time.sleep(1.0)


def _variants(server: ServerProcess) -> list[str]:
    """Which variant answers each caller, in their order."""

    def ask(numbers: range) -> list[str]:
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            return [_variant(client, f"customer-{number}") for number in numbers]

    size = CALLERS // THREADS
    with ThreadPoolExecutor(THREADS) as pool:
        parts = pool.map(ask, [range(i * size, (i + 1) * size) for i in range(THREADS)])
        return [variant for part in parts for variant in part]


def _variant(client: httpx.Client, caller: str) -> str:
    body, headers = {"instances": [ROW]}, {"x-entity-id": caller}
    answer = client.post(f"/deployments/{NAME}/predict", json=body, headers=headers)
    return str(answer.raise_for_status().headers["x-variant"])


def _shadow(deployments: Deployments, server: ServerProcess, file: Path) -> dict[str, Any]:
    """Medians over the rounds of the p99 without and with copies, and of their ratio."""
    port = int(server.url.rsplit(":", 1)[1])
    file.write_bytes(_request(port))
    alone, copied = [], []
    for _ in range(ROUNDS):
        alone.append(load(port, CONNECTIONS, SECONDS, file).p99_ms)
        deployments.start_rollout(NAME, 2, "shadow", {"seconds": FOR_LONG})
        _wait_for_step(deployments)
        copied.append(load(port, CONNECTIONS, SECONDS, file).p99_ms)
        deployments.cancel_rollout(NAME)
    ratios = [with_copies / without for with_copies, without in zip(copied, alone, strict=True)]
    return {
        "p99_alone_ms": round(statistics.median(alone), 2),
        "p99_shadow_ms": round(statistics.median(copied), 2),
        "p99_shadow_ratio": round(statistics.median(ratios), 3),
        "rounds": ROUNDS,
    }


def _request(port: int) -> bytes:
    body = orjson.dumps({"instances": [ROW]})
    return post_request(port, f"/deployments/{NAME}/predict", body)
