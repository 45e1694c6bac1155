"""SIGKILLs of the server under eight clients: nothing acknowledged is lost or told twice.

A client that gets no answer sends the same again until it has one, as MLflow's does. So in the end
every point that it meant is there, and there once, whether the killed server had written it or not.
"""

from __future__ import annotations

import math
import random
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.serving import ServerProcess, wait_for
from harness.tracking_calls import Caller
from pilothouse.cli.doctor import examine
from pilothouse.experiments.metrics import packed_history
from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.experiments.metrics.summary import History, summarise
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

CLIENTS, ANSWERS = 8, 40  # requests that are answered between two kills, at least
STEPS_OF_A_RUN = 40
AT_MS = 1_772_366_400_000
ODD = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
Point = tuple[int, int, float]  # step, milliseconds, value

pytestmark = pytest.mark.timeout(300)


class Client:
    """Logs runs one after the other, and remembers what was acknowledged."""

    def __init__(self, url: str, number: int, stop: threading.Event) -> None:
        self.caller = Caller(url)
        self.draw = random.Random(number)
        self.stop = stop
        self.answers = 0
        self.points: dict[tuple[str, str], list[Point]] = defaultdict(list)
        self.params: dict[str, dict[str, str]] = {}
        self.ended: set[str] = set()

    def work(self) -> None:
        """Log until told to stop."""
        while not self.stop.is_set():
            self._run()
        self.caller.http.close()

    def _run(self) -> None:
        started = self._answered("runs/create", experiment_id="0", start_time=AT_MS)
        run = started["run"]["info"]["run_id"]
        for step in range(0, STEPS_OF_A_RUN, 4):
            if self.stop.is_set():
                return
            self._single(run, step) if self.draw.random() < 0.5 else self._batch(run, step)
        self._answered("runs/update", run_id=run, status="FINISHED", end_time=AT_MS)
        self.ended.add(run)
        self._single(run, STEPS_OF_A_RUN)  # late, while the run is being compacted

    def _single(self, run: str, step: int) -> None:
        point = self._point("loss", step)
        self._answered("runs/log-metric", run_id=run, **point)
        self._acknowledged(run, [point])

    def _batch(self, run: str, step: int) -> None:
        points = [self._point(key, step + i) for i in range(4) for key in ("auc", "loss")]
        points += self.draw.sample(points, 2)  # the same point again is one
        param = {"key": f"p{step}", "value": str(step)}
        self._answered("runs/log-batch", run_id=run, metrics=points, params=[param])
        self._acknowledged(run, points)
        self.params.setdefault(run, {})[param["key"]] = param["value"]

    def _point(self, key: str, step: int) -> dict[str, Any]:
        odd = self.draw.random() < 0.1
        value = self.draw.choice(list(ODD)) if odd else self.draw.uniform(-1, 1)
        return {"key": key, "step": step, "timestamp": AT_MS + step, "value": value}

    def _acknowledged(self, run: str, points: list[dict[str, Any]]) -> None:
        for point in points:
            value = ODD.get(point["value"], point["value"])
            acknowledged = point["step"], point["timestamp"], value
            self.points[run, point["key"]].append(acknowledged)

    def _answered(self, path: str, **fields: Any) -> dict[str, Any]:
        while True:
            try:
                response = self.caller.post(path, **fields)
            except httpx.TransportError:
                wait_for(self._is_up)
                continue
            self.answers += 1
            return response

    def _is_up(self) -> bool:
        try:
            return self.caller.send("GET", "/health").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.proof)])
def test_kills_lose_nothing_that_was_acknowledged(folder: Path, kills: int) -> None:
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    stop, chance = threading.Event(), random.Random(0)
    with ServerProcess(workspace.store) as server:
        clients = [Client(server.url, number, stop) for number in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            working = [pool.submit(client.work) for client in clients]
            try:
                for _ in range(kills):
                    _wait_for_answers(clients, ANSWERS + chance.randrange(ANSWERS))
                    server.kill()
                    server.start()
            finally:
                stop.set()
            for future in working:
                future.result(120)
    ended = set().union(*(client.ended for client in clients))
    assert len(ended) >= CLIENTS
    acknowledged = {key: points for client in clients for key, points in client.points.items()}
    assert_kept(workspace, acknowledged)
    assert_params_kept(workspace, clients)
    for run in ended:
        packed_history.compact(workspace.store, run)
    assert_kept(workspace, acknowledged)
    workspace.store.engine.dispose()
    report = examine(folder)
    assert report["ok"], report["checks"]


def _wait_for_answers(clients: list[Client], count: int) -> None:
    before = sum(client.answers for client in clients)
    wait_for(lambda: sum(client.answers for client in clients) >= before + count)


def assert_kept(workspace: Workspace, acknowledged: dict[tuple[str, str], list[Point]]) -> None:
    """Every history is what was acknowledged, each point once, and its summary agrees."""
    room = workspace.experiments
    runs = sorted({run for run, _ in acknowledged})
    frame = room.history(runs)
    stored: dict[tuple[str, str], list[Point]] = defaultdict(list)
    instants = frame["at"].astype("int64") // 1_000_000
    columns = frame["run"], frame["key"], frame["step"], instants, frame["value"]
    for run, key, step, at, value in zip(*columns, strict=True):
        stored[run, key].append((step, at, value))
    assert stored.keys() == acknowledged.keys()
    for (run, key), points in acknowledged.items():
        assert spelt(stored[run, key]) == sorted(set(spelt(points)))
        summary = room.run(run).metrics[key]
        assert repr(summary) == repr(summarise(as_history(points), metric_kind(key).direction))


def assert_params_kept(workspace: Workspace, clients: list[Client]) -> None:
    for client in clients:
        for run, params in client.params.items():
            assert workspace.experiments.run(run).params == params


def spelt(points: list[Point]) -> list[tuple[int, int, str]]:
    """Points that can be compared: NaN by its name."""
    return [(step, at, repr(float(value))) for step, at, value in points]


def as_history(points: list[Point]) -> History:
    """The distinct points in the order of a history."""
    rows = {
        (step, at * 1000, 0.0 if math.isnan(value) else value, int(math.isnan(value)))
        for step, at, value in points
    }
    return History(*map(list, zip(*sorted(rows), strict=True)))
