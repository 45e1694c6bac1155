"""Versions that an MLflow client moves through gates, though nobody has tried them before."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.open_gates import STAGES
from harness.policies import set_gates
from harness.serving import register, trained, wait_for, workspace_of
from pilothouse.interop.mlflow.trials import MAX_AT_ONCE, Trials
from pilothouse.registry import Registry, versions
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.policy import GateRule
from pilothouse.storage import Store
from pilothouse.workspace import Workspace

# What the client warns its users of is not ours to judge.
pytestmark = pytest.mark.filterwarnings("ignore")
FRAME = pd.DataFrame(np.random.default_rng(2).normal(size=(80, 2)), columns=["size", "age"])
PRICE = FRAME["size"] * 3 + FRAME["age"]


@pytest.fixture
def prices(mlflow: Any, ours: Workspace) -> str:
    """A model with two versions that the client logged and nobody tried; no gate but the trial."""
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(FRAME, PRICE)
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
        signature=infer_signature(FRAME, model.predict(FRAME)),
        input_example=FRAME.head(2),
        registered_model_name="prices",
    )
    mlflow.register_model(logged.model_uri, "prices")
    for stage in STAGES:
        set_gates(ours, stage, ())
    return "prices"


@pytest.mark.timeout(300)
def test_a_version_that_nobody_tried_goes_where_its_gates_let_it(
    mlflow: Any, client: Any, ours: Workspace, prices: str
) -> None:
    with pytest.raises(mlflow.MlflowException, match="does not say what its answer means") as error:
        client.transition_model_version_stage(prices, "1", "Staging")
    assert error.value.error_code == "PERMISSION_DENIED"
    assert stages_of(ours, prices) == {1: "none", 2: "none"}

    for version in (1, 2):
        ours.registry.describe(prices, version, "regression")
    client.transition_model_version_stage(prices, "1", "Staging")
    client.set_registered_model_alias(prices, "champion", "2")
    assert stages_of(ours, prices) == {1: "staging", 2: "production"}
    assert Registry(ours.store).assess(prices, 2, "production").accepted
    assert ours.registry.promotions()["status"].tolist() == ["accepted", "accepted", "refused"]


@pytest.mark.timeout(300)
def test_a_refused_client_reads_what_the_screen_says(
    mlflow: Any, client: Any, ours: Workspace, prices: str
) -> None:
    ours.registry.describe(prices, 1, "regression")
    set_gates(ours, "production", [GateRule("has_contract")])
    with pytest.raises(mlflow.MlflowException) as error:
        client.transition_model_version_stage(prices, "1", "Production")
    assert error.value.error_code == "PERMISSION_DENIED"

    untried = Registry(ours.store).assess(prices, 1, "production")  # it makes no trial itself
    messages = [verdict.message for verdict in untried.verdicts if not verdict.passed]
    assert len(messages) == 1
    assert messages[0] in str(error.value)
    assert stages_of(ours, prices)[1] == "none"


@pytest.mark.timeout(300)
def test_a_client_that_does_not_wait_gets_its_answer_when_it_asks_again(
    mlflow: Any,
    client: Any,
    ours: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads = tmp_path / "loads"
    log_slow_model(mlflow, loads, seconds=6)
    loads.unlink(missing_ok=True)  # logging a model with an example loads it
    ours.registry.approve_code("slow", 1, "read it")
    ours.registry.describe("slow", 1, "regression")
    set_gates(ours, "staging", ())

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    with ThreadPoolExecutor() as pool:
        move = pool.submit(client.transition_model_version_stage, "slow", "1", "Staging")
        wait_for(loads.exists)
        answered = time_of_a_write(mlflow)
        assert not move.done()
        move.result(timeout=120)
    assert answered < 2
    assert stages_of(ours, "slow") == {1: "staging"}
    assert loads.read_text() == "loaded\n"


def log_slow_model(mlflow: Any, loads: Path, seconds: int) -> None:
    """A model of its author's own, which notes each time that it is loaded, slowly."""
    path = str(loads)

    class Slow(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
        def load_context(self, context):  # type: ignore[no-untyped-def]
            import time

            with open(path, "a", encoding="utf-8") as file:
                file.write("loaded\n")
            time.sleep(seconds)

        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return model_input["size"] * 2

    from mlflow.models import infer_signature

    mlflow.pyfunc.log_model(
        name="model",
        python_model=Slow(),
        pip_requirements=[],
        signature=infer_signature(FRAME, PRICE),
        input_example=FRAME.head(2),
        registered_model_name="slow",
    )


def time_of_a_write(mlflow: Any) -> float:
    """How long the server takes to write, and to read what was written, in seconds."""
    start = time.monotonic()
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.9)
    assert mlflow.get_run(run.info.run_id).data.metrics == {"auc": 0.9}
    return time.monotonic() - start


def stages_of(ours: Workspace, model: str) -> dict[int, str]:
    frame = ours.registry.versions(model)
    return dict(zip(frame["version"], frame["stage"], strict=True))


class Attempts:
    """Trials that last until they are released, and that count themselves."""

    def __init__(self, message: str = "") -> None:
        self.refs: list[str] = []
        self.release = threading.Event()
        self._message = message

    def __call__(self, store: Store, version: VersionInfo) -> str:
        self.refs.append(version.ref)
        assert self.release.wait(20)
        return self._message


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The model `late` with four versions."""
    with workspace_of(tmp_path / "workspace") as opened:
        register(opened, "late", *(trained(strength) for strength in (1.0, 2.0, 3.0, 4.0)))
        yield opened


def infos(store: Store) -> list[VersionInfo]:
    with store.read() as session:
        return [versions.find(session, "late", number) for number in range(1, 5)]


async def started(attempts: Attempts, count: int) -> None:
    while len(attempts.refs) < count:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


def test_callers_share_a_trial_and_two_run_at_once(store: Store) -> None:
    attempts = Attempts()
    first, *others = infos(store)

    async def ask() -> None:
        trials = Trials(store, attempts)
        impatient = asyncio.create_task(trials.ensure(first))
        await started(attempts, 1)
        impatient.cancel()
        again = [asyncio.create_task(trials.ensure(first)) for _ in range(3)]
        more = [asyncio.create_task(trials.ensure(other)) for other in others]
        await started(attempts, MAX_AT_ONCE)
        assert len(attempts.refs) == MAX_AT_ONCE
        attempts.release.set()
        await asyncio.gather(*again, *more)
        await trials.ensure(first)

    asyncio.run(ask())
    assert sorted(attempts.refs) == [f"late@{number}" for number in range(1, 5)]


def test_a_failed_trial_is_made_again_and_a_failure_reaches_its_callers(store: Store) -> None:
    attempts = Attempts("it is broken")
    attempts.release.set()
    version = infos(store)[0]

    def unable(store: Store, version: VersionInfo) -> str:
        raise OSError(28, "No space left on device")

    async def ask() -> None:
        for _ in range(2):
            await Trials(store, attempts).ensure(version)
        with pytest.raises(OSError, match="No space left"):
            await Trials(store, unable).ensure(version)

    asyncio.run(ask())
    assert attempts.refs == ["late@1", "late@1"]
