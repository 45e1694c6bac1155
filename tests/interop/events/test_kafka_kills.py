"""The process of events, killed again and again; and requests answered by a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.mock_broker import MockBroker, external_deployment, received
from harness.serving import ServerProcess, Worker, trained, workspace_of
from pilothouse.interop.events.connections import ConnectionSpec
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

pytestmark = pytest.mark.proof
LABELS = 10_000
MODULE = "pilothouse.interop.events.bridge"
# The process of events, which ends with SIGKILL after our commit and before the broker hears of it.
KILLED = """
import os, signal
from pilothouse.interop.events import bridge, kafka_clients
if not os.path.exists(os.environ["SPARE"]):
    kafka_clients.KafkaReader.acknowledge = lambda _: os.kill(os.getpid(), signal.SIGKILL)
bridge.main()
"""


def test_ten_thousand_labels_are_each_counted_once_although_it_is_killed_at_every_commit(
    tmp_path: Path,
) -> None:
    broker, spare = MockBroker(), tmp_path / "spare"
    workspace = open_workspace(settings=Settings(workspace=tmp_path / "workspace", actor="ada"))
    ids = [f"p{number}" for number in range(LABELS)]
    external_deployment(workspace, "late", ids)
    broker.create("outcomes")
    values = [(word, {"label": "yes" if int(word[1:]) % 3 else "no"}) for word in ids]
    broker.send("outcomes", values)
    settings = broker.settings("outcomes")
    workspace.events.add(
        ConnectionSpec("labels", "labels", "kafka", "late", settings, options={"start": "earliest"})
    )
    kills = 0
    while workspace.events.connection("labels").messages < LABELS:
        if kills == 12:
            spare.touch()
        ended = run(workspace, spare)
        kills += ended == -9
    assert kills >= 3
    info = workspace.events.connection("labels")
    assert (info.messages, info.taken, info.set_aside) == (LABELS, LABELS, 0)
    labels = workspace.deployments.labels("late")
    assert len(labels) == labels["prediction_id"].nunique() == LABELS
    assert (labels["label"] == "no").sum() == len(range(0, LABELS, 3))
    print(f"{kills} kills")  # noqa: T201
    workspace.store.engine.dispose()


def run(workspace: Workspace, spare: Path) -> int:
    """Start the process of events, and wait until it is killed or everything was read."""
    environment = {**os.environ, "SPARE": str(spare)}
    with started([sys.executable, "-c", KILLED], workspace.store.settings, environment) as process:
        late = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < late:
            if workspace.events.connection("labels").messages >= LABELS:
                time.sleep(1)
                break
            time.sleep(0.1)
    return process.returncode


@contextmanager
def started(
    command: list[str], settings: Settings, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The process of events, which ends with its input."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    with process:
        process.stdin.write(settings.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        yield process


def test_requests_are_answered_by_the_server_and_logged(tmp_path: Path) -> None:
    broker = MockBroker()
    broker.create("asked")
    broker.create("answers")
    with workspace_of(tmp_path, trained()) as store, Worker(store), ServerProcess(store):
        workspace = open_workspace(settings=store.settings)
        workspace.deployments.launch("late", "late", 1)
        workspace.deployments.wait_until_ready("late")
        options = {"reply_topic": "answers", "start": "earliest"}
        settings = broker.settings("asked")
        workspace.events.add(
            ConnectionSpec("asked", "requests", "kafka", "late", settings, options)
        )
        good: dict[str, Any] = {"distance": 500.0, "carrier": "AA", "wind": 12.0}
        broker.send("asked", [("k1", {"id": "a", "inputs": good}), ("k2", {"inputs": good})])
        broker.send("asked", [("k3", {"inputs": {**good, "distance": "far"}})])
        with started([sys.executable, "-m", MODULE], store.settings) as process:
            answers = dict(received(broker.address, "answers", 3, seconds=60))
        assert process.returncode == 0
        assert answers["k1"]["prediction_id"] == "a"
        assert 0 <= answers["k1"]["score"] <= 1
        assert answers["k2"]["prediction_id"] == "asked-0-1"
        assert "distance" in json.dumps(answers["k3"]["error"])
        logged = workspace.deployments.predictions("late")
        assert set(logged["prediction_id"]) == {"a", "asked-0-1"}
        workspace.store.engine.dispose()
