"""Events by librdkafka's mock broker: nothing is lost or doubled, and nothing bad blocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlmodel import select

from harness.mock_broker import LATE, MockBroker, external_deployment, received
from harness.raised_alerts import Ward
from pilothouse.deployments.tables import Deployment
from pilothouse.interop.events import positions
from pilothouse.interop.events.bridge import ConnectionThread
from pilothouse.interop.events.connections import ConnectionSpec
from pilothouse.interop.events.flows import RunningFlow
from pilothouse.interop.events.flows import labels as label_flow
from pilothouse.interop.tables import EventConnection, WaitingLabels
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Unavailable
from pilothouse.workspace import Workspace

NUMBERS = count()
IDS = [f"p{number}" for number in range(20)]


MOMENTS = {
    "before the commit": (label_flow.LabelReceiver, "_let_wait"),
    "before the journal": (label_flow.LabelReceiver, "_write_waiting"),
    "before the row": (label_flow.Journal, "seal"),
}


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def broker() -> MockBroker:
    return MockBroker()


@pytest.fixture
def topic(broker: MockBroker) -> str:
    name = f"topic-{next(NUMBERS)}"
    broker.create(name)
    return name


@pytest.fixture
def deployment(workspace: Workspace) -> str:
    external_deployment(workspace, "late", IDS)
    return "late"


def spec(broker: MockBroker, topic: str, flow: str = "labels", **others: Any) -> ConnectionSpec:
    options = {"start": "earliest", **others.pop("options", {})}
    return ConnectionSpec(
        others.pop("name", flow), flow, "kafka", others.pop("deployment", "late"),
        broker.settings(topic, **others), options,
    )  # fmt: skip


def opened(workspace: Workspace, name: str) -> RunningFlow:
    with workspace.store.read() as session:
        row = session.get_one(EventConnection, workspace.events.connection(name).id)
    return ConnectionThread(workspace.store, row).opened()


def drained(flow: RunningFlow, expected: int) -> None:
    """Step until so many messages were moved, and once more."""
    moved, tries = 0, 0
    while moved < expected:
        moved += flow.step()
        tries += 1
        assert tries < 30, f"{moved} of {expected} messages"


def labels_of(workspace: Workspace) -> dict[str, Any]:
    frame = workspace.deployments.labels("late")
    return dict(zip(frame["prediction_id"], frame["label"], strict=True))


@pytest.fixture
def running(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(label_flow, "SECONDS", 0.1)
    flows: list[RunningFlow] = []

    def run(name: str) -> RunningFlow:
        flows.append(opened(workspace, name))
        return flows[-1]

    yield run
    for flow in flows:
        flow.close()


def test_labels_come_once_and_what_is_bad_is_set_aside(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str, running: Any
) -> None:
    broker.send(
        topic,
        [
            ("", {"prediction_id": "p0", "label": "no"}),
            ("p1", {"label": "yes", "at": "2026-02-27T10:00:00Z"}),
            ("", b"{no json"),
            ("p2", None),
            ("", {"prediction_id": "p3", "label": "perhaps"}),
            ("", {"prediction_id": "p0", "label": "yes"}),
            ("", [{"prediction_id": "p4", "label": "no"}, {"prediction_id": "p5", "label": "no"}]),
        ],
    )
    workspace.events.add(spec(broker, topic))
    flow = running("labels")
    drained(flow, 7)
    assert labels_of(workspace) == {"p0": "yes", "p1": "yes", "p4": "no", "p5": "no"}
    frame = workspace.deployments.labels("late")
    assert str(frame[frame["prediction_id"] == "p1"]["label_at"].iloc[0])[:10] == "2026-02-27"
    info = workspace.events.connection("labels")
    assert (info.messages, info.taken, info.set_aside) == (7, 5, 3)
    assert flow.lag() == 0
    bad = workspace.events.set_aside("labels")
    assert [(item.position, item.can_retry) for item in bad] == [(4, True), (3, False), (2, True)]
    assert "perhaps" in bad[0].reason
    assert "no value" in bad[1].reason
    assert "not JSON" in bad[2].reason


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_any_moment_loses_and_doubles_nothing(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str, running: Any,
    monkeypatch: pytest.MonkeyPatch, moment: str,
) -> None:  # fmt: skip
    broker.send(topic, [(word, {"label": "yes"}) for word in IDS])
    workspace.events.add(spec(broker, topic))
    first = running("labels")

    def kill(*_: Any, **__: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(*MOMENTS[moment], kill)
        with pytest.raises(KilledError):
            drained(first, len(IDS))
    # A correction that came meanwhile by another way is newer than what was written before.
    if moment == "before the row":
        workspace.deployments.label("late", ["p3"], ["no"])
    second = running("labels")
    if moment == "before the commit":
        drained(second, len(IDS))
    labels = labels_of(workspace)
    assert set(labels) == set(IDS)
    assert labels["p3"] == ("no" if moment == "before the row" else "yes")
    info = workspace.events.connection("labels")
    assert (info.messages, info.taken) == (len(IDS), len(IDS))
    assert second.step() == 0
    with workspace.store.read() as session:
        assert session.exec(select(WaitingLabels)).all() == []


def test_what_was_read_twice_is_taken_once(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str, running: Any
) -> None:
    broker.send(topic, [(word, {"label": "yes"}) for word in IDS])
    workspace.events.add(spec(broker, topic))
    first, second = running("labels"), running("labels")
    drained(first, len(IDS))
    drained(second, len(IDS))
    info = workspace.events.connection("labels")
    assert (info.messages, info.taken) == (len(IDS), len(IDS))


def test_set_aside_messages_are_tried_again_or_dismissed(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str, running: Any
) -> None:
    broker.send(topic, [(word, {"outcome": "yes"}) for word in IDS[:3]])
    workspace.events.add(spec(broker, topic))
    drained(running("labels"), 3)
    assert workspace.events.connection("labels").set_aside == 3
    workspace.store.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    workspace.deployments.label("late", ["p0"], ["no"])
    workspace.events.change("labels", "their field", options={"label_field": "outcome"})
    assert workspace.events.retry("labels") == 3
    again = running("labels")
    drained(again, 3)
    assert labels_of(workspace) == {"p0": "no", "p1": "yes", "p2": "yes"}
    [left] = workspace.events.set_aside("labels")
    assert "labelled again" in left.reason
    assert workspace.events.dismiss("labels", [left.id], "it is old") == 1
    info = workspace.events.connection("labels")
    assert (info.set_aside, info.taken, info.messages) == (0, 2, 3)
    verbs = workspace.activity.entries(kind="event_connection")["verb"]
    assert set(verbs) == {"added", "changed", "retried", "dismissed"}


def test_a_new_connection_begins_at_the_end_and_misses_nothing(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str, running: Any
) -> None:
    broker.send(topic, [("p0", {"label": "no"})])
    workspace.events.add(spec(broker, topic, options={"start": "newest"}))
    running("labels").close()  # it has looked where the end is
    broker.send(topic, [("p1", {"label": "yes"})])
    drained(running("labels"), 1)
    assert labels_of(workspace) == {"p1": "yes"}


def test_a_topic_that_was_made_anew_is_read_again_and_that_is_said(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str, running: Any
) -> None:
    broker.send(topic, [("p0", {"label": "no"}), ("p1", {"label": "yes"})])
    info = workspace.events.add(spec(broker, topic))
    with workspace.store.write() as session:
        positions.keep(session, info.id, topic, 0, 99)
    drained(running("labels"), 2)
    assert labels_of(workspace) == {"p0": "no", "p1": "yes"}
    [lost] = workspace.events.set_aside("labels")
    assert (lost.position, lost.can_retry) == (99, False)
    assert "made anew" in lost.reason


def test_predictions_and_alerts_leave_once_in_their_order(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str, running: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("pilothouse.interop.events.flows.predictions.SETTLED", timedelta(0))
    workspace.events.add(spec(broker, topic, "predictions"))
    flow = running("predictions")
    assert flow.lag() == 20
    drained(flow, 20)
    assert (flow.lag(), flow.step()) == (0, 0)
    sent = received(broker.address, topic, 20)
    assert sorted(key for key, _ in sent) == sorted(IDS)
    assert sent[0][1]["outputs"]["score"] == 0.25

    broker.create("alerts")
    ward = Ward.of(workspace)
    ward.rule("Drift", "feature_drift")
    form = {"format": "cloudevents"}
    alerts = spec(broker, "alerts", "alerts", deployment="churn", options=form)
    workspace.events.add(alerts)
    ward.window(feature_drift="fail")
    drained(running("alerts"), 2)
    events = [value for _, value in received(broker.address, "alerts", 2)]
    assert [event["data"]["state"] for event in events] == ["pending", "firing"]
    assert {event["specversion"] for event in events} == {"1.0"}
    [previewed, *_] = workspace.events.preview(alerts)
    assert previewed.is_good
    assert "firing" in previewed.payload


def test_a_look_before_it_is_saved_says_what_would_become_of_messages(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str
) -> None:
    broker.send(topic, [("p0", {"label": "no"}), ("p1", {"label": 7})])
    good, bad = workspace.events.preview(spec(broker, topic))
    assert (good.is_good, good.result) == (True, "p0 is no")
    assert not bad.is_good
    assert workspace.events.connections() == []
    with pytest.raises(NotFound):
        workspace.events.preview(spec(broker, topic, deployment="nope"))


def test_a_broker_that_is_gone_is_said_and_hurts_nobody(
    workspace: Workspace, deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.interop.events.kafka_clients.CONNECT_SECONDS", 0.5)
    gone = ConnectionSpec(
        "gone", "labels", "kafka", "late", {"brokers": "127.0.0.1:9", "topic": "none"}
    )
    with pytest.raises(Unavailable):
        workspace.events.preview(gone)
    info = workspace.events.add(gone)
    with workspace.store.read() as session:
        thread = ConnectionThread(workspace.store, session.get_one(EventConnection, info.id))
    monkeypatch.setattr(thread.stopping, "wait", lambda _pause: thread.stopping.set())
    thread.run()
    info = workspace.events.connection("gone")
    assert (info.state, info.failures) == ("retrying", 1)
    assert "broker" in info.error


def test_what_cannot_work_is_refused_at_once(
    workspace: Workspace, broker: MockBroker, topic: str, deployment: str
) -> None:
    add = workspace.events.add
    with pytest.raises(Invalid, match="host:port"):
        add(ConnectionSpec("a", "labels", "kafka", "late", {"brokers": "x", "topic": "t"}))
    with pytest.raises(Invalid, match="env:NAME"):
        add(spec(broker, topic, security="SASL_SSL", username="u", password="in the open"))
    with pytest.raises(Conflict, match="elsewhere"):
        add(spec(broker, topic, "requests", options={"reply_topic": "answers"}))
    add(spec(broker, topic))
    with pytest.raises(Conflict, match="already"):
        add(spec(broker, topic))
    with pytest.raises(Invalid, match="another topic"):
        workspace.events.change("labels", settings={"topic": "another"})
    workspace.events.change("labels", enabled=False)
    assert workspace.events.connection("labels").state == "paused"
    workspace.events.remove("labels", "done")
    assert workspace.events.connections() == []


def test_requests_are_answered_under_their_keys_and_bad_ones_get_the_reason(
    workspace: Workspace, broker: MockBroker, topic: str, running: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    store = workspace.store
    workspace.deployments.add_external("late", description=LATE)
    with store.write() as session:  # as if it were served here; the server is the test's
        session.get_one(Deployment, "late").external = False
    asked: list[list[str]] = []

    def infer(_run: Any, _name: str, _signature: Any, records: Any, times: Any, ids: Any) -> Any:
        asked.append(ids)
        if any(record.get("x") == "bad" for record in records):
            raise Invalid("x must be a number.")
        return [{"prediction_id": word, "prediction": "yes"} for word in ids]

    monkeypatch.setattr("pilothouse.interop.events.flows.requests.client.infer", infer)
    broker.create("answers")
    messages = [{"id": "a", "inputs": {"x": 1}}, {"inputs": {"x": 2}}, {"inputs": {"x": "bad"}}]
    broker.send(topic, [("k1", messages[0]), ("k2", messages[1]), ("k3", messages[2]), ("", b"{")])
    workspace.events.add(spec(broker, topic, "requests", options={"reply_topic": "answers"}))
    drained(running("requests"), 4)
    answers = dict(received(broker.address, "answers", 4))
    assert answers["k1"]["prediction_id"] == "a"
    assert answers["k2"]["prediction_id"] == f"{topic}-0-1"
    assert "x must be a number" in answers["k3"]["error"]
    assert "not JSON" in answers[""]["error"]
    assert [len(ids) for ids in asked] == [3, 1, 1, 1]
    info = workspace.events.connection("requests")
    assert (info.messages, info.taken, info.set_aside) == (4, 2, 2)
