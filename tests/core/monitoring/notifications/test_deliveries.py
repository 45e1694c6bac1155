"""Deliveries: queued with the transition, grouped, tried again, repeated, and ended."""

from __future__ import annotations

import os
import socket
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.webhook_receiver import receiving
from pilothouse.activity.chain import verify_anchored
from pilothouse.kit.errors import Conflict, Invalid, Unavailable
from pilothouse.monitoring import alerts
from pilothouse.monitoring.notifications import addresses, delivery, outbox, sender
from pilothouse.monitoring.notifications.channels import ChannelSpec
from pilothouse.monitoring.notifications.connections import NotPublic, public_addresses_only
from pilothouse.monitoring.notifications.delivery import LEASE, MAX_ATTEMPTS, RETRY_DELAYS
from pilothouse.monitoring.notifications.retention import LOG_DAYS, remove_old


def log(ward: Any) -> list[tuple[Any, ...]]:
    frame = ward.notifications.deliveries()
    return list(frame[["kind", "status", "attempts"]].itertuples(index=False, name=None))


def test_a_firing_alert_is_delivered_with_what_where_since_when_and_a_link(ward: Any) -> None:
    ward.rule("auc", "performance", severity="critical")
    ward.channel()
    ward.window(performance="fail")
    assert ward.deliver() == ["[critical] churn: auc fires"]
    (request,) = ward.outbox
    for part in ("auc: ", "0.1", "Severity: critical", "Firing since: 2026-03-01 12:00 UTC"):
        assert part in request.body
    assert f"http://127.0.0.1:8501/alert?id={ward.alert('auc')}" in request.body
    assert request.body.endswith(f"Delivery: {request.id}")
    assert log(ward) == [("firing", "sent", 1)]


def test_a_pending_alert_is_not_notified(ward: Any) -> None:
    ward.rule("auc", "performance", for_windows=2)
    ward.channel()
    ward.window(performance="fail")
    assert ward.state("auc") == "pending"
    assert ward.deliver() == []
    ward.window(performance="ok")
    assert ward.deliver() == []


def test_a_resolved_alert_is_notified_once_to_whom_its_start_was_sent(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel("ops")
    ward.channel("grave", severities=("critical",))
    ward.window(performance="fail")
    ward.deliver()
    ward.window(performance="ok")
    assert ward.deliver() == ["[resolved] churn: auc is resolved"]
    assert "by ada" in ward.outbox[-1].body
    ward.later(days=10)
    assert ward.deliver() == []
    assert {r.channel_id for r in ward.outbox} == {ward.notifications.channel("ops").id}


def test_one_that_fires_and_ends_before_it_is_sent_is_sent_in_order(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    ward.window(performance="fail")
    ward.window(performance="ok")
    assert ward.deliver() == ["[warning] churn: auc fires", "[resolved] churn: auc is resolved"]


def test_alerts_that_fire_in_one_evaluation_are_one_notification(ward: Any) -> None:
    ward.rule("auc", "performance", severity="critical")
    ward.rule("missing", "data_quality")
    ward.channel()
    ward.window(performance="fail", data_quality="fail")
    assert ward.deliver() == ["[critical] churn: 2 alerts fire"]
    assert "auc: " in ward.outbox[0].body
    assert "missing: " in ward.outbox[0].body


def test_it_repeats_until_somebody_acknowledges_it(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel(repeat_hours=2)
    ward.window(performance="fail")
    ward.deliver()
    ward.later(hours=1.9)
    assert ward.deliver() == []
    ward.later(hours=0.1)
    assert ward.deliver() == ["[warning] churn: auc still fires"]
    ward.workspace.monitoring.acknowledge(ward.alert("auc"), "on it")
    ward.later(hours=5)
    assert ward.deliver() == []
    ward.window(performance="ok")
    assert ward.deliver() == ["[resolved] churn: auc is resolved"]


def test_nothing_repeats_at_0_hours(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel(repeat_hours=0)
    ward.window(performance="fail")
    ward.deliver()
    ward.later(days=9)
    assert ward.deliver() == []


def test_a_channel_takes_its_severities_and_deployments(ward: Any) -> None:
    ward.rule("auc", "performance", severity="info")
    ward.channel("default")
    ward.channel("all", severities=("info",))
    ward.channel("other", severities=("info",), deployments=("fraud*",))
    ward.channel("glob", severities=("info",), deployments=("fraud", "ch*"))
    ward.window(performance="fail")
    ward.deliver()
    names = {ward.notifications.channel(r.channel_id).name for r in ward.outbox}
    assert names == {"all", "glob"}


def test_a_failure_is_tried_again_with_growing_pauses_then_given_up(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    ward.window(performance="fail")
    ward.replies = ["down"] * MAX_ATTEMPTS
    assert len(ward.deliver()) == 1
    for pause in RETRY_DELAYS:
        ward.clock.advance(pause - timedelta(milliseconds=1))
        assert ward.deliver() == []
        ward.later(milliseconds=1)
        assert len(ward.deliver()) == 1
    assert log(ward) == [("firing", "failed", MAX_ATTEMPTS)]
    assert ward.notifications.deliveries()["error"].item() == "down"
    assert len({request.id for request in ward.outbox}) == 1
    ward.later(hours=25)  # the next repeat is another delivery
    assert ward.deliver() == ["[warning] churn: auc still fires"]


def test_an_end_waits_for_the_beginning_that_is_tried_again(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    ward.window(performance="fail")
    ward.replies = ["down"]
    ward.deliver()
    ward.window(performance="ok")
    assert ward.deliver() == []
    ward.clock.advance(RETRY_DELAYS[0])
    assert ward.deliver() == ["[warning] churn: auc fires", "[resolved] churn: auc is resolved"]


def test_a_killed_attempt_is_made_again_under_its_id_after_the_lease(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    ward.window(performance="fail")
    begun = delivery.take(ward.store)
    assert delivery.take(ward.store) is None
    ward.clock.advance(LEASE)
    again = delivery.take(ward.store)
    assert again == begun
    for _ in range(MAX_ATTEMPTS - 2):
        ward.clock.advance(LEASE)
        delivery.take(ward.store)
    ward.clock.advance(LEASE)
    assert delivery.take(ward.store) is None
    assert log(ward) == [("firing", "failed", MAX_ATTEMPTS)]


def test_a_channel_that_is_down_delays_no_other(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel("a")
    ward.channel("b")
    ward.window(performance="fail")
    ward.replies = ["down"]
    assert len(ward.deliver()) == 2
    assert sorted(log(ward)) == [("firing", "queued", 1), ("firing", "sent", 1)]


def test_what_waits_for_a_disabled_channel_fails(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel("ops")
    ward.window(performance="fail")
    ward.notifications.change_channel("ops", "holidays", enabled=False)
    assert ward.deliver() == []
    assert log(ward) == [("firing", "failed", 0)]
    assert "disabled" in ward.notifications.deliveries()["error"].item()
    ward.notifications.change_channel("ops", "back", enabled=True)
    assert ward.deliver() == ["[warning] churn: auc fires"]


def test_a_test_message_is_tried_once_and_waits_for_nothing(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel("ops")
    ward.window(performance="fail")
    ward.replies = ["down", "no such host"]
    ward.deliver()
    test = ward.notifications.test_channel("ops")
    assert ward.deliver() == ["[test] Pilothouse"]
    info = ward.notifications.delivery(test)
    assert (info.status, info.error, info.attempts) == ("failed", "no such host", 1)


def resolve_and_fail(ward: Any, alert: str) -> None:
    with ward.store.write() as session:
        alerts.resolve(session, ward.store, alert, "false alarm")
        assert outbox.queue(session, ward.store) == 1
        raise RuntimeError("the disk is full")


def test_a_rolled_back_transition_queues_nothing(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    ward.window(performance="fail")
    ward.deliver()
    with pytest.raises(RuntimeError, match="disk is full"):
        resolve_and_fail(ward, ward.alert("auc"))
    assert ward.state("auc") == "firing"
    assert ward.deliver() == []
    ward.workspace.monitoring.resolve(ward.alert("auc"), "false alarm")
    assert ward.deliver() == ["[resolved] churn: auc is resolved"]


def test_a_url_is_stored_in_a_private_file_and_never_given_back(ward: Any) -> None:
    url = "json://token-of-ops:secret@host.example/path"
    channel = ward.notifications.add_channel(ChannelSpec("ops", url))
    info = ward.notifications.channel("ops")
    assert info.address == "stored:json"
    (path,) = (ward.store.folder / "secrets").iterdir()
    assert (path.stat().st_mode & 0o777, path.read_text()) == (0o600, url)
    assert addresses.read_url(ward.store.folder, channel, info.address) == url
    entries = ward.workspace.activity.entries(kind="channel")
    assert "secret" not in entries.to_string()
    ward.notifications.change_channel("ops", name=" ops ", address="env:OPS")
    assert list(path.parent.iterdir()) == []  # nothing refers to the stored one any more
    ward.notifications.change_channel("ops", address=url)
    assert path.read_text() == url
    ward.notifications.remove_channel("ops", "moved")
    assert list(path.parent.iterdir()) == []
    assert ward.notifications.channels() == []
    ward.channel("ops")  # the name is free again
    assert verify_anchored(ward.store).intact


def test_an_address_may_be_a_variable_or_a_private_file(
    ward: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "url"
    secret.write_text("json://a/\n")
    secret.chmod(0o644)
    with pytest.raises(Invalid, match="can be read by others") as refused:
        ward.notifications.add_channel(ChannelSpec("ops", f"file:{secret}"))
    assert f"chmod 600 {secret}" in str(refused.value)
    secret.chmod(0o600)
    ward.notifications.add_channel(ChannelSpec("ops", f"file:{secret}"))
    read = addresses.read_url
    assert read(ward.store.folder, "", f"file:{secret}") == "json://a/"
    with pytest.raises(Unavailable, match="NO_SUCH_URL is not set for the worker"):
        read(ward.store.folder, "", "env:NO_SUCH_URL")
    monkeypatch.setitem(os.environ, "OPS_URL", "json://b/")
    assert read(ward.store.folder, "", "env:OPS_URL") == "json://b/"


@pytest.mark.parametrize("address", ["", "nothing", "env:a b", "file:relative", "json://"])
def test_what_is_no_address_is_refused(ward: Any, address: str) -> None:
    with pytest.raises(Invalid, match="address cannot be used"):
        ward.notifications.add_channel(ChannelSpec("ops", address))
    assert ward.notifications.channels() == []


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "10.0.0.3", "[::1]:80"])
def test_a_channel_reaches_no_private_address(ward: Any, host: str) -> None:
    with pytest.raises(Invalid, match="non-public IP address") as refused:
        ward.channel(address=f"json://{host}/")
    assert "PILOTHOUSE_WEBHOOK_PRIVATE_ADDRESSES=true" in str(refused.value)
    ward.channel(address=f"slack://{host}/TokenB")  # a token in the place of a host


def call(url: str, _: Any) -> str:
    """What a library does that makes its own of an error."""
    try:
        with urllib.request.urlopen(url, b"{}", timeout=10):
            return ""
    except OSError:
        return "a connection error occurred"


def test_a_name_of_a_private_address_is_refused_when_it_is_called(
    ward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_notify", call)
    with receiving() as receiver:
        receiver.reply = lambda _: (200, {}, b"")
        for host in ("localhost", "127.0.0.1"):
            url = receiver.url.replace("127.0.0.1", host)
            error = sender._notify_at(url, None, private=False)
            assert error.startswith("Channel URL must not resolve to a non-public IP address.")
        assert receiver.waiting == 0
        assert sender._notify_at(url, None, private=True) == ""
        assert receiver.waiting == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what Apprise imports
def test_a_private_address_in_a_variable_is_refused_when_it_is_called(
    ward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("OPS_URL", receiver.url.replace("http://", "json://"))
        ward.rule("auc", "performance")
        ward.channel(address="env:OPS_URL")
        ward.window(performance="fail")
        request = delivery.take(ward.store)
        assert request is not None
        error = sender.send(ward.store, request)
        assert error.startswith("Channel URL must not resolve to a non-public IP address.")
        assert receiver.waiting == 0


def test_a_datagram_reaches_no_private_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        with public_addresses_only() as refused, pytest.raises(NotPublic, match=r"127\.0\.0\.1"):
            own.sendto(b"alert", ("localhost", 9))
        assert refused == ["127.0.0.1"]
        assert own.sendto(b"alert", ("127.0.0.1", 9)) == 5  # outside of it nothing is checked


def test_old_deliveries_are_removed_when_their_alerts_are_over(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.rule("gaps", "data_quality")
    ward.channel(repeat_hours=0)
    ward.window(performance="fail", data_quality="fail")
    ward.window(performance="ok", data_quality="fail")
    ward.deliver()
    ward.notifications.test_channel("ops")
    ward.deliver()
    assert len(log(ward)) == 3
    ward.later(days=LOG_DAYS)
    assert remove_old(ward.store) == 0
    ward.later(days=1)
    # The end of one alert and the test go; what says that the other alert was sent stays.
    assert remove_old(ward.store) == 2
    assert ward.notifications.deliveries()["kind"].tolist() == ["firing"]
    assert ward.deliver() == []
    ward.window(data_quality="ok")
    assert ward.deliver() == ["[resolved] churn: gaps is resolved"]
    ward.later(days=LOG_DAYS + 1)
    assert remove_old(ward.store) == 2
    assert log(ward) == []


def test_what_is_no_channel_is_refused(ward: Any) -> None:
    with pytest.raises(Invalid) as refused:
        ward.channel(" ", severities=("loud",), deployments=(), repeat_hours=-1)
    assert set(refused.value.fields) == {"name", "severities", "deployments", "repeat_hours"}
    ward.channel("ops")
    with pytest.raises(Conflict, match="named 'ops' already"):
        ward.channel("ops")
    with pytest.raises(Invalid, match="no colour"):
        ward.notifications.change_channel("ops", colour="red")


def test_without_apprise_a_channel_says_what_to_install(
    ward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.monitoring.notifications.channels.find_spec", lambda _: None)
    with pytest.raises(Unavailable, match="apprise") as refused:
        ward.channel()
    assert "pilothouse[notify]" in refused.value.hint


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("slack://TokenA/TokenB/?key=hidden", "POST to hooks.example.org/***/*** failed: ***"),
        (
            "jsons://ops:TokenA@hooks.example.org/TokenB?x=hidden",
            "POST to hooks.example.org/***/*** failed: ***",
        ),
        ("discord://hooks.example.org/TokenA", "POST to ***/***/TokenB failed: hidden"),
        (
            "mailtos://ada:hooks.example.org%2FTokenA@mail.example.org?to=h%69dden&x=TokenB",
            "POST to ***/*** failed: ***",
        ),
    ],
)
def test_errors_do_not_have_the_secret_in_them(url: str, redacted: str) -> None:
    message = "POST to hooks.example.org/TokenA/TokenB failed: hidden"
    assert addresses.redact(message, url) == redacted


def test_what_apprise_raises_is_an_error_without_the_secret(
    ward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(url: str, _: Any) -> str:
        raise TypeError(f"{url} is broken")

    monkeypatch.setattr(sender, "_notify", fail)
    ward.rule("auc", "performance")
    ward.channel(address="json://ops:TokenA@hooks.example.org")
    ward.window(performance="fail")
    request = delivery.take(ward.store)
    assert request is not None
    assert sender.send(ward.store, request) == "Apprise failed: TypeError: *** is broken"
