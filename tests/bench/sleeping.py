"""Fifty deployments on one machine: those that nobody asks sleep, and are woken by a request.

They share a limit of memory, beyond which the longest idle sleep. Given are the seconds of the
first answer of one that slept, and the memory of all model processes, the highest and once settled.
The reference is the goal of two seconds.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from harness.serving import ServerProcess, Worker, register, running_models, trained, wait_for
from pilothouse.deployments import Deployments
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace

DEPLOYMENTS, ASKED, LIMIT_MB, GOAL_S = 50, 12, 800, 2.0
ROW = {"distance": 500.0, "carrier": "AA", "wind": 3.0}


def measure() -> dict[str, Any]:
    """Launch all of them, wait until they sleep, and ask some of them one after another."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(workspace=Path(folder), serving_memory_mb=LIMIT_MB)
        store = open_workspace(settings=settings).store
        register(store, "late", trained())
        with Worker(store), ServerProcess(store) as server:
            result = _measured(store, server)
        store.engine.dispose()
    return {"work": "sleeping", **result}


def _measured(store: Store, server: ServerProcess) -> dict[str, Any]:
    deployments, highest = Deployments(store), 0.0
    names = [f"late-{number:02}" for number in range(DEPLOYMENTS)]
    for name in names:
        deployments.launch(name, "late", 1)
        deployments.set_sleep(name, 60.0)
        deployments.wait_until_ready(name)
        highest = max(highest, _memory_mb(store))
    wait_for(lambda: _memory_mb(store) <= LIMIT_MB, 60.0)
    settled = _memory_mb(store)

    frame, seconds = deployments.deployments(), []
    asleep = list(frame.loc[frame["status"] == "asleep", "name"])[:ASKED]
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as caller:
        for name in asleep:
            began = time.perf_counter()
            body = {"instances": [ROW]}
            caller.post(f"/deployments/{name}/predict", json=body).raise_for_status()
            seconds.append(time.perf_counter() - began)
            highest = max(highest, _memory_mb(store))
    return {
        "deployments": DEPLOYMENTS,
        "highest_memory_mb": round(highest),
        "settled_memory_mb": round(settled),
        "limit_mb": LIMIT_MB,
        "wake_max_s": round(max(seconds), 2),
        "ours": round(statistics.median(seconds), 2),
        "reference": GOAL_S,
        "ratio": round(GOAL_S / statistics.median(seconds), 2),
        "unit": "s to the first answer of a deployment that slept",
    }


def _memory_mb(store: Store) -> float:
    return sum(psutil.Process(pid).memory_info().rss for pid in running_models(store)) / 2**20
