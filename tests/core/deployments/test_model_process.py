"""A real model process: models trained here are answered from plain columns, without pandas."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
import pytest

from harness.serving import SIGNATURE as FRAME_SIGNATURE
from harness.serving import wait_for
from pilothouse.deployments.controller import model_processes
from pilothouse.deployments.controller.model_processes import ReplicaPaths
from pilothouse.deployments.model_server.child_environment import environment
from pilothouse.deployments.model_server.framing import PREDICT, STATE, SUCCESS, request
from pilothouse.deployments.model_server.server import Launch
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.training.columns import FeatureColumns
from pilothouse.training.trainers import resolve_params, trainers

TOKEN = "f" * 32
STEP_WITH_PANDAS = """
import sys
import numpy as np
from pilothouse.models.formats.pilothouse_pipeline import PipelineModel
from pilothouse.models import pandas_import
from pilothouse.models.signature import Signature, SignatureField

with pandas_import.refused():
    from pilothouse.training.encoding import Encoder

class Model:
    steps = [("encode", Encoder(["x"], []))]
    classes_ = [0, 1]

    def predict_proba(self, inputs):
        import pandas
        return np.array([[0.25, 0.75]] * len(pandas.Series(inputs["x"])))

assert "pandas" not in sys.modules
model = Model()
predict = PipelineModel(model, Signature((SignatureField("x", "number"),), "y", (0, 1), 1)).predict
assert predict([[1.0, 2.0]]) == [[0.25, 0.75]] * 2
"""
SIGNATURE = Signature(
    inputs=(
        SignatureField("distance", "number", required=False),
        SignatureField("seats", "integer", required=False),
        SignatureField("night", "boolean", required=False),
        SignatureField("carrier", "string", required=False),
        SignatureField("leaves", "time", required=False),
    ),
    target="late",
    classes=("no", "yes"),
    positive="yes",
)
COLUMNS: dict[str, list[Any]] = {
    "distance": [512.5, None, 90.0, 700.0],
    "seats": [180, 99, None, 2**40],
    "night": [True, None, False, True],
    "carrier": ["AA", "never seen", None, "B6"],
    "leaves": [1_362_000_000_123, None, -86_400_000, 4_102_444_800_000],
}


def frame_of(columns: dict[str, list[Any]]) -> Any:
    """The columns as a training's data frame has them."""
    import pandas as pd

    return pd.DataFrame(
        {
            "distance": pd.array(columns["distance"], dtype="Float64"),
            "seats": pd.array(columns["seats"], dtype="Int64"),
            "night": pd.array(columns["night"], dtype="boolean"),
            "carrier": pd.Series(columns["carrier"], dtype=object),
            "leaves": pd.to_datetime(columns["leaves"], unit="ms", utc=True),
        }
    )


def fitted(trainer: str) -> Any:
    """A pipeline of a built-in trainer, fitted on a frame and labelled as a training does it."""
    from pilothouse.training.encoding import LabelledPipeline

    draw, rows = np.random.default_rng(7), 400
    distance = draw.normal(500, 150, rows)
    table: dict[str, list[Any]] = {
        "distance": [None if n % 9 == 0 else float(v) for n, v in enumerate(distance)],
        "seats": [None if n % 11 == 0 else int(v) for n, v in enumerate(distance / 3)],
        "night": [None if n % 13 == 0 else bool(v) for n, v in enumerate(draw.random(rows) < 0.4)],
        "carrier": draw.choice(["AA", "B6", "UA"], rows).tolist(),
        "leaves": (1_362_000_000_000 + draw.integers(0, 10**10, rows)).tolist(),
    }
    columns = FeatureColumns(("distance", "seats", "night"), ("carrier",), ("leaves",))
    kind = trainers.get(trainer)
    pipeline = kind.build(columns, resolve_params(kind, {}), 1)
    pipeline.fit(frame_of(table), (distance + draw.normal(0, 50, rows) > 500).astype(int))
    return LabelledPipeline.of(pipeline, ("no", "yes"))


@contextmanager
def process_of(folder: Path, artifact: bytes, signature: Signature) -> Iterator[tuple[int, str]]:
    """The pid and the socket of a ready model process; it is ended afterwards."""
    file = folder / "model.joblib"
    file.write_bytes(artifact)
    paths = ReplicaPaths(folder / "run", folder / "logs")
    launch = Launch(
        deployment="late",
        model="late",
        version=1,
        artifact=str(file),
        digest=hashlib.sha256(artifact).hexdigest(),
        socket=paths.socket(TOKEN),
        signature=signature.to_json(),
        example=[],
    )
    pid, _ = model_processes.spawn(launch, TOKEN, paths, 0)
    try:
        log = paths.log_file("late", 1, 0)
        wait_for(lambda: is_listening(launch.socket) or None, 120.0, log)
        yield pid, launch.socket
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def is_listening(socket: str) -> bool:
    try:
        return request(socket, STATE, 5.0)[:1] == SUCCESS
    except OSError:
        return False


def predicted(socket: str, columns: list[list[Any]]) -> list[list[float]]:
    body = orjson.dumps({"rows": len(columns[0]), "columns": columns})
    answer = request(socket, PREDICT + body, 60.0)
    assert answer[:1] == SUCCESS, answer
    rows: list[list[float]] = orjson.loads(answer[1:])
    return rows


def loads_pandas(pid: int) -> bool:
    """Whether one of pandas' compiled modules is mapped into the process."""
    paths = [mapped.path for mapped in psutil.Process(pid).memory_maps()]
    assert any("numpy" in path for path in paths), "the maps cannot be read"
    return any(f"{os.sep}pandas{os.sep}" in path for path in paths)


@pytest.mark.parametrize(
    "trainer", [name for name, kind in trainers.items() if "classifier" in kind.estimators]
)
def test_a_model_trained_here_is_served_without_pandas(tmp_path: Path, trainer: str) -> None:
    import joblib

    pipeline, file = fitted(trainer), io.BytesIO()
    joblib.dump(pipeline, file)
    with process_of(tmp_path, file.getvalue(), SIGNATURE) as (pid, socket):
        rows = predicted(socket, list(COLUMNS.values()))
        assert not loads_pandas(pid)
    assert rows == pipeline.predict_proba(frame_of(COLUMNS)).tolist()


def test_a_later_step_may_import_pandas() -> None:
    command = [sys.executable, "-c", STEP_WITH_PANDAS]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_pipeline_fitted_on_an_array_is_served_without_pandas(tmp_path: Path) -> None:
    import joblib
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, file = np.random.default_rng(3).normal(size=(60, 2)), io.BytesIO()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, rows[:, 0] > 0)
    joblib.dump(model, file)
    fields = tuple(SignatureField(name, "number") for name in ("x", "y"))
    signature = Signature(fields, "late", (False, True), True)
    with process_of(tmp_path, file.getvalue(), signature) as (pid, socket):
        answers = predicted(socket, [[0.5, -2.0], [1.5, 0.25]])
        assert not loads_pandas(pid)
    expected = model.predict_proba(np.array([[0.5, 1.5], [-2.0, 0.25]]))
    assert np.abs(np.array(answers) - expected).max() < 1e-12


def test_a_pipeline_fitted_on_a_frame_is_given_one(
    tmp_path: Path, artifacts: tuple[bytes, bytes]
) -> None:
    with process_of(tmp_path, artifacts[0], FRAME_SIGNATURE) as (pid, socket):
        [row] = predicted(socket, [[500.0], ["AA"], [None]])
        assert sum(row) == pytest.approx(1)
        assert loads_pandas(pid)
