"""Proof of the protocols: real clients, unmodified, against a live server; schemathesis too.

    python tests/proofs/clients.py [FOLDER]

Triton's client with its default settings, KServe's for both of its protocols, MLflow's scoring
client, and schemathesis over the routes of predictions in `/openapi.json`. The environments are
built once in FOLDER: `make proof`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from prove import environment, plain_variables

from harness.serving import ServerProcess, Worker, trained, workspace_of
from pilothouse.deployments import Deployments

TRITON = ("tritonclient[http]==2.73.0", "pandas")
KSERVE = ("kserve==0.15.2",)
SCHEMATHESIS = ("schemathesis==4.32.5",)
TRITON_CLIENT = """
import sys
import numpy as np
from tritonclient import http
from tritonclient.utils import np_to_triton_dtype

client = http.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("flights") and client.is_model_ready("flights", "1")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
metadata = client.get_model_metadata("flights")
columns = {
    "distance": np.array([[500.0], [900.0]]),
    "carrier": np.array([["AA"], ["ZZ"]], dtype=object),
    "wind": np.array([[np.nan], [25.0]]),
}
assert [part["name"] for part in metadata["inputs"]] == list(columns)

def inputs(binary=True):
    for name, values in columns.items():
        tensor = http.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
        sent = values if binary or values.dtype == object else np.nan_to_num(values)
        tensor.set_data_from_numpy(sent, binary_data=binary)
        yield tensor

default = client.infer("flights", list(inputs()))
shares = default.as_numpy("predict_proba")
assert shares.shape == (2, 2) and np.allclose(shares.sum(axis=1), 1)
assert default.as_numpy("predict").dtype == np.int64
ids = default.as_numpy("prediction_id")
assert ids.shape == (2,) and len(set(ids)) == 2
for way in ("gzip", "deflate"):
    options = {"request_compression_algorithm": way, "response_compression_algorithm": way}
    packed = client.infer("flights", list(inputs()), model_version="1", **options)
    assert np.array_equal(packed.as_numpy("predict_proba"), shares)
for binary in (True, False):
    outputs = [http.InferRequestedOutput("predict_proba", binary_data=binary)]
    mixed = client.infer("flights", list(inputs()), outputs=outputs, request_id="7")
    assert np.array_equal(mixed.as_numpy("predict_proba").reshape(2, 2), shares)
    assert mixed.get_response()["id"] == "7"
plain = client.infer("flights", list(inputs(binary=False)))
assert plain.as_numpy("predict_proba").shape == (2, 2)
facts = {"prediction_ids": ["a", "b"], "event_time": 1764547200000}
named = client.infer("flights", list(inputs()), parameters=facts)
assert list(named.as_numpy("prediction_id")) == [b"a", b"b"]
large = {name: np.repeat(values, 3_000, axis=0) for name, values in columns.items()}
columns.update(large)
many = client.infer("flights", list(inputs()), response_compression_algorithm="gzip")
assert many.as_numpy("predict_proba").shape == (6_000, 2)
try:
    client.infer("flights", list(inputs())[:1])
except Exception as refused:
    assert "missing columns: carrier" in str(refused), refused
else:
    raise AssertionError("a request without a column was answered")
"""
MLFLOW_CLIENT = """
import sys
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", int(sys.argv[1].rpartition(":")[2]))
client.wait_server_ready(timeout=10)
client.ping()
assert client.get_version()
frame = pd.DataFrame({"distance": [500.0, 900.0], "carrier": ["AA", "ZZ"], "extra": [1, 2]})
answer = client.invoke(frame)
assert len(answer.get_predictions()) == 2, answer
"""


KSERVE_CLIENT = """
import asyncio
import sys
import numpy as np
from kserve import InferInput, InferRequest
from kserve.inference_client import InferenceRESTClient, RESTConfig

COLUMNS = {
    "distance": ("FP64", np.array([500.0, 900.0])),
    "carrier": ("BYTES", np.array(["AA", "ZZ"], dtype=object)),
    "wind": ("FP64", np.array([4.0, 25.0])),
}
ROWS = [{"distance": 500.0, "carrier": "AA"}, {"distance": 900.0, "carrier": "ZZ", "wind": 25.0}]

async def second(url):
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
    assert await client.is_server_live(url) and await client.is_server_ready(url)
    assert await client.is_model_ready(url, "flights")
    for binary in (False, True):
        inputs = [InferInput(n, list(v.shape), kind) for n, (kind, v) in COLUMNS.items()]
        for tensor, (_, values) in zip(inputs, COLUMNS.values()):
            tensor.set_data_from_numpy(values, binary_data=binary)
        request = InferRequest(model_name="flights", infer_inputs=inputs, request_id="7")
        answer = await client.infer(url, request, model_name="flights")
        assert answer.id == "7", answer
        shares = next(part for part in answer.outputs if part.name == "predict_proba")
        assert np.allclose(shares.as_numpy().reshape(2, 2).sum(axis=1), 1)

async def first(url):
    client = InferenceRESTClient(RESTConfig(protocol="v1", timeout=30))
    assert await client.is_server_live(url) and await client.is_model_ready(url, "flights")
    answer = await client.infer(url, {"instances": ROWS}, model_name="flights")
    assert len(answer["predictions"]) == 2, answer

asyncio.run(second(sys.argv[1]))
asyncio.run(first(sys.argv[1]))
"""


def main(folder: Path) -> int:
    """How many of the clients did not work."""
    triton, tester = environment(folder, TRITON), environment(folder, SCHEMATHESIS)
    kserve = environment(folder, KSERVE)
    with (
        tempfile.TemporaryDirectory(prefix="clients-") as scratch,
        workspace_of(Path(scratch) / "workspace", trained()) as store,
        ServerProcess(store) as server,
        Worker(store),
    ):
        deployments = Deployments(store)
        deployments.launch("flights", "late", 1)
        deployments.wait_until_ready("flights")
        host = server.url.removeprefix("http://")
        return (
            _run("tritonclient", [str(triton), "-c", TRITON_CLIENT, host], scratch)
            + _run("kserve", [str(kserve), "-c", KSERVE_CLIENT, server.url], scratch)
            + _run("mlflow", [sys.executable, "-c", MLFLOW_CLIENT, host], scratch)
            + _run("schemathesis", _schemathesis(tester, server.url), scratch)
        )


def _schemathesis(python: Path, url: str) -> list[str]:
    """The command: requests made from the schemas, right and wrong ones, get no 5xx."""
    return [
        *(str(python.with_name("schemathesis")), "run", f"{url}/openapi.json"),
        *("--include-tag", "predictions", "--checks", "not_a_server_error"),
        *("--max-examples", "60", "--seed", "7", "--workers", "1"),
        *("--header", "Accept-Encoding: identity", "--suppress-health-check", "all"),
    ]


def _run(name: str, command: list[str], folder: str) -> int:
    """0 when a client works, else 1; what it writes, it writes in a folder that is removed."""
    ended = subprocess.run(
        command, env=plain_variables(), cwd=folder,
        capture_output=True, text=True, check=False, timeout=1_800,
    )  # fmt: skip
    lines = (ended.stdout + ended.stderr).strip().splitlines()
    message = " ".join(["works", *lines[-3:]]) if ended.returncode == 0 else "\n".join(lines[-60:])
    sys.stdout.write(f"{name:16} {message}\n")
    return int(ended.returncode != 0)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(main(folder))
