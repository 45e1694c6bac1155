"""Ingest: many clients at once, nothing lost, nobody told that the database is locked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import Session, select

from harness.serving import ServerProcess, wait_for
from harness.tracking_calls import Caller
from pilothouse.experiments import Points, recording
from pilothouse.experiments.tables import Experiment
from pilothouse.interop.mlflow.errors import ProtocolError, invalid
from pilothouse.interop.mlflow.ingest import WriteQueue
from pilothouse.kit.errors import Conflict, NotFound, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.workspace import Workspace, open_workspace

CLIENTS, STEPS = 8, 60


def test_eight_clients_at_once_are_all_answered(url: str) -> None:
    def log(client: int) -> str:
        caller = Caller(url)
        run = caller.run(user_id=f"client {client}")
        for step in range(STEPS):
            fields = {"run_id": run, "key": "m", "value": step, "timestamp": step, "step": step}
            caller.post("runs/log-metric", **fields)
            caller.post("runs/set-tag", run_id=run, key=f"t{step}", value="1")
        caller.http.close()
        return run

    with ThreadPoolExecutor(CLIENTS) as pool:
        runs = list(pool.map(log, range(CLIENTS)))
    caller = Caller(url)
    for run in runs:
        told = caller.get("metrics/get-history", run_id=run, metric_key="m")["metrics"]
        assert [point["step"] for point in told] == list(range(STEPS))
        assert len(caller.get("runs/get", run_id=run)["run"]["data"]["tags"]) == STEPS + 1
    caller.http.close()


def test_what_is_refused_takes_nothing_of_the_others_with_it(store: Store) -> None:
    ingest, gate = WriteQueue(store), threading.Event()

    def add(name: str) -> Callable[[Session], str]:
        def work(session: Session) -> str:
            at = store.now()
            session.add(Experiment(name=name, created_at=at, created_by="ada"))
            session.flush()
            if name == "bad":
                raise invalid("refused")
            return name

        return work

    blocked = ingest.submit(lambda _: gate.wait(10))
    waiting = [ingest.submit(add(name)) for name in ("a", "bad", "b", "a")]
    gate.set()
    assert blocked.result(10)
    assert (waiting[0].result(10), waiting[2].result(10)) == ("a", "b")
    with pytest.raises(ProtocolError, match="refused"):
        waiting[1].result(10)
    with pytest.raises(Exception, match="UNIQUE"):
        waiting[3].result(10)
    with store.read() as session:
        assert set(session.exec(select(Experiment.name))) == {"a", "b"}
    ingest.close()
    with pytest.raises(Unavailable):
        ingest.submit(lambda _: None)


def test_points_of_many_runs_are_written_as_one_and_refused_one_by_one(
    workspace: Workspace,
) -> None:
    store, runs = workspace.store, [workspace.experiments.start("many") for _ in range(3)]
    workspace.experiments.archive(runs[2])
    ingest, gate = WriteQueue(store), threading.Event()

    def log(run: str, *steps: int) -> Future[Any]:
        points = [Points("m", steps, [step / 2 for step in steps])]

        def apart(session: Session) -> str:
            recording.log_points(session, store, run, points)
            return "apart"

        return ingest.submit(apart, (run, points))

    blocked = ingest.submit(lambda _: gate.wait(10))
    together = [log(runs[0], 0, 1), log(runs[1], 0), log(runs[0], 2, 1)]
    gate.set()
    assert blocked.result(10)
    assert [each.result(10) for each in together] == [{}, {}, {}]
    gate.clear()
    blocked = ingest.submit(lambda _: gate.wait(10))
    mixed = [log(runs[0], 3), log(runs[2], 0), log("no such run", 0), log(runs[1], 1)]
    gate.set()
    assert (mixed[0].result(10), mixed[3].result(10)) == ("apart", "apart")
    with pytest.raises(Conflict):
        mixed[1].result(10)
    with pytest.raises(NotFound):
        mixed[2].result(10)
    ingest.close()
    seen = [workspace.experiments.run(run).metrics.get("m") for run in runs]
    assert [each and (each.count, each.last, each.max) for each in seen] == [
        (4, 1.5, 1.5),
        (2, 0.5, 0.5),
        None,
    ]


def test_a_batch_that_falls_back_is_counted_and_logged(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pilothouse.ingest")

    def fail(session: Session) -> None:
        raise error

    ingest = WriteQueue(store)
    error: Exception = Conflict("the run is archived")
    with pytest.raises(Conflict):
        ingest.submit(fail).result(10)
    assert ingest.submit(lambda _: "written").result(10) == "written"
    assert ingest.fallbacks == 1
    error = ZeroDivisionError("a fault")
    with pytest.raises(ZeroDivisionError):
        ingest.submit(fail).result(10)
    ingest.close()

    assert ingest.fallbacks == 2
    records = [record for record in caplog.records if record.name == "pilothouse.ingest"]
    assert [record.levelname for record in records] == ["INFO", "WARNING"]
    assert "Conflict: the run is archived" in records[0].getMessage()
    assert records[1].exc_info is not None


def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    workspace = open_workspace(settings=Settings(workspace=tmp_path / "workspace", actor="ada"))
    with ServerProcess(workspace.store) as server:
        acknowledged: dict[str, int] = {}

        def log(_: int) -> None:
            caller = Caller(server.url)
            try:
                run = caller.run()
                for step in range(100_000):
                    fields = {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "step": step}
                    caller.post("runs/log-metric", **fields)
                    acknowledged[run] = step + 1
            except httpx.HTTPError:
                caller.http.close()

        with ThreadPoolExecutor(CLIENTS) as pool:
            done = [pool.submit(log, client) for client in range(CLIENTS)]
            wait_for(lambda: len(acknowledged) == CLIENTS and min(acknowledged.values()) > 20)
            server.kill()
            for each in done:
                each.result(30)
    assert len(acknowledged) == CLIENTS
    for run, count in acknowledged.items():
        assert workspace.experiments.run(run).metrics["m"].count >= count
    workspace.store.engine.dispose()


def test_whoever_is_left_alone_is_still_answered_and_an_end_waits_for_nobody(store: Store) -> None:
    ingest, gate = WriteQueue(store), threading.Event()
    ingest.submit(lambda _: gate.wait(10))
    crowd = [ingest.submit(lambda _: "one of many") for _ in range(20)]
    gate.set()
    assert {each.result(10) for each in crowd} == {"one of many"}
    assert ingest.submit(lambda _: "alone").result(10) == "alone"
    gate.clear()
    ingest.submit(lambda _: gate.wait(10))
    last = [ingest.submit(lambda _: "last") for _ in range(3)]
    gate.set()
    ingest.close()
    assert [each.result(0) for each in last] == ["last"] * 3
