"""A real worker that delivers to a real receiver: one that refuses twice, and one that is down."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.raised_alerts import Ward
from harness.running_instance import wait_for, worker_alone
from harness.webhook_receiver import Received, Receiver, receiving
from pilothouse.kit.settings import Settings
from pilothouse.workspace import open_workspace

PATIENCE_S = 90.0


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ward]:
    monkeypatch.setenv("PILOTHOUSE_WEBHOOK_PRIVATE_ADDRESSES", "true")  # the receiver is here
    settings = Settings(workspace=tmp_path / "workspace", actor="ada")
    workspace = open_workspace(settings=settings)
    yield Ward.of(workspace)
    workspace.store.engine.dispose()


def refusing(times: int) -> Any:
    """A reply that refuses so often, then accepts."""
    left = [500] * times
    return lambda _: (left.pop() if left else 200, {}, b"")


def content(received: Received) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(received.body)
    return parsed


def address(receiver: Receiver) -> str:
    return receiver.url.replace("http://", "json://")


def ended(ward: Ward, count: int) -> bool:
    frame = ward.notifications.deliveries()
    return len(frame) == count and bool(frame["ended_at"].notna().all())


@pytest.mark.timeout(300)
def test_from_pending_to_resolved_through_a_receiver_that_fails_twice_first(ward: Ward) -> None:
    ward.rule("auc", "performance", severity="critical", for_windows=2)
    with receiving() as receiver, worker_alone(ward.store.folder, {"OPS": address(receiver)}):
        receiver.reply = refusing(2)
        ward.channel("ops", "env:OPS")
        ward.window(performance="fail")
        assert ward.state("auc") == "pending"
        ward.window(performance="fail")
        attempts = [content(receiver.next(PATIENCE_S)) for _ in range(3)]
        assert attempts[0] == attempts[1] == attempts[2]  # one id: a receiver can drop a repeat
        assert attempts[0]["title"] == "[critical] churn: auc fires"
        assert attempts[0]["type"] == "failure"
        wait_for(lambda: ended(ward, 1), "it is delivered", PATIENCE_S)
        row = ward.notifications.deliveries().iloc[0]
        assert (row["status"], row["attempts"], row["error"]) == ("sent", 3, "")
        assert attempts[0]["message"].endswith(f"Delivery: {row['id']}")

        ward.workspace.monitoring.acknowledge(ward.alert("auc"), "looking into it")
        ward.window(performance="ok")
        assert ward.state("auc") == "resolved"
        resolved = content(receiver.next(PATIENCE_S))
        assert (resolved["title"], resolved["type"]) == (
            *("[resolved] churn: auc is resolved", "success"),
        )
        wait_for(lambda: ended(ward, 2), "its end is delivered", PATIENCE_S)
        assert receiver.waiting == 0

    alert = ward.alert("auc")
    events = ward.workspace.monitoring.alert_events(alert)
    assert events["after"].tolist() == ["pending", "firing", "acknowledged", "resolved"]
    verbs = ward.workspace.activity.entries(kind="alert", ref=alert)["verb"].tolist()
    assert verbs == ["resolved", "acknowledged", "fired", "opened"]


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_a_worker_that_is_killed_between_attempts_loses_nothing(ward: Ward) -> None:
    ward.rule("auc", "performance")
    with receiving() as receiver:
        receiver.reply = refusing(1)
        ward.channel("ops", address(receiver))
        ward.window(performance="fail")
        ids = set()
        for _ in range(2):  # after the one that is refused and in the one that is accepted
            with worker_alone(ward.store.folder) as process:
                ids.add(content(receiver.next(PATIENCE_S))["message"].rpartition(": ")[2])
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        with worker_alone(ward.store.folder):
            wait_for(lambda: ended(ward, 1), "it is delivered", PATIENCE_S)
    assert ward.notifications.deliveries()["status"].tolist() == ["sent"]
    assert ids == set(ward.notifications.deliveries()["id"])


@pytest.mark.timeout(300)
def test_a_test_message_names_what_is_wrong_without_the_secret(ward: Ward) -> None:
    ward.channel("variable", "env:NOT_SET_HERE")
    ward.channel("unknown", "nonsense://secret-token/x")
    with receiving() as receiver, worker_alone(ward.store.folder):
        receiver.reply = lambda _: (403, {}, b"")
        ward.channel("refused", f"{address(receiver)}/secret-token")
        infos = {}
        for name in ("variable", "unknown", "refused"):
            test = ward.notifications.test_channel(name)
            wait_for(lambda test=test: ward.notifications.delivery(test).ended_at, name, PATIENCE_S)
            infos[name] = ward.notifications.delivery(test)
        ward.notifications.change_channel("refused", address=address(receiver))
        receiver.reply = refusing(0)
        good = ward.notifications.test_channel("refused")
        wait_for(lambda: ward.notifications.delivery(good).ended_at, "good", PATIENCE_S)
    assert ward.notifications.delivery(good).status == "sent"
    assert {info.status for info in infos.values()} == {"failed"}
    assert "NOT_SET_HERE is not set for the worker" in infos["variable"].error
    assert "Apprise does not know this kind of URL" in infos["unknown"].error
    assert "403" in infos["refused"].error
    assert not any("secret-token" in info.error for info in infos.values())
