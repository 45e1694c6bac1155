"""Webhooks: what they hear of, how it reaches them, and whom they must never reach."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from harness.policies import set_gates
from harness.serving import EXAMPLE, SIGNATURE, ServerProcess
from harness.tracking_calls import Caller
from harness.webhook_receiver import Received, Receiver
from pilothouse.interop.mlflow.webhooks import addresses, http_delivery
from pilothouse.interop.mlflow.webhooks.delivery_worker import RETRY_DELAYS, DeliveryWorker
from pilothouse.interop.mlflow.webhooks.events import ACTIVE
from pilothouse.interop.tables import Delivery, Webhook
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid, Refused
from pilothouse.kit.network_addresses import is_public
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.workspace import Workspace, open_workspace

BAD, GONE = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
PUBLIC = "https://93.184.215.14/hook"
CREATED = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
VERSIONS = {"entity": "MODEL_VERSION", "action": "CREATED"}
EVERYTHING = [
    {"entity": entity, "action": action}
    for entity, action in (
        ("registered_model", "created"),
        ("model_version", "created"),
        ("model_version_tag", "set"),
        ("model_version_tag", "deleted"),
        ("model_version_alias", "created"),
        ("model_version_alias", "deleted"),
        ("prompt", "created"),
        ("prompt_version", "created"),
        ("prompt_tag", "set"),
        ("prompt_alias", "created"),
    )
]


def made(caller: Caller, **fields: Any) -> dict[str, Any]:
    words = {"name": "hook", "url": PUBLIC, "events": [CREATED]} | fields
    found: dict[str, Any] = caller.post("webhooks", **words)["webhook"]
    return found


class TestOverTheProtocol:
    def test_one_is_made_told_changed_and_removed(self, caller: Caller, ours: Workspace) -> None:
        hook = made(caller, secret="hush", description="for the ops room")
        assert (hook["name"], hook["url"], hook["status"]) == ("hook", PUBLIC, "ACTIVE")
        assert (hook["events"], hook["description"]) == ([CREATED], "for the ops room")
        path = f"webhooks/{hook['webhook_id']}"
        assert caller.get(path) == {"webhook": hook}
        changes = {"status": "DISABLED", "events": [VERSIONS], "description": "", "secret": "new"}
        changed = caller.patch(path, **changes)["webhook"]
        assert (changed["status"], changed["events"]) == ("DISABLED", [VERSIONS])
        assert "description" not in changed
        second = made(caller, name="second")
        listed = caller.get("webhooks", max_results=1)
        assert listed["webhooks"] == [second]
        rest = caller.get("webhooks", page_token=listed["next_page_token"])
        assert rest == {"webhooks": [changed]}
        caller.delete(path)
        assert caller.refused("GET", path)[:2] == (404, GONE)
        said = ours.activity.entries(kind="webhook")
        assert said["verb"].tolist() == ["deleted", "created", "changed", "created"]

    def test_the_secret_is_told_to_nobody(self, caller: Caller, ours: Workspace) -> None:
        hook = made(caller, secret="hush-hush", url=f"{PUBLIC}?key=in-the-address")
        path = f"webhooks/{hook['webhook_id']}"
        changed = caller.send("PATCH", path, json={"secret": "hush-again"}).text
        seen = changed + caller.send("GET", path).text + caller.send("GET", "webhooks").text
        log = ours.activity.entries(kind="webhook").to_json()
        assert "hush" not in seen + log
        assert "in-the-address" not in log

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"name": ""}, "Missing value for required parameter 'name'"),
            ({"url": ""}, "Missing value for required parameter 'url'"),
            ({"events": []}, "Missing value for required parameter 'events'"),
            ({"name": "-x"}, "Webhook name '-x' is invalid"),
            ({"name": "n" * 64}, "is invalid"),
            ({"events": [{"entity": "MODEL_VERSION", "action": "SET"}]}, "Invalid action 'set'"),
            ({"events": [{"entity": "PLANET", "action": "SET"}]}, "unknown entity"),
            ({"events": [{"entity": "MODEL_VERSION"}]}, "unknown action"),
            ({"events": "MODEL_VERSION"}, "for parameter 'events' supplied"),
            ({"status": "TIRED"}, "for parameter 'status' supplied"),
            ({"url": "http://127.0.0.1/x"}, "must not resolve to a non-public IP address"),
        ],
    )
    def test_what_cannot_be_one_is_refused(
        self, caller: Caller, fields: dict[str, Any], words: str
    ) -> None:
        asked = {"name": "hook", "url": PUBLIC, "events": [CREATED]} | fields
        status, code, message = caller.refused("POST", "webhooks", json=asked)
        assert (status, code) == (400, BAD)
        assert words in message
        assert caller.get("webhooks") == {}

    def test_a_name_without_an_address_is_taken_when_it_may_get_a_public_one(
        self, caller: Caller
    ) -> None:
        fields = {"name": "hook", "events": [CREATED]}
        url = "https://no-such-host.pilothouse-hooks.dev/x"
        hook = caller.post("webhooks", **fields, url=url)["webhook"]
        told = caller.post(f"webhooks/{hook['webhook_id']}/test")["result"]
        assert not told["success"]
        for host in ("no-such-host", "no-such-host.local", "no-such-host.internal"):
            given = fields | {"url": f"https://{host}/x"}
            status, _, message = caller.refused("POST", "webhooks", json=given)
            assert status == 400
            assert "Cannot resolve" in message

    def test_what_is_not_there_is_404(self, caller: Caller) -> None:
        for method, path in (("GET", "x"), ("PATCH", "x"), ("DELETE", "x"), ("POST", "x/test")):
            assert caller.refused(method, f"webhooks/{path}", json={})[:2] == (404, GONE)

    def test_an_inner_address_is_not_tried_out(self, caller: Caller, ours: Workspace) -> None:
        hook = made(caller)
        with ours.store.write() as session:
            session.get_one(Webhook, hook["webhook_id"]).url = "http://127.0.0.1:1/"
        told = caller.post(f"webhooks/{hook['webhook_id']}/test")["result"]
        assert not told["success"]
        assert "non-public" in told["error_message"]


def hooked(store: Store, url: str, events: list[dict[str, str]] = EVERYTHING, **more: Any) -> str:
    """A webhook for every event, written as the protocol writes it."""
    now = store.now()
    fields = {"id": "w1", "name": "hook", "status": ACTIVE, "secret": "hush"} | more
    with store.write() as session:
        session.add(Webhook(url=url, events=events, created_at=now, updated_at=now, **fields))
    return str(fields["id"])


def deliveries(store: Store) -> list[Delivery]:
    with store.read() as session:
        return list(session.exec(select(Delivery).order_by(col(Delivery.created_at))).all())


def told(store: Store) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{d.entity}.{d.action}", json.loads(d.payload)["data"]) for d in deliveries(store)]


class TestWhatIsHeard:
    def test_of_changes_over_the_protocol(self, caller: Caller, ours: Workspace) -> None:
        hooked(ours.store, PUBLIC)
        run = caller.run()
        caller.post("registered-models/create", name="m", tags=[{"key": "a", "value": "b"}])
        source = {"source": f"runs:/{run}/model", "run_id": run}
        tags = [{"key": "k", "value": "v"}]
        caller.post("model-versions/create", name="m", tags=tags, description="first", **source)
        caller.post("model-versions/set-tag", name="m", version="1", key="t", value="u")
        caller.delete("model-versions/delete-tag", name="m", version="1", key="t")
        caller.delete("model-versions/delete-tag", name="m", version="1", key="no-such")
        caller.post("registered-models/alias", name="m", alias="best", version="1")
        caller.delete("registered-models/alias", name="m", alias="best")
        caller.post("registered-models/set-tag", name="m", key="nobody", value="hears")
        version = {"name": "m", "version": "1"}
        assert sorted(told(ours.store), key=lambda each: each[0]) == [
            (
                "model_version.created",
                version
                | {
                    "source": f"runs:/{run}/model",
                    "run_id": run,
                    "tags": {"k": "v"},
                    "description": "first",
                },
            ),
            ("model_version_alias.created", {"name": "m", "alias": "best", "version": "1"}),
            ("model_version_alias.deleted", {"name": "m", "alias": "best"}),
            ("model_version_tag.deleted", version | {"key": "t"}),
            ("model_version_tag.set", version | {"key": "t", "value": "u"}),
            ("registered_model.created", {"name": "m", "tags": {"a": "b"}, "description": ""}),
        ]

    def test_a_change_that_is_refused_is_not_heard_of(
        self, caller: Caller, ours: Workspace
    ) -> None:
        hooked(ours.store, PUBLIC)
        caller.post("registered-models/create", name="m")
        caller.refused("POST", "registered-models/create", json={"name": "m"})
        bad = {"name": "m", "alias": "best", "version": "9"}
        caller.refused("POST", "registered-models/alias", json=bad)
        assert [name for name, _ in told(ours.store)] == ["registered_model.created"]

    @pytest.mark.usefixtures("answering")
    def test_of_what_our_own_verbs_do(self, workspace: Workspace, clock: FixedClock) -> None:
        hooked(workspace.store, PUBLIC)
        set_gates(workspace, "production", [])
        for number in (1, 2):
            workspace.registry.register("late", trained(workspace))
            workspace.registry.promote("late", number, "production", "better")
            clock.advance(timedelta(seconds=1))
        workspace.registry.set_alias("late", "best", 1)
        clock.advance(timedelta(seconds=1))
        workspace.registry.archive("late", 2, "tired")
        found = told(workspace.store)
        pointed = [(name.rpartition(".")[2], d) for name, d in found if "alias" in name]
        assert sorted(name for name, _ in found if "alias" not in name) == [
            "model_version.created",
            "model_version.created",
            "registered_model.created",
        ]
        assert pointed == [
            ("created", {"name": "late", "alias": "champion", "version": "1"}),
            ("created", {"name": "late", "alias": "champion", "version": "2"}),
            ("created", {"name": "late", "alias": "best", "version": "1"}),
            ("deleted", {"name": "late", "alias": "champion"}),
        ]

    def test_prompts_have_events_of_their_own(self, caller: Caller, ours: Workspace) -> None:
        hooked(ours.store, PUBLIC)
        prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
        caller.post("registered-models/create", name="p", tags=prompt)
        text = [*prompt, {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}]
        caller.post("model-versions/create", name="p", source="dummy-source:/x", tags=text)
        caller.post("registered-models/alias", name="p", alias="best", version="1")
        caller.post("registered-models/set-tag", name="p", key="a", value="b")
        found = dict(told(ours.store))
        assert found["prompt.created"] == {"name": "p", "tags": {}, "description": ""}
        assert found["prompt_version.created"]["template"] == "Hello {{name}}"
        assert found["prompt_alias.created"] == {"name": "p", "alias": "best", "version": "1"}
        assert found["prompt_tag.set"] == {"name": "p", "key": "a", "value": "b"}

    def test_nothing_is_written_for_who_did_not_ask(self, caller: Caller, ours: Workspace) -> None:
        aliases = [{"entity": "model_version_alias", "action": "created"}]
        hooked(ours.store, PUBLIC, events=aliases)
        hooked(ours.store, PUBLIC, id="w2", status="DISABLED")
        caller.post("registered-models/create", name="m")
        assert deliveries(ours.store) == []


def trained(workspace: Workspace) -> str:
    """A finished run with a model."""
    run = workspace.experiments.start("native")
    signature = json.dumps(SIGNATURE.to_json()).encode()
    workspace.experiments.log_artifact(run, "model/model.joblib", run.encode())
    workspace.experiments.log_artifact(run, "model/signature.json", signature)
    example = json.dumps(EXAMPLE).encode()
    workspace.experiments.log_artifact(run, "model/input_example.json", example)
    workspace.experiments.finish(run)
    return run


@pytest.fixture
def inner(new_folder: Path, clock: FixedClock) -> Iterator[Store]:
    """A store whose webhooks may call this machine, on a clock that tests move."""
    settings = Settings(workspace=new_folder, actor="ada", webhook_private_addresses=True)
    workspace = open_workspace(settings=settings, clock=clock)
    yield workspace.store
    workspace.store.engine.dispose()


def waiting(store: Store, *ids: str) -> None:
    """Deliveries that are due."""
    now = store.now()
    with store.write() as session:
        for each in ids:
            session.add(
                Delivery(
                    id=each,
                    webhook_id="w1",
                    entity="registered_model",
                    action="created",
                    payload=json.dumps({"of": each}),
                    status="pending",
                    created_at=now,
                    next_at=now,
                )
            )


def carry(store: Store) -> list[Delivery]:
    worker = DeliveryWorker(store)
    worker.start_due()
    worker.wait()
    return deliveries(store)


class TestDelivery:
    def test_it_is_signed_over_its_id_instant_and_payload(
        self, inner: Store, receiver: Receiver
    ) -> None:
        hooked(inner, receiver.url)
        waiting(inner, "d1")
        [delivery] = carry(inner)
        assert (delivery.status, delivery.code, delivery.attempts) == ("delivered", 200, 1)
        came = receiver.next()
        assert (came.path, came.body) == ("/hook", b'{"of": "d1"}')
        assert came.headers["X-MLflow-Delivery-Id"] == "d1"
        words = b"d1." + came.headers["X-MLflow-Timestamp"].encode() + b"." + came.body
        digest = base64.b64encode(hmac.new(b"hush", words, hashlib.sha256).digest()).decode()
        assert came.headers["X-MLflow-Signature"] == f"v1,{digest}"
        assert came.headers["Content-Type"] == "application/json"

    def test_the_clients_own_code_makes_the_same_signature(self) -> None:
        delivery = pytest.importorskip("mlflow.webhooks.delivery")
        words = ("hush", "d1", "1772366400", '{"name": "späť"}')
        assert http_delivery.sign(*words) == delivery._generate_hmac_signature(*words)

    def test_without_a_secret_there_is_no_signature(self, inner: Store, receiver: Receiver) -> None:
        hooked(inner, receiver.url, secret=None)
        waiting(inner, "d1")
        carry(inner)
        assert "X-MLflow-Signature" not in receiver.next().headers

    def test_one_that_did_not_arrive_is_tried_again_and_given_up_in_the_end(
        self, inner: Store, receiver: Receiver, clock: FixedClock
    ) -> None:
        hooked(inner, receiver.url)
        waiting(inner, "d1")
        receiver.reply = lambda _: (503, {}, b"not now")
        for tries, wait in enumerate(RETRY_DELAYS, 1):
            [delivery] = carry(inner)
            assert (delivery.attempts, delivery.code) == (tries, 503)
            [early] = carry(inner)
            assert early.attempts == tries, "not before its time"
            clock.advance(wait)
        assert (delivery.status, delivery.error) == ("failed", "It answered 503.")
        carry(inner)
        assert receiver.waiting == len(RETRY_DELAYS) == 5
        assert {receiver.next().headers["X-MLflow-Delivery-Id"] for _ in RETRY_DELAYS} == {"d1"}

    def test_a_clock_that_is_put_back_does_not_put_off_the_next_try(
        self, inner: Store, receiver: Receiver, clock: FixedClock
    ) -> None:
        hooked(inner, receiver.url)
        waiting(inner, "d1")
        receiver.reply = lambda _: (503, {}, b"not now")
        [first] = carry(inner)
        clock.advance(timedelta(days=-1))
        [second] = carry(inner)
        assert (first.attempts, second.attempts) == (1, 2)
        [early] = carry(inner)
        assert early.attempts == 2

    def test_it_arrives_once_the_receiver_is_back(
        self, inner: Store, receiver: Receiver, clock: FixedClock
    ) -> None:
        hooked(inner, receiver.url)
        waiting(inner, "d1", "d2")
        receiver.reply = lambda _: (429, {}, b"")
        assert [each.status for each in carry(inner)] == ["pending", "pending"]
        receiver.reply = lambda _: (204, {}, b"")
        clock.advance(RETRY_DELAYS[0])
        assert [each.status for each in carry(inner)] == ["delivered", "delivered"]

    @pytest.mark.parametrize(("code", "words"), [(400, "answered 400"), (302, "none is followed")])
    def test_what_is_refused_or_led_elsewhere_is_given_up_at_once(
        self, inner: Store, receiver: Receiver, code: int, words: str
    ) -> None:
        hooked(inner, receiver.url)
        waiting(inner, "d1")
        receiver.reply = lambda _: (code, {"Location": receiver.url + "/inner"}, b"")
        [delivery] = carry(inner)
        assert (delivery.status, delivery.code, delivery.attempts) == ("failed", code, 1)
        assert words in delivery.error
        assert receiver.next().path == "/hook"
        assert receiver.waiting == 0

    def test_a_receiver_that_is_not_there_or_hangs_up_is_tried_again(self, inner: Store) -> None:
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            hooked(inner, f"http://127.0.0.1:{door.getsockname()[1]}/")
            waiting(inner, "d1")
            [delivery] = carry(inner)
        assert (delivery.status, delivery.code) == ("pending", None)
        assert "refused" in delivery.error

    def test_a_receiver_that_drips_is_left(
        self, inner: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http_delivery, "MAX_SECONDS", 0.2)
        done = threading.Event()

        def drip(_: Received) -> tuple[int, dict[str, str], bytes]:
            done.wait(20)
            return 200, {}, b""

        receiver.reply = drip
        hooked(inner, receiver.url)
        waiting(inner, "d1")
        [delivery] = carry(inner)
        done.set()
        assert delivery.status == "pending"
        assert delivery.error

    def test_a_webhook_that_is_disabled_or_removed_gets_nothing_more(
        self, inner: Store, receiver: Receiver
    ) -> None:
        hooked(inner, receiver.url, status="DISABLED")
        waiting(inner, "d1")
        [delivery] = carry(inner)
        assert (delivery.status, delivery.attempts) == ("failed", 0)
        assert receiver.waiting == 0

    def test_what_ended_long_ago_is_forgotten(
        self, inner: Store, receiver: Receiver, clock: FixedClock
    ) -> None:
        hooked(inner, receiver.url)
        waiting(inner, "d1")
        carry(inner)
        clock.advance(timedelta(days=31))
        waiting(inner, "d2")
        DeliveryWorker(inner).delete_old()
        assert [each.id for each in deliveries(inner)] == ["d2"]

    def test_an_inner_address_is_not_called_although_it_is_kept(
        self, store: Store, receiver: Receiver
    ) -> None:
        hooked(store, receiver.url)
        waiting(store, "d1")
        [delivery] = carry(store)
        assert (delivery.status, delivery.attempts) == ("failed", 1)
        assert "non-public" in delivery.error
        assert receiver.waiting == 0

    def test_a_killed_server_sends_it_again_under_the_same_id(
        self, tmp_path: Path, receiver: Receiver
    ) -> None:
        folder = tmp_path / "killed"
        settings = Settings(workspace=folder, actor="ada", webhook_private_addresses=True)
        workspace = open_workspace(settings=settings)
        hold = threading.Event()

        def slow(_: Received) -> tuple[int, dict[str, str], bytes]:
            hold.wait(30)
            return 200, {}, b""

        receiver.reply = slow
        hooked(workspace.store, receiver.url)
        with ServerProcess(workspace.store) as server:
            workspace.registry.register("late", trained(workspace))
            first = receiver.next()
            server.kill()
            hold.set()
            server.start()
            came = [receiver.next() for _ in range(2)]
            ids = {each.headers["X-MLflow-Delivery-Id"] for each in came}
            assert first.headers["X-MLflow-Delivery-Id"] in ids
        workspace.store.engine.dispose()


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            *("", "  ", "ftp://example.com/x", "file:///etc/passwd", "gopher://example.com"),
            *("example.com/x", "//example.com", "https://", "https:///x", "https://:80/"),
            *("https://ada:pw@example.com", "https://ada@example.com", "http://a@127.0.0.1/"),
            *("http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/"),
            *("http://0x7f.1/", "http://127.0.0.01/", "http://[::1%25lo]/", "http://127.0.0.1.1/"),
            *("http://[::1", "http://a b.com", "http://a\\b.com", "http://a.com:99999/"),
            *("http://a.com/\r\nX: y", "http://ex\u00e4mple.com/", "http://a..com/", "http://-/"),
            "https://example.com/" + "x" * 2048,
        ],
    )
    def test_some_are_no_urls_of_a_webhook(self, url: str) -> None:
        with pytest.raises(Invalid):
            addresses.parse(url)

    def test_a_url_is_read(self) -> None:
        target = addresses.parse("https://Hooks.example.com:8443/a/b?c=d#e")
        assert target == addresses.WebhookTarget("https", "hooks.example.com", 8443, "/a/b?c=d")
        assert addresses.parse("http://[2606:4700::1111]").host == "2606:4700::1111"

    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
            *("169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
            *("192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "fec0::1", "ff02::1"),
            *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"),
            *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::"),
            *("2001:0:7f00:1::", "2001:db8::1", "nonsense", ""),
        ],
    )
    def test_inner_ones_are_known_in_every_wrapping(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111"])
    def test_those_of_the_internet_are_public(self, address: str) -> None:
        assert is_public(address)

    @given(st.ip_addresses(v=4))
    def test_a_wrapped_address_is_as_public_as_it_is_bare(
        self, address: ipaddress.IPv4Address
    ) -> None:
        wrapped = ipaddress.IPv6Address((0xFFFF << 32) | int(address))
        nat64 = ipaddress.IPv6Address((0x64FF9B << 96) | int(address))
        if not is_public(str(address)):
            assert not is_public(str(wrapped))
            assert not is_public(str(nat64))

    def test_one_inner_address_among_public_ones_is_enough(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = [(0, 0, 0, "", (ip, 443)) for ip in ("8.8.8.8", "10.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with pytest.raises(Refused, match=r"10\.0\.0\.1"):
            addresses.resolve(addresses.parse("https://mixed.example/"), private=False)

    def test_a_name_is_asked_once_and_only_its_checked_address_is_called(
        self, inner: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that answers differently the second time is not asked a second time."""
        asked: list[str] = []
        real = socket.getaddrinfo

        def lying(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
            if host == "rebinding.example":
                asked.append(host)
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
            return real(host, port, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", lying)
        port = receiver.url.split(":")[2].split("/")[0]
        url = f"http://rebinding.example:{port}/hook"
        request = http_delivery.DeliveryRequest("d1", url, "", "{}")
        assert http_delivery.send(request, private=True).delivered
        assert receiver.next().headers["Host"] == f"rebinding.example:{port}"
        assert asked == ["rebinding.example"]
