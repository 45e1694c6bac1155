"""What an attacker would try: each is refused with clear words, and never ends in a fault."""

from __future__ import annotations

import contextlib
import http.client
import inspect
import json
import socket
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from harness.tracking_calls import API, Caller
from harness.webhook_receiver import Receiver, receiving
from pilothouse.interop.mlflow.application import ROUTES
from pilothouse.interop.mlflow.routing import Route
from pilothouse.workspace import Workspace

BAD = "INVALID_PARAMETER_VALUE"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
NOBODY = "0" * 32
MB = 1 << 20
BY_NAME = "experiments/get-by-name"
CLIMBING = [
    *("../x", "../../../../etc/passwd", "a/../../x", "/etc/passwd", "//etc/passwd"),
    *("%2e%2e/x", "%2E%2E%2Fx", "..%2fx", "a/%2e%2e/%2e%2e/x", ".%2e/x", "%2fetc/passwd"),
    *("%252e%252e/x", "%252e%252e%252fx", "%25252e%25252e%25252fx", "..%252f..%252fx"),
    *("..%5cx", "..\\x", "a%5c..%5c..%5cx", "%255c..%255cx", "\\\\host\\share", "C:%5cx", "C:/x"),
    *("a%00b", "a%2500b", "%00", "....//....//x/../..", "a/..;/../x"),
]


def said(answer: httpx.Response) -> tuple[int, str]:
    """The status and code of a refusal, which must be one and must say why."""
    told = answer.json()
    assert 400 <= answer.status_code < 500, answer.text
    assert told["message"]
    return answer.status_code, str(told["error_code"])


@pytest.fixture
def run(caller: Caller) -> str:
    """A run with one file."""
    made = caller.run()
    answer = caller.send("PUT", f"{FILES}/0/{made}/artifacts/model/MLmodel", content=b"flavors: {}")
    assert answer.status_code == 200
    return made


class TestPaths:
    @pytest.fixture
    def bare(self, url: str) -> Iterator[http.client.HTTPConnection]:
        """A client that sends a path as it is written."""
        made = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        yield made
        made.close()

    @pytest.mark.parametrize("path", CLIMBING)
    def test_none_leaves_its_place(
        self, caller: Caller, bare: http.client.HTTPConnection, run: str, path: str, ours: Workspace
    ) -> None:
        before = {each for each in ours.folder.rglob("*") if "artifacts" not in each.parts}
        for method in ("GET", "PUT", "DELETE"):
            bare.request(method, f"{FILES}/0/{run}/artifacts/{path}", b"evil")
            answer = bare.getresponse()
            words = answer.read()
            assert answer.status == 400, (method, words)
            assert b"root:" not in words
        model = caller.post("logged-models", experiment_id="0", name="lr")["model"]["info"]
        source = {"source": f"runs:/{run}/model", "run_id": run}
        caller.post("registered-models/create", name="m")
        caller.post("model-versions/create", name="m", **source)
        for target in (
            f"{API}artifacts/list?run_id={run}&path=",
            f"/get-artifact?run_id={run}&path=",
            f"{FILES}?path=0/{run}/artifacts/",
            f"{API}logged-models/{model['model_id']}/artifacts/directories"
            "?artifact_directory_path=",
            "/model-versions/get-artifact?name=m&version=1&path=",
        ):
            bare.request("GET", (target + path).replace(";", "%3b"))
            answer = bare.getresponse()
            words = answer.read()
            assert answer.status in (400, 404), (target, words)
            assert b"root:" not in words
        after = {each for each in ours.folder.rglob("*") if "artifacts" not in each.parts}
        assert after == before

    def test_a_file_name_adds_no_header(self, caller: Caller, run: str) -> None:
        for name in ("a%0d%0aX-Evil:%201.txt", "a%22;%20x=%22b.txt", "%E2%80%AEgnp.exe"):
            target = f"{FILES}/0/{run}/artifacts/{name}"
            assert caller.send("PUT", target, content=b"x").status_code == 200
            headers = caller.send("GET", target).headers
            assert "x-evil" not in headers
            assert headers["content-disposition"].startswith('attachment; filename="')
            assert headers["content-disposition"].count('"') == 2

    @pytest.mark.parametrize(
        "name",
        ["a.html", "a.htm", "a.xhtml", "a.svg", "a.xml", "a.js", "a.mjs", "a.pdf", "a", "a."],
    )
    def test_no_file_runs_in_a_browser(self, caller: Caller, run: str, name: str) -> None:
        script = b"<html><script>fetch('/api/2.0/mlflow/runs/delete')</script>"
        caller.send("PUT", f"{FILES}/0/{run}/artifacts/{name}", content=script)
        for target in (
            f"{FILES}/0/{run}/artifacts/{name}",
            f"/get-artifact?run_id={run}&path={name}",
        ):
            headers = caller.send("GET", target).headers
            assert headers["content-disposition"].startswith("attachment")
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"].startswith("sandbox")
            assert headers["content-type"] not in ("text/html", "text/javascript")


class TestSources:
    @pytest.mark.parametrize(
        "source",
        [
            *("/etc/passwd", "//proc/self/root", "file:///etc/passwd", "file://localhost/etc"),
            *("FILE:/etc/passwd", "./x", "..", "~/x", "C:\\x", "\\\\host\\share", "", " "),
            *("runs:/RUN/../x", "runs:/RUN/%2e%2e/x", "runs:/RUN/%252e%252e/x", "runs:/NOBODY/x"),
            *("mlflow-artifacts:/0/RUN/artifacts/../../x", "mlflow-artifacts:/0/other"),
            *(
                "mlflow-artifacts://host/0/RUN/artifacts",
                "mlflow-artifacts:/0/RUN/artifacts?x=/etc",
            ),
            *("models:/m-nope", "models:/m/99", "models:/m@nobody", "models:/", "runs:/"),
            *("http://169.254.169.254/latest", "https://10.0.0.1/x", "ftp://x/y", "sftp://x/y"),
            *("s3://bucket/../x", "s3://", "dbfs:/../x", "a\0b", "runs:/RUN/a\0b"),
        ],
    )
    def test_outside_of_the_run_none_is_taken(self, caller: Caller, run: str, source: str) -> None:
        caller.post("registered-models/create", name="m")
        written = source.replace("RUN", run).replace("NOBODY", NOBODY)
        fields = {"name": "m", "source": written, "run_id": run}
        answer = caller.send("POST", "model-versions/create", json=fields)
        assert said(answer)[1] in (BAD, "RESOURCE_DOES_NOT_EXIST")

    def test_what_lies_elsewhere_is_never_opened(self, caller: Caller) -> None:
        caller.post("registered-models/create", name="m")
        caller.post("model-versions/create", name="m", source="s3://bucket/key")
        target = "/model-versions/get-artifact?name=m&version=1&path=MLmodel"
        assert said(caller.send("GET", target)) == (400, BAD)
        caller.post("experiments/create", name="out", artifact_location="file:///etc")
        made = caller.run(caller.get(BY_NAME, experiment_name="out")["experiment"]["experiment_id"])
        answer = caller.send("GET", f"/get-artifact?run_id={made}&path=passwd")
        assert said(answer)[0] == 404


class TestWebhooks:
    @pytest.mark.parametrize(
        "host",
        [
            *("127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "0", "0.0.0.0"),
            *(
                "2130706433",
                "0x7f000001",
                "0177.0.0.1",
                "127.1",
                "[::1]",
                "[::]",
                "[::ffff:127.0.0.1]",
            ),
            *("[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
            *("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"),
            *("[fe80::1]", "[fc00::1]", "224.0.0.1", "255.255.255.255", "nowhere.invalid"),
            *("93.184.215.14@127.0.0.1", "ada:pw@93.184.215.14", "127.0.0.1#@93.184.215.14"),
            *("127.0.0.1\\@93.184.215.14", "[::1%25lo]", "127。0。0。1", "①②⑦.0.0.1"),
        ],
    )
    def test_none_may_be_an_inner_address(
        self, caller: Caller, receiver: Receiver, host: str
    ) -> None:
        port = receiver.url.split(":")[2].split("/")[0]
        events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
        good = {"name": "hook", "url": "https://93.184.215.14/", "events": events}
        made = caller.post("webhooks", **good)["webhook"]
        for scheme in ("http", "https"):
            for url in (f"{scheme}://{host}:{port}/hook", f"{scheme}://{host}/hook"):
                answer = caller.send("POST", "webhooks", json=good | {"url": url})
                assert said(answer) == (400, BAD)
                answer = caller.send("PATCH", f"webhooks/{made['webhook_id']}", json={"url": url})
                assert said(answer) == (400, BAD)
        assert receiver.waiting == 0

    def test_no_redirect_leads_anywhere(self, inner_url: str, receiver: Receiver) -> None:
        caller = Caller(inner_url)
        events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
        hook = caller.post("webhooks", name="hook", url=receiver.url, events=events)["webhook"]
        with receiving() as inside:
            for status in (301, 302, 303, 307, 308):
                receiver.reply = lambda _, s=status: (s, {"Location": inside.url}, b"")
                told = caller.post(f"webhooks/{hook['webhook_id']}/test")["result"]
                assert (told["success"], told["response_status"]) == (False, status)
            assert inside.waiting == 0
        caller.http.close()

    def test_the_answer_of_a_test_is_cut_and_the_secret_is_not_in_it(
        self, inner_url: str, receiver: Receiver
    ) -> None:
        caller = Caller(inner_url)
        events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
        fields = {"name": "hook", "url": receiver.url, "events": events, "secret": "hush-hush"}
        hook = caller.post("webhooks", **fields)["webhook"]
        receiver.reply = lambda _: (200, {}, b"x" * MB)
        answer = caller.send("POST", f"webhooks/{hook['webhook_id']}/test", json={})
        assert len(answer.content) < 20_000
        assert "hush" not in answer.text
        caller.http.close()


class TestStrangers:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example"},
            {"Host": "localhost.evil.example:5050"},
            {"Host": ""},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost.evil.example"},
            {"Origin": "http://127.0.0.1@evil.example"},
        ],
    )
    def test_pages_of_others_are_refused_everywhere(
        self, caller: Caller, run: str, headers: dict[str, str]
    ) -> None:
        for method, path in (
            ("GET", "runs/get?run_id=" + run),
            ("POST", "runs/delete"),
            ("GET", f"{FILES}/0/{run}/artifacts/model/MLmodel"),
            ("PUT", f"{FILES}/0/{run}/artifacts/x"),
            ("GET", "webhooks"),
        ):
            answer = caller.send(method, path, headers=headers)
            assert answer.status_code == 403, (method, path)
            assert answer.json()["error"]

    def test_a_form_of_another_page_cannot_write(self, caller: Caller) -> None:
        """A browser sends a form without asking first; it names the page that it comes from."""
        headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
        body = b'{"name": "planted"}'
        answer = caller.send("POST", "experiments/create", content=body, headers=headers)
        assert answer.status_code == 403
        found = caller.send("GET", "experiments/get-by-name?experiment_name=planted")
        assert found.status_code == 404


class TestSizes:
    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("experiments/create", {"name": "n" * 501}),
            ("experiments/create", {"name": "n" * MB}),
            ("experiments/set-experiment-tag", {"experiment_id": "0", "key": "k" * 251}),
            (
                "experiments/set-experiment-tag",
                {"experiment_id": "0", "key": "k", "value": "v" * MB},
            ),
            ("runs/log-metric", {"run_id": "RUN", "key": "k" * 251, "value": 1, "timestamp": 1}),
            ("runs/log-parameter", {"run_id": "RUN", "key": "k" * 251, "value": "v"}),
            ("runs/set-tag", {"run_id": "RUN", "key": "k" * MB, "value": "v"}),
            ("runs/log-batch", {"run_id": "RUN", "tags": [{"key": "k" * 251, "value": "v"}]}),
            ("registered-models/create", {"name": "n" * 257}),
            ("registered-models/create", {"name": "n", "description": "d" * MB}),
            ("registered-models/create", {"name": "n", "tags": [{"key": "k", "value": "v" * MB}]}),
            ("logged-models", {"experiment_id": "0", "model_type": "t" * MB}),
            (
                "logged-models",
                {"experiment_id": "0", "params": [{"key": "k", "value": "v" * 6001}]},
            ),
            ("webhooks", {"name": "n" * 64, "url": "https://93.184.215.14", "events": []}),
            ("runs/search", {"experiment_ids": ["0"] * 100_000}),
            ("runs/search", {"experiment_ids": ["0"], "filter": "(" * 50_000}),
            ("runs/search", {"experiment_ids": ["0"], "filter": "metrics.a > 1 AND " * 20_000}),
            ("runs/search", {"experiment_ids": ["0"], "order_by": ["metrics.a"] * 5000}),
        ],
    )
    def test_what_is_too_long_is_refused(
        self, caller: Caller, run: str, path: str, fields: dict[str, Any]
    ) -> None:
        body = json.dumps(fields).replace("RUN", run).encode()
        assert said(caller.send("POST", path, content=body)) == (400, BAD)

    @pytest.mark.parametrize(
        ("noun", "most", "row"),
        [
            ("metrics", 1000, {"key": "m", "value": 1, "timestamp": 1}),
            ("params", 100, {"key": "p", "value": "1"}),
            ("tags", 100, {"key": "t", "value": "1"}),
        ],
    )
    def test_a_batch_of_too_many_keeps_none(
        self, caller: Caller, run: str, noun: str, most: int, row: dict[str, Any]
    ) -> None:
        for count in (most + 1, 50_000):
            rows = [row | {"key": f"k{number}"} for number in range(count)]
            answer = caller.send("POST", "runs/log-batch", json={"run_id": run, noun: rows})
            assert said(answer) == (400, BAD)
        kept = caller.get("runs/get", run_id=run)["run"]["data"]
        assert not [each for each in kept.get(noun, []) if each["key"].startswith("k")]

    @pytest.mark.parametrize("told", [True, False])
    def test_a_body_of_100_mb_is_refused_before_it_is_read(self, url: str, told: bool) -> None:
        """With its length told, before it is sent; in pieces, as soon as it is too large."""
        [server] = [
            each.pid
            for each in psutil.Process().children(recursive=True)
            for port in [int(url.rpartition(":")[2])]
            if any(
                c.laddr.port == port and c.status == psutil.CONN_LISTEN
                for c in each.net_connections("tcp")
            )
        ]
        process = psutil.Process(server)
        before = process.memory_info().rss
        sent, answer = _flood(url, told=told)
        assert b" 413 " in answer.splitlines()[0]
        assert b"larger than" in answer
        assert sent < 40 * MB
        assert process.memory_info().rss - before < 40 * MB
        assert httpx.get(f"{url}/health", trust_env=False).text == "OK"


def _flood(url: str, *, told: bool) -> tuple[int, bytes]:
    """Send 100 MB until there is an answer: how much was sent, and what the answer is."""
    host, port = url.removeprefix("http://").split(":")
    length = f"Content-Length: {100 * MB}" if told else "Transfer-Encoding: chunked"
    head = f"POST {API}experiments/create HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n\r\n"
    piece = b"x" * MB if told else b"100000\r\n" + b"x" * MB + b"\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(head.encode())
        line.settimeout(0.2 if told else 0.01)
        for sent in range(0, 101 * MB, MB):
            try:
                if answer := line.recv(65536):
                    return sent, _whole(line, answer)
            except TimeoutError:
                pass
            line.setblocking(True)
            line.sendall(piece)
            line.settimeout(0.01)
        return 101 * MB, b""


def _whole(line: socket.socket, answer: bytes) -> bytes:
    """The answer with what else is said before the line is closed, or falls silent."""
    line.settimeout(5)
    with contextlib.suppress(OSError):
        while b"}" not in answer and (piece := line.recv(65536)):
            answer += piece
    return answer


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"[" * 200_000,
            b'{"a":' * 100_000,
            b'{"name": "x", "tags": ' + b"[" * 5000 + b"]" * 5000 + b"}",
            b'{"name": ' + b"9" * 5000 + b"}",
            b'{"name": -' + b"9" * 400 + b".5e999999}",
            b'{"name": "\\ud800\\udfff\\ud800"}',
            b'{"name": "a\\u0000b"}',
            b'{"name": "' + b"\xc3\x28" + b'"}',
            b"\x00" * 1000,
            b"PK\x03\x04" + b"\x00" * 100,
            b'{"__proto__": {"name": "x"}}',
            b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
        ],
    )
    def test_none_of_them_is_a_fault(self, caller: Caller, body: bytes) -> None:
        for path in ("experiments/create", "registered-models/create"):
            assert said(caller.send("POST", path, content=body)) == (400, BAD)

    @pytest.mark.parametrize(
        "number", ["1e400", "9" * 400, "-" + "9" * 400, '"' + "9" * 5000 + '"']
    )
    def test_huge_numbers_are_refused_where_they_cannot_be_kept(
        self, caller: Caller, run: str, number: str
    ) -> None:
        for field in ("timestamp", "step"):
            rest = {"timestamp": 1, "step": 1}
            del rest[field]
            words = json.dumps({"run_id": run, "key": "m", "value": 1} | rest)[:-1]
            body = f'{words}, "{field}": {number}}}'.encode()
            assert said(caller.send("POST", "runs/log-metric", content=body)) == (400, BAD)
        body = f'{{"max_results": {number}}}'.encode()
        assert said(caller.send("POST", "experiments/search", content=body)) == (400, BAD)

    @pytest.mark.parametrize(
        "claim",
        [
            "name = 'x'; DROP TABLE experiments_run",
            "name = 'x' OR 1=1",
            "name = 'x' UNION SELECT secret FROM interop_webhook",
            "name LIKE '" + "%_" * 20_000 + "'",
            "name = '" + "\\'" * 10_000,
            "(((" + "name = 'x'" + ")" * 10_000,
            "NOT " * 20_000 + "name = 'x'",
            "name IN (" + "'x'," * 50_000 + "'x')",
            "__class__ = 'x'",
            "name = __import__('os').system('id')",
            "name = 'x' \0",
        ],
    )
    def test_no_filter_is_more_than_a_question(self, caller: Caller, claim: str) -> None:
        fields = {"max_results": 10, "filter": claim}
        for path, more in (
            ("experiments/search", fields),
            ("runs/search", fields | {"experiment_ids": ["0"]}),
            ("logged-models/search", fields | {"experiment_ids": ["0"]}),
        ):
            answer = caller.send("POST", path, json=more)
            assert answer.status_code in (200, 400), (path, answer.text[:300])
        assert caller.get("experiments/get", experiment_id="0")


GOOD: dict[str, Any] = {
    "experiment_id": "0",
    "experiment_ids": ["0"],
    "experiment_name": "Default",
    "new_name": "other",
    "name": "m",
    "run_id": NOBODY,
    "run_ids": [NOBODY],
    "key": "k",
    "value": "1",
    "timestamp": 1,
    "step": 1,
    "start_time": 1,
    "end_time": 1,
    "status": "FINISHED",
    "tags": [{"key": "k", "value": "v"}],
    "params": [{"key": "k", "value": "v"}],
    "metrics": [{"key": "k", "value": 1, "timestamp": 1}],
    "datasets": [{"dataset": {"name": "n", "digest": "d", "source_type": "s", "source": "s"}}],
    "models": [{"model_id": "m-1", "step": 0}],
    "metric_key": "m",
    "max_results": 5,
    "page_token": "",
    "filter": "",
    "order_by": [],
    "alias": "best",
    "version": "1",
    "stage": "Staging",
    "source": "s3://b/k",
    "model_id": "m-1",
    "model_json": "{}",
    "url": "https://93.184.215.14/",
    "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
    "event": {"entity": "REGISTERED_MODEL", "action": "CREATED"},
}
HOSTILE: list[Any] = [
    *(None, True, -1, 1.5, 10**30, 1e308, "", "\0", "\ud800", "9" * 5000, "%00", "ü" * 300),
    *([], [None], [[]], [{}], [{"key": None}], [{"key": "k", "value": {}}], {}, {"a": {"b": []}}),
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.methods[0]} {route.path}")
def test_no_route_fails_on_a_hostile_value(caller: Caller, route: Route) -> None:
    """Each field that its module reads is spoiled in turn; the rest of the request is good."""
    written = inspect.getsource(sys.modules[route.handler.__module__])
    path = route.path.replace("{model_id}", "m-1").replace("{tag_key}", "k")
    path = path.replace("{webhook_id}", "w-1")
    method = route.methods[-1]
    for name in [name for name in GOOD if f'"{name}"' in written or name == "run_id"]:
        for value in HOSTILE:
            given = GOOD | {name: value}
            if method == "GET":
                flat = {key: _as_query(each) for key, each in given.items()}
                answer = caller.send("GET", path, params=flat)
            else:
                body = json.dumps(given).encode()
                answer = caller.send(method, path, content=body)
            assert answer.status_code < 500, (name, repr(value)[:80], answer.text[:300])


def _as_query(value: Any) -> Any:
    if isinstance(value, list):
        return [str(each) for each in value]
    return "?" if value == "\ud800" else str(value)
