"""Serving for real: a server, a controller, model processes, callers, and sudden ends."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import joblib
import pandas as pd
import pytest

from harness.serving import (
    ServerProcess,
    Worker,
    register,
    running_models,
    serving,
    wait_for,
    workspace_of,
)
from harness.working_threads import WorkingThreads
from pilothouse.deployments import Deployments
from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.prediction_log import compaction
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.ids import uuid7s
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.storage import Store

ROWS = {"distance": [500.0, 900.0], "carrier": ["AA", "ZZ"], "wind": [None, 25.0]}
KINDS = {"distance": "FP64", "carrier": "BYTES", "wind": "FP64"}


def body(ids: list[str] | None = None, event_ms: Any = None, rows: int = 2) -> dict[str, Any]:
    inputs = [
        {"name": n, "shape": [rows], "datatype": KINDS[n], "data": (v * rows)[:rows]}
        for n, v in ROWS.items()
    ]
    parameters = {"prediction_ids": ids, "event_time": event_ms}
    return {"inputs": inputs, "parameters": {k: v for k, v in parameters.items() if v is not None}}


@pytest.fixture
def worker(registered: Store) -> Iterator[Worker]:
    with Worker(registered) as working:
        yield working


@pytest.fixture
def server(registered: Store) -> Iterator[ServerProcess]:
    with ServerProcess(registered) as running:
        yield running


@pytest.fixture
def caller(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def launched(deployments: Deployments, worker: Worker) -> Deployments:
    deployments.launch("flights", "late", 1)
    deployments.wait_until_ready("flights")
    return deployments


@pytest.fixture(scope="module")
def standing(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path, artifacts: tuple[bytes, bytes]
) -> Iterator[tuple[Store, ServerProcess]]:
    """A server and the deployment `flights`, for tests that end no process and change nothing."""
    folder = tmp_path_factory.mktemp("standing") / "workspace"
    folder.mkdir(mode=0o700)
    shutil.copy(empty_database, folder)
    with workspace_of(folder, *artifacts) as store, serving(store, 1) as server:
        yield store, server


@pytest.fixture
def served(standing: tuple[Store, ServerProcess]) -> Deployments:
    return Deployments(standing[0])


@pytest.fixture
def client(standing: tuple[Store, ServerProcess]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standing[1].url, timeout=30, trust_env=False) as client:
        yield client


def logged(deployments: Deployments, ids: list[str]) -> pd.DataFrame:
    """The predictions with these ids."""
    frame = deployments.predictions("flights")
    return frame[frame["prediction_id"].isin(ids)]


def outputs(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {part["name"]: part["data"] for part in answer.json()["outputs"]}


def test_an_answer_equals_the_model_and_is_logged(
    served: Deployments, client: httpx.Client, artifacts: tuple[bytes, bytes]
) -> None:
    ids = uuid7s(2)
    answer = client.post("/v2/models/flights/infer", json=body(ids, [1_362_000_000_000] * 2))
    parts = outputs(answer)
    model = joblib.load(io.BytesIO(artifacts[0]))
    expected = model.predict_proba(pd.DataFrame(ROWS).astype({"wind": float}))
    assert parts["predict_proba"] == pytest.approx(expected.ravel().tolist(), abs=1e-12)
    assert parts["predict"] == [int(p > 0.5) for p in expected[:, 1]]
    assert parts["prediction_id"] == ids
    assert answer.headers["x-model-version"] == "1"
    frame = logged(served, ids)
    assert list(frame["prediction_id"]) == ids
    assert list(frame["carrier"]) == ["AA", "ZZ"]
    assert frame["wind"].isna().tolist() == [True, False]
    assert frame["score"].tolist() == pytest.approx(expected[:, 1].tolist())
    assert frame["event_at"].astype("int64").tolist() == [1_362_000_000_000] * 2


def test_a_replayed_request_counts_once(served: Deployments, client: httpx.Client) -> None:
    ids = uuid7s(2)
    first = outputs(client.post("/v2/models/flights/infer", json=body(ids)))
    assert outputs(client.post("/v2/models/flights/infer", json=body(ids))) == first
    assert len(logged(served, ids)) == 2


def test_a_verb_predicts_over_http(served: Deployments) -> None:
    before = set(served.predictions("flights")["prediction_id"])
    [one] = served.predict("flights", [{"distance": 500.0, "carrier": "AA"}])
    assert one["score"] == one["probabilities"]["1"]
    assert one["version"] == 1
    with pytest.raises(Invalid, match="missing columns: carrier"):
        served.predict("flights", [{"distance": 500.0}])
    after = set(served.predictions("flights")["prediction_id"])
    assert after - before == {one["prediction_id"]}


def test_a_model_of_three_classes_is_served_labelled_and_logged(
    standing: tuple[Store, ServerProcess], served: Deployments
) -> None:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    data = load_iris(as_frame=True)
    frame = data.data.set_axis(["a", "b", "c", "d"], axis=1)
    kinds = data.target.map(dict(enumerate(["setosa", "versicolor", "virginica"])))
    model = LogisticRegression(max_iter=1_000).fit(frame, kinds)
    file = io.BytesIO()
    joblib.dump(model, file)
    signature = Signature(
        tuple(SignatureField(name, "number") for name in frame),
        "kind",
        ("virginica", "setosa", "versicolor"),  # another order than the model's own
        task="multiclass",
    )
    rows = frame.iloc[::30].to_dict("records")
    register(standing[0], "iris", file.getvalue(), signature=signature, example=rows[:1])
    served.launch("iris", "iris", 1)
    served.wait_until_ready("iris")

    answers = served.predict("iris", rows)
    expected = model.predict_proba(pd.DataFrame(rows))
    assert [answer["prediction"] for answer in answers] == list(model.predict(pd.DataFrame(rows)))
    for answer, chances in zip(answers, expected, strict=True):
        named = dict(zip(model.classes_, chances, strict=True))
        assert answer["probabilities"] == pytest.approx(named)
        assert answer["outputs"]["confidence"] == pytest.approx(max(chances))

    ids = [answer["prediction_id"] for answer in answers]
    assert served.label("iris", ids, list(kinds.iloc[::30])) == len(ids)
    with pytest.raises(Invalid, match="is not a label of the model"):
        served.label("iris", ids[:1], ["rose"])
    rows_logged = served.predictions("iris").set_index("prediction_id").loc[ids]
    assert list(rows_logged["out.predict"]) == [answer["prediction"] for answer in answers]
    assert rows_logged["out.p.setosa"].tolist() == pytest.approx(expected[:, 0].tolist())
    assert set(served.labels("iris")["label"]) <= set(signature.classes)


def test_many_callers_share_batches(client: httpx.Client) -> None:
    expected = outputs(client.post("/v2/models/flights/infer", json=body()))["predict_proba"]

    def call() -> None:
        for _ in range(10):
            got = outputs(client.post("/v2/models/flights/infer", json=body()))
            assert got["predict_proba"] == pytest.approx(expected, abs=1e-12)
            done.append(1)

    done: list[int] = []
    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 80


class Load(WorkingThreads):
    """Callers that never pause; what went wrong is kept."""

    def __init__(self, url: str, count: int = 4) -> None:
        self._url = url
        self.sent: list[str] = []
        self.versions: list[int] = []
        self.failures: list[str] = []
        super().__init__(*[self._call] * count)

    def _call(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as client:
            while not self.stop.is_set():
                ids = uuid7s(2)
                answer = client.post("/v2/models/flights/infer", json=body(ids))
                if answer.status_code == 200:
                    self.sent += ids
                    self.versions.append(int(answer.headers["x-model-version"]))
                else:
                    self.failures.append(answer.text)

    def more(self, count: int = 20) -> None:
        """Wait until that many more requests were answered."""
        target = len(self.versions) + count
        wait_for(lambda: len(self.versions) >= target or self.failures)


def test_a_swap_and_a_roll_back_fail_no_request(
    launched: Deployments, server: ServerProcess
) -> None:
    with Load(server.url) as load:
        load.more()
        launched.switch_version("flights", 2, "better")
        wait_for(lambda: load.versions[-1] == 2)
        load.more()
        began = time.monotonic()
        launched.roll_back("flights", "worse")
        wait_for(lambda: load.versions[-1] == 1)
        turned = time.monotonic() - began
        load.more()
    assert load.failures == []
    assert turned < 2
    assert sorted(launched.predictions("flights")["prediction_id"]) == sorted(load.sent)
    info = launched.deployment("flights")
    assert all(r.restarts == 0 for r in info.replicas)
    assert {r.version for r in info.replicas if r.state == "ready"} == {1, 2}


def test_a_killed_model_process_fails_no_request(
    launched: Deployments, server: ServerProcess, registered: Store
) -> None:
    with Load(server.url) as load:
        load.more()
        [pid] = running_models(registered)
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        load.more()
        resumed = time.monotonic() - began
    assert load.failures == []
    assert resumed < 15  # about two seconds on a quiet machine
    assert sorted(launched.predictions("flights")["prediction_id"]) == sorted(load.sent)


def test_a_killed_server_loses_nothing_it_acknowledged(
    launched: Deployments, server: ServerProcess, registered: Store
) -> None:
    sent: list[str] = []

    def call_for_ever(client: httpx.Client) -> None:
        while True:
            ids = uuid7s(2)
            outputs(client.post("/v2/models/flights/infer", json=body(ids)))
            sent.extend(ids)

    def kill_when_busy() -> None:
        wait_for(lambda: len(sent) >= 40)
        os.kill(server.pid, signal.SIGKILL)

    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        killer = threading.Thread(target=kill_when_busy)
        killer.start()
        with pytest.raises(httpx.TransportError):
            call_for_ever(client)
        killer.join()
    server.kill()
    logged = set(launched.predictions("flights")["prediction_id"])
    assert set(sent) <= logged
    assert len(logged) <= len(sent) + 2
    began = time.monotonic()
    server.start()
    assert launched.predict("flights", [{"distance": 1.0, "carrier": "AA"}])
    assert time.monotonic() - began < 15  # about two seconds on a quiet machine
    assert compaction.compact(registered.folder).segments
    assert set(launched.predictions("flights")["prediction_id"]) > set(sent)


def test_a_request_waits_for_a_process_and_then_is_told_to_come_back(
    deployments: Deployments, caller: httpx.Client
) -> None:
    deployments.launch("flights", "late", 1)
    began = time.monotonic()
    answer = caller.post("/v2/models/flights/infer", json=body())
    assert time.monotonic() - began > 4
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "no process of 'flights' is ready" in answer.json()["error"]
    deployments.stop("flights")
    wait_for(lambda: "stopped" in caller.post("/v2/models/flights/infer", json=body()).text)
    with pytest.raises(Unavailable, match="stopped"):
        deployments.predict("flights", [{"distance": 1.0, "carrier": "AA"}])


def test_labels_come_later_and_may_be_corrected(served: Deployments, client: httpx.Client) -> None:
    ids = outputs(client.post("/v2/models/flights/infer", json=body()))["prediction_id"]
    labels = {"ids": ids, "labels": [0, 1], "at": [1_362_000_000_000, 1_362_000_060_000]}
    assert client.post("/deployments/flights/labels", json=labels).json() == {
        "accepted": 2,
        "unknown": 0,
    }
    client.post("/deployments/flights/labels", json={"ids": ids[:1], "labels": [1]})
    frame = served.labels("flights").set_index("prediction_id")
    assert frame.loc[ids, "label"].tolist() == [1, 1]
    wrong = client.post("/deployments/flights/labels", json={"ids": ids, "labels": [0]})
    assert (wrong.status_code, "one label an id" in wrong.text) == (422, True)


def test_a_request_to_a_process_that_hangs_is_answered_by_the_next_one(
    launched: Deployments, caller: httpx.Client, registered: Store
) -> None:
    assert caller.get("/v2/models/flights/ready").status_code == 200
    [hanging] = running_models(registered)
    os.kill(hanging, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as others:  # sent before anybody knows that it hangs
        waiting = others.submit(caller.post, "/v2/models/flights/infer", json=body(), timeout=60)
        with httpx.Client(base_url=caller.base_url, timeout=30, trust_env=False) as second:

            def unready() -> bool:
                return second.get("/v2/models/flights/ready").status_code == 503

            assert wait_for(unready)
        assert len(outputs(waiting.result())["predict"]) == 2
    assert hanging not in running_models(registered)
    assert wait_for(lambda: caller.get("/v2/models/flights/ready").status_code == 200)


def test_traffic_is_counted(launched: Deployments, caller: httpx.Client) -> None:
    for _ in range(3):
        outputs(caller.post("/v2/models/flights/infer", json=body()))
    assert caller.post("/v2/models/flights/infer", json={"inputs": []}).status_code == 422
    frame = launched.traffic("flights", 1)
    assert (frame["requests"].sum(), frame["rows"].sum(), frame["errors"].sum()) == (4, 6, 1)
    metrics = caller.get("/metrics").text
    labels = 'deployment="flights",version="1"'
    assert f'pilothouse_requests_total{{{labels},status="200"}} 3' in metrics
    assert f'pilothouse_requests_total{{{labels},status="422"}} 1' in metrics
    assert f"pilothouse_predictions_total{{{labels}}} 6" in metrics


def test_too_many_waiting_callers_are_told_to_come_back(
    deployments: Deployments, registered: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.deployments.gateway.gateway.MAX_IN_FLIGHT", 3)
    monkeypatch.setattr("pilothouse.deployments.gateway.gateway.WAIT_SECONDS", 1.0)
    deployments.launch("flights", "late", 1)
    routes = Routes(registered)
    gateway = Gateway(registered.folder, routes, max_body=1 << 20, max_rows=10, version="0")

    async def crowd() -> list[str]:
        transport = httpx.ASGITransport(app=gateway)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            path = "/v2/models/flights/infer"
            answers = await asyncio.gather(*(client.post(path, json=body()) for _ in range(5)))
        assert all(a.status_code == 503 and a.headers["retry-after"] for a in answers)
        return [answer.json()["error"] for answer in answers]

    messages = asyncio.run(crowd())
    assert sum("3 requests waiting" in message for message in messages) == 2
    assert sum("no process of 'flights' is ready" in message for message in messages) == 3
